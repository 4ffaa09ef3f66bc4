"""The recipe of the page about Systems."""

from pathlib import Path

import pytest

from tests.docs.systems_kit import write_recipe


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Return the recipe whose System lies in a package beside it."""
    return write_recipe(tmp_path)
