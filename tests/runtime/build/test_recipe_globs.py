"""The files that include and exclude choose, alike in the compiler and in the runtime."""

import pytest

from espnet3_compiler.checks.paths import globs
from espnet3_runtime.build import recipe_globs
from espnet3_runtime.errors import UserError

FILES = ("recipe.py", "src/a.py", "src/inner/b.py", "dataset/c.py")


@pytest.fixture
def recipe(tmp_path):
    for name in FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("include", "exclude", "names"),
    [
        ([], [], ()),
        (["."], [], FILES),
        (["./"], ["src"], ("recipe.py", "dataset/c.py")),
        (["**"], ["."], FILES),
        (["src"], ["**/inner"], ("src/a.py",)),
        (["src/**.py"], [], ("src/a.py",)),
        (["src/**/*.py", "*.py"], [], ("recipe.py", "src/a.py", "src/inner/b.py")),
        (["src/."], ["**/"], ("src/a.py", "src/inner/b.py")),
    ],
)
def test_both_choose_the_same_files(recipe, include, exclude, names):
    assert set(recipe_globs.select_files(recipe, include, exclude)) == set(names)
    assert globs.select_files(recipe, include, exclude) == set(names)


@pytest.mark.parametrize("pattern", ["..", "src/..", "/etc"])
def test_globs_that_lead_out(recipe, pattern):
    assert globs.select_files(recipe, [pattern], []) is None
    with pytest.raises(UserError, match="leaves the recipe directory"):
        list(recipe_globs.select_files(recipe, [pattern], []))


@pytest.mark.parametrize("pattern", ["a" * 300, "a\0b"])
def test_names_that_no_file_can_have(recipe, pattern):
    assert not globs.select_files(recipe, [pattern], [])
