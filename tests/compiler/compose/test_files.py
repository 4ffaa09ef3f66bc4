"""Files of configs that are links, directories, many, or named on the command line."""

from pathlib import Path

import pytest

from tests.compiler.front_kit import front
from tests.compiler.told_kit import told

SOURCE = "configs: {c: conf/trainin.yaml}\n"


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "recipe/conf").mkdir(parents=True)
    (tmp_path / "recipe/conf/training.yaml").write_text("a: 1\n")
    (tmp_path / "other.yaml").write_text("a: 2\n")
    return tmp_path / "recipe"


def test_another_name_is_meant_only_where_there_is_nothing(recipe: Path) -> None:
    named = recipe / "conf/trainin.yaml"
    done = front(recipe, SOURCE)
    assert done.only.fix is not None
    assert done.config("c") == {"a": 1}
    named.mkdir()
    assert told(front(recipe, SOURCE).found) == [
        'R701 the file "conf/trainin.yaml" cannot be read: is a directory',
        "at 4:14 'conf/trainin.yaml' named here",
    ]
    named.rmdir()
    named.symlink_to(recipe.parent / "other.yaml")
    done = front(recipe, SOURCE)
    assert told(done.found) == [
        'R702 "conf/trainin.yaml" leads through a link out of the recipe directory',
        "at 4:14 'conf/trainin.yaml' named here",
        "help: put a copy in the place of the link",
    ]
    assert not done.composition.configs["c"].complete
    named.unlink()
    named.symlink_to(recipe / "conf/training.yaml")
    done = front(recipe, SOURCE)
    assert (done.codes, done.config("c")) == ([], {"a": 1})


def test_links_and_deep_files_are_no_other_name(recipe: Path) -> None:
    (recipe / "conf/training.yaml").unlink()
    (recipe / "conf/training.yaml").symlink_to(recipe.parent / "other.yaml")
    (recipe / "conf/deep").mkdir()
    (recipe / "conf/deep/trainin.yaml").write_text("a: 3\n")
    assert front(recipe, SOURCE).only.help == ()


@pytest.mark.parametrize(("files", "near"), [(498, True), (500, False)])
def test_so_many_files_are_looked_at(recipe: Path, files: int, near: bool) -> None:
    for number in range(files):
        (recipe / f"x{number}.yaml").touch()
    found = front(recipe, SOURCE).only  # with that of the recipe, 499 or 501 before it
    assert found.help == (('did you mean "conf/training.yaml"?',) if near else ())


def test_a_config_of_the_command_line_may_link_within_its_folder(
    recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(recipe.parent)
    mine = recipe.parent / "mine"
    mine.mkdir()
    (mine / "real.yaml").write_text("a: 4\n")
    (mine / "link.yaml").symlink_to(mine / "real.yaml")
    (mine / "out.yaml").symlink_to(recipe.parent / "other.yaml")
    (recipe / "conf/in.yaml").symlink_to(recipe / "conf/training.yaml")
    manifest = "configs: {c: {}, d: {}, e: {}, f: conf/training.yaml}\n"
    paths = {"c": mine / "link.yaml", "d": mine / "out.yaml", "e": recipe / "conf/in.yaml"}
    done = front(recipe, manifest, config_files=paths)
    assert told(done.found) == [
        'R702 "mine/out.yaml" leads through a link out of the recipe directory',
        f"at 1:1 '--d_config {mine}/out.yaml' named here",
        "help: put a copy in the place of the link",
    ]
    assert [done.config(name) for name in "cdef"] == [{"a": 4}, {}, {"a": 1}, {"a": 1}]
    names = [[s.name for s in done.composition.configs[name].sources] for name in "cdef"]
    assert names == [["mine/link.yaml"], [], ["recipe/conf/in.yaml"], ["conf/training.yaml"]]


def test_a_file_is_named_from_where_its_manifest_is(recipe: Path) -> None:
    done = front(recipe, "configs: {f: ./conf/../conf/training.yaml}\n")
    (source,) = done.composition.configs["f"].sources
    assert (source.name, source.path) == ("conf/training.yaml", recipe / "conf/training.yaml")
