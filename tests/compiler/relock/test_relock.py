"""A lock is runnable: it makes the very same build, or says why it cannot."""

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from espnet3_compiler.cli.main import main
from espnet3_compiler.pipeline import compile_manifest
from espnet3_compiler.recompile import recompose
from espnet3_compiler.relock.relock import compile_lock
from espnet3_compiler.result import CompileResult
from tests.compiler.recipe_kit import ROOT, run, texts
from tests.compiler.recipe_kit import minimal as minimal_recipe

RECIPES = sorted((ROOT / "recipes").glob("*/*/recipe.yaml"))
NAMES = [path.parent.relative_to(ROOT / "recipes").as_posix() for path in RECIPES]
GENERATED = shutil.ignore_patterns("build", "data", "exp", "downloads", "__pycache__")
LOCK = "recipe.lock.json"


@pytest.fixture(scope="module")
def recipes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shipped") / "recipes"
    return Path(shutil.copytree(ROOT / "recipes", folder, symlinks=True, ignore=GENERATED))


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_recipe_is_built_again_from_its_lock(name: str, recipes: Path) -> None:
    folder = recipes / name
    config = next(iter(json.loads(built(folder / "recipe.yaml")[LOCK])["configs"]))
    if main([str(folder / "recipe.yaml"), "--set", f"{config}.seed=7"]):  # not every config has it
        assert main([str(folder / "recipe.yaml")]) == 0
    first = texts(folder / "build")
    shutil.copy(folder / "build" / LOCK, folder / LOCK)
    shutil.rmtree(folder / "build")
    assert main([str(folder / LOCK)]) == 0
    assert texts(folder / "build") == first
    assert main([str(folder / "build" / LOCK)]) == 0
    assert texts(folder / "build") == first


@pytest.mark.parametrize(("then", "later"), [("/fast", None), ("", "/slow"), ("/fast", "/slow")])
def test_directories_from_the_environment_are_those_of_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str, later: str | None
) -> None:
    name = "A_DIRECTORY_OF_THIS_TEST"
    exp_dir = f"exp_dir: ${{oc.env:{name},x}}"
    manifest = minimal_recipe(tmp_path, old="system: base", new=f"system: base\n{exp_dir}")
    monkeypatch.setenv(name, then)
    first = built(manifest)
    lock = json.loads(first[LOCK])
    assert (lock["exp_dir"], lock["environment"]) == (then or "x", {name: then or None})
    monkeypatch.delenv(name)
    if later:
        monkeypatch.setenv(name, later)
    assert main([str(tmp_path / "build" / LOCK)]) == 0
    assert texts(tmp_path / "build") == first
    again = json.loads(recompose(tmp_path / "build", {}, ["training.seed=3"]).files[LOCK])
    assert (again["exp_dir"], again["environment"]) == (lock["exp_dir"], lock["environment"])


def built(manifest: Path) -> dict[str, bytes]:
    assert main([str(manifest)]) == 0
    return texts(manifest.parent / "build")


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """The main recipe with a lock beside its manifest, and no build."""
    folder = tmp_path / "recipe"
    shutil.copytree(ROOT / "recipes/digits/keywords", folder, ignore=GENERATED)
    shutil.copytree(ROOT / "recipes/digits/asr/dataset", folder / "dataset", ignore=GENERATED)
    for config in ("training", "inference"):
        path = folder / "conf" / f"{config}.yaml"
        path.write_text(path.read_text().replace("data_src: digits/asr, ", ""))
    values = ("--set", "training.seed=7", "--set", "classifier.channels=32")
    assert main([str(folder / "recipe.yaml"), *values]) == 0
    (folder / "build" / LOCK).rename(folder / LOCK)
    shutil.rmtree(folder / "build")
    return folder


def test_elsewhere_only_the_way_to_the_recipe_differs(recipe: Path, tmp_path: Path) -> None:
    assert main([str(recipe / LOCK)]) == 0
    away = tmp_path / "far" / "away"
    assert main([str(recipe / LOCK), "-o", str(away)]) == 0
    here, there = texts(recipe / "build"), texts(away)
    assert {name for name in here if here[name] != there[name]} == {LOCK, "run.py"}
    shutil.rmtree(recipe / "build")
    shutil.copy(away / LOCK, tmp_path / LOCK)
    (away / "run.py").unlink()
    assert main([str(away / LOCK)]) == 0
    assert texts(away) == there
    assert not (recipe / "build").exists()


def report(recipe: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    capsys.readouterr()
    code = main([str(recipe / LOCK), *words])
    assert not (recipe / "build").exists()
    return code, capsys.readouterr().err


def test_a_changed_source_is_named(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (recipe / "conf/training.yaml").open("a") as file:
        file.write("# later\n")
    (recipe / "conf/metrics.yaml").unlink()
    code, text = report(recipe, capsys)
    assert code == 1
    assert 'training.yaml" is not the file that was compiled' in text
    assert 'metrics.yaml", which was compiled, is not there' in text
    assert "espnet3-compile " in text
    assert text.count("R704") == 2


def test_the_values_belong_to_the_lock(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(recipe, capsys, "--set", "training.seed=3")[0] == 2
    assert report(recipe, capsys, "--fix")[0] == 2
    assert report(recipe, capsys, "--check")[0] == 0


def edit(*path: str | int, value: Any) -> Any:
    def change(lock: Any) -> None:
        for key in path[:-1]:
            lock = lock[key]
        lock[path[-1]] = value

    return change


def too_long(lock: Any) -> None:
    """Name a manifest as no disk can hold it."""
    lock["manifest"] = "../" + "x" * 300
    lock["sources"][0]["path"] = "x" * 300


HOSTILE = [
    (too_long, "R701"),
    (edit("recipe_dir", value="/etc"), "R702"),
    (edit("recipe_dir", value="../x/../../y"), "R702"),
    (edit("manifest", value="../../recipe.yaml"), "R702"),
    (edit("manifest", value=".."), "R702"),
    (edit("manifest", value="\0"), "R702"),
    (edit("sources", 0, "path", value="../other.yaml"), "R702"),
    (edit("sources", 1, "path", value="/etc/passwd"), "R702"),
    (edit("sources", 1, "path", value="conf/../../../x"), "R702"),
    (edit("sources", 1, "path", value="."), "R704"),
    (edit("sources", 1, "sha256", value="0" * 64), "R704"),
    (edit("sources", 1, "sha256", value="x"), "R703"),
    (edit("sources", value=[]), "R703"),
    (edit("set", value=[]), "R703"),
    (edit("set", value=["training.seed=8", "classifier.channels=32"]), "R703"),
    (edit("schema_version", value=1), "R703"),
    (edit("schema_version", value=True), "R703"),
    (edit("more", value=1), "R703"),
    (edit("stages", 0, "name", value="x; import os"), "R703"),
    (edit("stages", 0, "outputs", "summary", "path", value="/tmp/x"), "R703"),
    (edit("system", value="os.system"), "R703"),
    (edit("code", "run.py", value="0" * 64), "R703"),
    (edit("configs", "training", "file", value="../../x.yaml"), "R703"),
]


def test_keys_in_another_order_are_told_at_the_top(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = json.loads((recipe / LOCK).read_text())
    (recipe / LOCK).write_text(json.dumps(dict(reversed(lock.items()))))
    status, text = report(recipe, capsys)
    assert status == 1
    assert 'it differs at "the top"' in text


@pytest.mark.parametrize(("change", "code"), HOSTILE)
def test_a_lock_that_is_not_ours_is_refused_in_one_report(
    change: Any, code: str, recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = json.loads((recipe / LOCK).read_text())
    change(lock)
    (recipe / LOCK).write_text(json.dumps(lock, indent=2))
    status, text = report(recipe, capsys)
    assert status == 1
    assert text.startswith(f"error[{code} ")
    assert text.count("error[") == 1


BYTES = [
    (b"", ":1:1"),
    (b"[]", ":1:1"),
    (b"{", ":1:2"),
    (b"\xff\xfe", ":1:1"),
    (b"[" * 100_000, ":1:1"),
    (b'{"a": "\\ud800"}', "surrogates not allowed"),
    (b"1" * 5000, ":1:1"),
    (b'{"a": x}', ' 1 | {"a": x}\n   |       ^\n   |\n'),
]


@pytest.mark.parametrize(("data", "shown"), BYTES)
def test_bytes_that_are_no_lock(
    data: bytes, shown: str, recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (recipe / LOCK).write_bytes(data)
    status, text = report(recipe, capsys)
    assert status == 1
    assert text.count("error[") == 1
    assert shown in text
    assert "1 error; 0 targets checked, 0 not checked; " in text


def test_a_lock_far_from_its_manifest(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.move(recipe / LOCK, tmp_path / "other.lock.json")
    assert main([str(tmp_path / "other.lock.json")]) == 1
    assert "neither here nor beside the lock" in capsys.readouterr().err


@pytest.fixture(scope="module")
def minimal(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    folder = tmp_path_factory.mktemp("minimal")
    shutil.copy(ROOT / "tests/golden/minimal/recipe.yaml", folder)
    assert main([str(folder / "recipe.yaml")]) == 0
    return folder, json.loads((folder / "build" / LOCK).read_text())


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    inner = [
        (leaves(item, (*path, key)) if isinstance(item, dict | list) else []) + [(*path, key)]
        for key, item in pairs
    ]
    return [place for places in inner for place in places]


VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["..", "/etc/passwd", "../recipe.yaml", "${oc.env:HOME}", "a.b=1", []])
)


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_a_lock_holds_it_is_rebuilt_only_when_nothing_changed(
    data: st.DataObject, minimal: tuple[Path, Any]
) -> None:
    folder, good = minimal
    lock = copy.deepcopy(good)
    place = data.draw(st.sampled_from(leaves(lock)))
    edit(*place, value=data.draw(VALUES))(lock)
    path = folder / "build" / LOCK
    path.write_text(json.dumps(lock, ensure_ascii=False), "utf-8", "surrogatepass")
    outcome = compile_lock(path)
    assert isinstance(outcome, CompileResult)
    assert outcome.ok == (json.dumps(lock) == json.dumps(good))
    assert outcome.ok or len(outcome.diagnostics) == 1


def test_compiling_a_manifest_imports_no_relock(tmp_path: Path) -> None:
    shutil.copy(ROOT / "tests/golden/minimal/recipe.yaml", tmp_path)
    code = (
        "import sys; from espnet3_compiler.cli.main import main\n"
        "assert main(['recipe.yaml']) == 0\n"
        "assert 'espnet3_compiler.relock.relock' not in sys.modules\n"
        "assert main(['build/recipe.lock.json']) == 0\n"
    )
    done = run("-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert compile_manifest(tmp_path / "recipe.yaml").build is None
