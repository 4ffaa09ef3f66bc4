"""Files and code that configs name: what is packed, under which name, and what is missing."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from espnet3_runtime.config import ConfigView
from espnet3_runtime.errors import UserError
from espnet3_runtime.publication.bundle_files import BundleFiles
from espnet3_runtime.publication.recipe_code import check_code, collect_targets, copy_code
from espnet3_schemas.late_values import Env, StageOutput

LATE = {
    "${stages.a.b}": (StageOutput("a", "b"),),
    "${oc.env:PLACE}": (Env("PLACE", ()),),
    "${oc.env:PLACE}/a.txt": (Env("PLACE", ()), "/a.txt"),
}


@pytest.fixture
def files(tmp_path: Path) -> BundleFiles:
    recipe = tmp_path / "recipe"
    for name in (
        "data/a.txt",
        "other/a.txt",
        "third/a.txt",
        "data/deep/b.bin",
        "conf.d/x",
        "plain",
    ):
        (recipe / name).parent.mkdir(parents=True, exist_ok=True)
        (recipe / name).write_text(name)
    (tmp_path / "bundle").mkdir()
    return BundleFiles(recipe, tmp_path / "bundle", LATE)


def packed(files: BundleFiles) -> dict[str, str]:
    found = (path for path in files.bundle.rglob("*") if path.is_file())
    return {path.relative_to(files.bundle).as_posix(): path.read_text() for path in sorted(found)}


def test_files_and_directories_are_copied_once(files: BundleFiles) -> None:
    composed = {
        "one": "data/a.txt",
        "again": ["data/a.txt", ("other/a.txt", 3, None)],
        "third": {"_target_": "data/a.txt", "path": "third/a.txt"},
        "folder": "data/deep",
        "absolute": str(files.recipe_dir / "plain"),
    }
    assert files.rewrite_paths(composed, composed, "inference") == {
        "one": "bundle://files/a.txt",
        "again": ["bundle://files/a.txt", ["bundle://files/2-a.txt", 3, None]],
        "third": {"_target_": "data/a.txt", "path": "bundle://files/3-a.txt"},
        "folder": "bundle://files/deep",
        "absolute": "bundle://files/plain",
    }
    assert packed(files) == {
        "files/2-a.txt": "other/a.txt",
        "files/3-a.txt": "third/a.txt",
        "files/a.txt": "data/a.txt",
        "files/deep/b.bin": "data/deep/b.bin",
        "files/plain": "plain",
    }


@pytest.mark.parametrize(
    "text",
    [
        *("plain", "data", "conf.d", "nothing", "a/b", "a.b", "http://host/a.txt", "a b/c.txt"),
        *("torch.nn.Linear", "x.txt", "a/b.unknown", "a/b.TXT.gz x", "a\tb/c.txt", "v1.bin"),
    ],
)
def test_texts_that_name_no_file(text: str, files: BundleFiles) -> None:
    assert files.rewrite_paths({"a": text}, {"a": text}, "m") == {"a": text}
    assert packed(files) == {}


@pytest.mark.parametrize(
    ("key", "text", "is_missing"),
    [
        *(("a", "no/a.txt", True), ("a", "no/a.TXT", True), ("a", "no/a.xyz", False)),
        *(("path", "a.txt", True), ("file", "a.ckpt", True), ("dir", "a.zip", True)),
        *(("feats_stats", "a.npz", True), ("my_file", "a.wav", True), ("name", "a.wav", False)),
        *(("paths", "a.txt", False), ("path", "a", False), ("path", "a b.txt", False)),
    ],
)
def test_what_can_only_be_a_file_must_exist(
    key: str, text: str, is_missing: bool, files: BundleFiles
) -> None:
    config = {"x": [{key: text}]}
    if not is_missing:
        assert files.rewrite_paths(config, config, "m") == config
        return
    with pytest.raises(UserError) as caught:
        files.rewrite_paths(config, config, "m")
    assert str(caught.value) == (
        f'the bundle would lack "{text}": there is no such file\n'
        f"  config: m.x[0].{key}\n"
        "  help: run the stage that makes it, or correct the path"
    )


def test_late_values(files: BundleFiles) -> None:
    def rewritten(composed: str, bound: Any) -> Any:
        return files.rewrite_paths({"path": composed}, {"path": bound}, "m")["path"]

    output, place = "${stages.a.b}", "${oc.env:PLACE}"
    assert rewritten(output, "plain") == "bundle://files/plain"
    assert rewritten(output, "data") == "bundle://files/data"
    for gone in ("gone", "gone/a.txt"):
        with pytest.raises(UserError, match=f'^the bundle would lack "{gone}"'):
            rewritten(output, gone)
    assert rewritten(f"{place}/a.txt", "data/a.txt") == "bundle://files/a.txt"
    assert rewritten(f"{place}/a.txt", "gone/a.txt") == f"{place}/a.txt"
    assert rewritten(place, 3) == place
    assert rewritten(place, None) == place


def test_a_name_of_ones_own(files: BundleFiles) -> None:
    path = files.recipe_dir / "data/a.txt"
    assert files.add(path, "files/mine/x") == "files/mine/x"
    assert files.add(path) == files.add(path, "files/other") == "files/mine/x"
    assert files.add(files.recipe_dir / "plain", "files/mine/x") == "files/mine/2-x"
    assert packed(files) == {"files/mine/2-x": "plain", "files/mine/x": "data/a.txt"}


def test_a_directory_is_packed_without_what_is_hidden_in_it(files: BundleFiles) -> None:
    for name in ("base/config.json", "base/.git/config", "base/.env"):
        (files.recipe_dir / name).parent.mkdir(parents=True, exist_ok=True)
        (files.recipe_dir / name).write_text(name)
    config = {"pretrained_model_name_or_path": "base", "name": "base"}
    found = {"pretrained_model_name_or_path": "bundle://files/base", "name": "base"}
    assert files.rewrite_paths(config, config, "m") == found
    assert packed(files) == {"files/base/config.json": "base/config.json"}


def test_a_word_means_neither_the_data_nor_where_the_bundle_is_made(files: BundleFiles) -> None:
    bundle = files.recipe_dir / "exp/recipe/bundle"
    bundle.mkdir(parents=True)
    inside = replace(files, bundle=bundle, data_dir=files.recipe_dir / "data")
    config = {"cache_dir": "exp", "data_dir": "data", "directory": "conf"}
    assert inside.rewrite_paths(config, config, "m") == config
    with pytest.raises(UserError, match="holds the bundle itself") as caught:
        inside.rewrite_paths({"a": "exp/recipe"}, {"a": "exp/recipe"}, "m")
    assert caught.value.where == "m.a"
    assert packed(inside) == {}


MODULES = {
    "src/__init__.py": "",
    "src/a.py": "from src import b\n\n",
    "src/b.py": "def work(): pass\n",
    "src/unused.py": "",
    "src/beside.csv": "",
    "data/a.txt": "",
}


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    for name, text in MODULES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_selected_code_is_copied_in_order(recipe: Path, tmp_path: Path) -> None:
    def copied(include: list[str], exclude: list[str]) -> list[str]:
        pack = ConfigView({"include": include, "exclude": exclude}, "pack")
        return copy_code(recipe, pack, tmp_path / "target")

    names = copied(["src/**", "src/a.py", "data/*.txt"], ["**/unused.py"])
    assert names == ["data/a.txt", "src/__init__.py", "src/a.py", "src/b.py", "src/beside.csv"]
    for name in names:
        assert (tmp_path / "target" / name).read_text() == MODULES[name]
    assert not (tmp_path / "target/src/unused.py").exists()
    assert copied([], []) == []
    with pytest.raises(UserError) as caught:
        copied(["../x"], [])
    assert caught.value.where == "pack.include"


def test_targets_of_nodes() -> None:
    task = {"task": "espnet2.tasks.asr.ASRTask", "config": "x"}
    assert collect_targets(
        None,
        {"_target_": "b.C", "inner": [{"_target_": "a.B"}, {"_target_": 3}], "task": "no"},
        {"x": {"_target_": "b.C"}, "target": "d"},
        {"deep": {"task": "no"}},
    ) == ["b.C", "a.B"]
    assert collect_targets(task) == ["espnet2.tasks.asr.ASRTask"]
    assert collect_targets() == []


ALL = ("src/__init__.py", "src/a.py", "src/b.py")


def test_code_that_is_packed_whole(recipe: Path) -> None:
    code = check_code(recipe, ["src.a.x", "torch.nn.Linear"], (*ALL, "data/a.txt"))
    assert set(code.modules) <= set(ALL)
    assert check_code(recipe, ["src.b.work"], ("src/__init__.py", "src/b.py"))
    assert check_code(recipe, ["torch.nn.Linear"], ())


def test_a_packed_file_may_be_named_from_beside_the_code(recipe: Path) -> None:
    (recipe / "src/a.py").write_text("PATHS = ('../data/a.txt', 'beside.csv')\n")
    packed = ("src/a.py", "data/a.txt", "src/beside.csv")
    assert check_code(recipe, ["src.a.x"], packed)


def test_code_that_is_not_packed(recipe: Path) -> None:
    with pytest.raises(UserError) as caught:
        check_code(recipe, ["src.a.x"], ("src/a.py",))
    assert str(caught.value) == (
        "the bundle would lack code that it runs: src/b.py\n"
        "  config: pack_model.include\n"
        "  help: add it to include, or take it out of exclude"
    )


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("data/a.txt", "data/a.txt"),
        ("beside.csv", "src/beside.csv"),
        ("../data/a.txt", "data/a.txt"),
        ("src/beside.csv", "src/beside.csv"),
        ("a.txt", None),
        ("data", None),
        ("b.py", None),
        ("nothing.txt", None),
        ("/etc/passwd.", None),
        ("~/a.txt", None),
        ("data/a.txt\\n", None),
    ],
)
def test_files_that_code_opens(text: str, named: str | None, recipe: Path) -> None:
    (recipe / "src/a.py").write_text(f"PATH = '{text}'\n")
    packed = ("src/__init__.py", "src/a.py")
    if named is None:
        assert check_code(recipe, ["src.a.x"], packed)
        return
    with pytest.raises(UserError) as caught:
        check_code(recipe, ["src.a.x"], packed)
    assert str(caught.value) == (
        f"the code of the bundle opens files that would not be inside: {named}\n"
        "  config: pack_model.include\n"
        "  help: give the path as an argument in the config, which packs the file, or open it "
        "relative to __file__ and include it"
    )
