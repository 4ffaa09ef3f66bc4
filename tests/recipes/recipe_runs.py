"""Runs commands of a recipe as a user does, and imports a recipe's packages under other names."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from evaluation.recipes import GENERATED, RECIPES, settings
from tests.warm_kit import run_warm


def copy_recipes(target: Path) -> Path:
    """Copy all recipes without what they made; links between them stay links."""
    return Path(shutil.copytree(RECIPES, target / "recipes", symlinks=True, ignore=GENERATED))


def run(*command: str, folder: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run a script or a module of Python in a folder; ``extra`` goes into its environment."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **extra}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # as for a user, for whom bytecode is written
    warm = command[0].endswith("build/run.py") or " ".join(command).startswith("-m espnet3_runtime")
    if warm and "PYTHONPATH" not in extra:  # it may hold a sitecustomize
        return run_warm(*command, folder=folder, environment=environment)
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def run_all(folder: Path, sets: Sequence[str] = (), *, deep: bool = False) -> str:
    """Compile a recipe, which must be clean, and run all its stages; return what was said."""
    flags = ["--deep"] if deep else []
    compiled = run("-m", "espnet3_compiler", "recipe.yaml", *flags, *settings(sets), folder=folder)
    assert compiled.returncode == 0, compiled.stderr
    done = run("build/run.py", "--stages", "all", folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return compiled.stderr + done.stdout + done.stderr


def put_recogniser(bundle: Path, digits: Path) -> Path:
    """Copy a bundle of digits/asr to where the other recipes of digits look for it."""
    return Path(shutil.copytree(bundle, digits / "asr/exp/recipe/pack_model/bundle"))


def package(recipe: str, part: str) -> ModuleType:
    """Import ``dataset`` or ``src`` of a recipe under a name of its own."""
    file = RECIPES / recipe / part / "__init__.py"
    name = f"{recipe.replace('/', '_')}_{part}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            name, file, submodule_search_locations=[str(file.parent)]
        )
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def module(recipe: str, dotted: str) -> ModuleType:
    """Import a module such as ``src.model`` of a recipe."""
    part, _, rest = dotted.partition(".")
    return importlib.import_module(f"{package(recipe, part).__name__}.{rest}")
