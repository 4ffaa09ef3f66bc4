"""What the tests of trainings share."""

import pytest

from tests.runtime.training_kit import recipe_in


@pytest.fixture
def recipe(tmp_path):
    """Return the directory of a small recipe, which is the working directory."""
    with recipe_in(tmp_path / "tiny") as directory:
        yield directory
