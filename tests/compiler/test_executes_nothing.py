"""A check reads the recipe's Python and runs none of it, whatever the modules are called."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

RECIPE = Path(__file__).parents[1] / "cases" / "ok" / "whole-pipeline"
TRAP = '\nopen({marker!r}, "a").write(__file__ + "\\n")\n'
SHADOWS = (
    "yaml",
    "jsonschema",
    "jinja2",
    "msgspec",
    "json",
    "torch",
    "sitecustomize",
    "conftest",
    "ast",
)
COMPILER = Path(sys.executable).with_name("espnet3-compile")


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """A recipe whose every module, and some that hide others' names, would leave a mark."""
    directory = tmp_path / "recipe"
    shutil.copytree(RECIPE, directory)
    trap = TRAP.format(marker=str(tmp_path / "ran"))
    modules = [*directory.rglob("*.py")]
    assert modules
    for module in modules:
        module.write_text(module.read_text() + trap)
    for name in SHADOWS:
        (directory / f"{name}.py").write_text(trap)
    return directory


@pytest.mark.parametrize(
    "words",
    [
        ["--check", "recipe.yaml"],
        ["--check", "--strict", "."],
        ["--check", "--format", "sarif", "recipe.yaml"],
        ["--graph", "recipe.yaml"],
        ["--why", "training.optimizer.lr", "recipe.yaml"],
        ["recipe.yaml"],
        ["--check", "--fix", "recipe.yaml"],
        ["--check", "--set", "training.optimizer._target_=src.model.Nte", "recipe.yaml"],
    ],
)
def test_nothing_of_the_recipe_runs(recipe: Path, words: list[str]) -> None:
    done = subprocess.run(
        [COMPILER, *words], cwd=recipe, capture_output=True, check=False, text=True
    )
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr
    assert not (recipe.parent / "ran").exists(), (recipe.parent / "ran").read_text()


@pytest.mark.parametrize(
    "words",
    [
        ["-m", "espnet3_compiler", "--check", "recipe.yaml"],
        ["-P", "-m", "espnet3_compiler", "--check", "recipe.yaml"],
        ["-m", "espnet3_runtime.publication.transcribe", "bundle", "a.wav"],
        ["-m", "espnet3_runtime.publication.load_check", "bundle"],
    ],
)
def test_python_m_imports_nothing_of_the_working_directory(recipe: Path, words: list[str]) -> None:
    for name in ("argparse", "pathlib", "tempfile", "numpy"):
        shutil.copy(recipe / "yaml.py", recipe / f"{name}.py")
    (recipe / "yaml.py").unlink()
    for name in ("yaml", "jsonschema"):
        (recipe / name).mkdir()
        shutil.copy(recipe / "json.py", recipe / name / "__init__.py")
    done = subprocess.run(
        [sys.executable, *words], cwd=recipe, capture_output=True, check=False, text=True
    )
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr
    assert not (recipe.parent / "ran").exists(), (recipe.parent / "ran").read_text()


def test_the_trap_would_have_been_seen(recipe: Path) -> None:
    subprocess.run([sys.executable, "-c", "import src"], cwd=recipe, check=True)
    assert "src/__init__.py" in (recipe.parent / "ran").read_text()
