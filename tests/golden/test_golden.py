"""The generated builds are committed, compared byte for byte, checked by tools, and executed."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from espnet3_compiler.syntax.read import read_file
from espnet3_compiler.syntax.tree import to_python
from espnet3_schemas import load_as_written
from tests.golden.update import compiled, recipes

RECIPES = recipes()
ROOT = Path(__file__).parents[2]
PYPROJECT = ROOT / "pyproject.toml"


def name_of(manifest: Path) -> str:
    return manifest.parent.name


def committed(manifest: Path) -> dict[str, str]:
    build = manifest.parent / "build"
    paths = [
        path for path in build.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    ]
    return {path.relative_to(build).as_posix(): path.read_text("utf-8") for path in paths}


def run(*command: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, *map(str, command)]
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)


def test_there_are_golden_recipes() -> None:
    assert len(RECIPES) >= 3


@pytest.mark.parametrize("manifest", RECIPES, ids=name_of)
def test_the_build_is_the_committed_one(manifest: Path) -> None:
    assert compiled(manifest) == committed(manifest), "python -m tests.golden.update rewrites it"


@pytest.mark.parametrize("manifest", RECIPES, ids=name_of)
def test_the_lock_fits_its_schema(manifest: Path) -> None:
    lock = json.loads(committed(manifest)["recipe.lock.json"])
    jsonschema.Draft202012Validator(load_as_written("lock")).validate(lock)


@pytest.mark.parametrize("manifest", RECIPES, ids=name_of)
def test_configs_read_back_alike_with_every_reader(manifest: Path) -> None:
    files = [file for file in committed(manifest) if file.endswith(".yaml")]
    assert files
    for file in files:
        path = manifest.parent / "build" / file
        root, _, found = read_file(path, file, path.parent)
        assert found == ()
        assert root is not None
        assert to_python(root) == yaml.safe_load(path.read_text("utf-8"))


AS_USERS_HAVE_IT = "lint.isort.known-first-party = ['src', 'dataset']"


@pytest.mark.parametrize("tool", [("format", "--check"), ("check", "--ignore=INP001")])
def test_ruff_has_nothing_to_say(tmp_path: Path, tool: tuple[str, ...]) -> None:
    for manifest in RECIPES:
        for name in ("run.py", "system.py"):
            path = tmp_path / name_of(manifest) / "build" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(compiled(manifest)[name], "utf-8")
    options = ("--no-cache", "--config", PYPROJECT, "--config", AS_USERS_HAVE_IT)
    result = run("-m", "ruff", *tool, *options, tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture(scope="module")
def mypy_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where mypy keeps what it read of the libraries: their stubs are most of its work."""
    return tmp_path_factory.mktemp("mypy")


@pytest.mark.parametrize("manifest", RECIPES, ids=name_of)
def test_mypy_is_content(manifest: Path, mypy_cache: Path) -> None:
    build = manifest.parent / "build"
    result = run(
        "-m", "mypy", "--strict", "--config-file=", "--cache-dir", mypy_cache,
        "--follow-imports=silent", build / "run.py", build / "system.py", cwd=manifest.parent,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("manifest", RECIPES, ids=name_of)
def test_run_py_lists_its_stages_from_anywhere(manifest: Path, tmp_path: Path) -> None:
    result = run("-B", manifest.parent / "build" / "run.py", "--list", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    lock = json.loads(committed(manifest)["recipe.lock.json"])
    for stage in lock["stages"]:
        assert stage["name"] in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_stages_of_the_recipes_own_run(tmp_path: Path) -> None:
    source = ROOT / "tests/golden/own_system"
    for path in [*source.glob("*.yaml"), *source.glob("src/*.py"), *source.glob("build/**/*.*")]:
        target = tmp_path / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            target.write_bytes(path.read_bytes())
    result = run(tmp_path / "build/run.py", "--stages", "all")
    assert result.returncode == 0, result.stdout + result.stderr
    marks = sorted((tmp_path / "exp").rglob("polished.txt"))
    assert [mark.parent.name for mark in marks] == ["polish", "polish_again"]
    assert {mark.read_text() for mark in marks} == {"3"}
    assert (tmp_path / "exp/recipe/mark/mark.txt").read_text() == "strength 3"
    again = run(tmp_path / "build/run.py", "--stages", "all", "--set", "polish.strength=4")
    assert again.returncode == 0, again.stdout + again.stderr
    assert {mark.read_text() for mark in marks} == {"4"}
    assert (tmp_path / "exp/recipe/mark/mark.txt").read_text() == "strength 4"


def test_system_py_shows_the_stages_in_order() -> None:
    text = committed(ROOT / "tests/golden/pipeline/recipe.yaml")["system.py"]
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    names = [
        keyword.value.value
        for call in calls
        if getattr(call.func, "id", "") == "StageSpec"
        for keyword in call.keywords
        if keyword.arg == "name" and isinstance(keyword.value, ast.Constant)
    ]
    assert names == [
        "create_dataset", "train_tokenizer", "collect_stats", "train_easy", "train_full",
        "infer", "measure", "export",
    ]  # fmt: skip
