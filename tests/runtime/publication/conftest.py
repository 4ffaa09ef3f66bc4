"""What the tests of bundles, uploads and downloads share."""

import pytest
import soundfile

from tests.runtime.bundle_kit import packable, speech
from tests.runtime.hub_kit import customer, packed_recipe


@pytest.fixture
def recipe(tmp_path):
    """A recipe that can be packed, as the working directory."""
    with packable(tmp_path / "recipe") as directory:
        yield directory


@pytest.fixture(scope="session")
def packed(tmp_path_factory):
    """A recipe whose model and demo are packed; tests copy it."""
    return packed_recipe(tmp_path_factory.mktemp("packed") / "recipe")


@pytest.fixture
def user(packed, tmp_path):
    """Somebody with a recording, a hub of their own, and a copy of the packed recipe."""
    soundfile.write(tmp_path / "a.wav", speech("two", "four"), 16000)
    with customer(tmp_path, packed) as somebody:
        yield somebody
