"""Recipes of a few lines of Python, compiled by the compiler in this process."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from espnet3_compiler.build.files import build_files
from espnet3_compiler.build.write import write_build
from espnet3_compiler.pipeline import compile_manifest
from espnet3_schemas import LOCK
from tests.warm_kit import run_warm


@dataclass
class Toy:
    """A recipe directory with a build; change a field or a file and :meth:`write` again."""

    directory: Path
    stages: list[dict[str, Any]] = field(default_factory=list)
    configs: dict[str, dict[str, Any]] = field(default_factory=dict)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    system: str = "base"
    exp_tag: str = "toy"

    @property
    def build(self) -> Path:
        return self.directory / "build"

    @property
    def exp(self) -> Path:
        return self.directory / "exp" / self.exp_tag

    def file(self, path: str | Path, text: str) -> Path:
        """Write a file of the recipe."""
        place = self.directory / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
        return place

    def call(
        self,
        name: str,
        function: str,
        arguments: dict[str, Any] | None = None,
        outputs: dict[str, str] | None = None,
        **more: Any,
    ) -> None:
        """Add a ``call`` stage; relative outputs lie in the stage's directory."""
        placed = {
            key: path if "/" in path else f"${{exp_dir}}/{name}/{path}"
            for key, path in (outputs or {}).items()
        }
        stage = {"name": name, "call": function, "with": arguments or {}, "outputs": placed}
        self.stages.append({**stage, **more})

    def run(self, name: str, kind: str, **more: Any) -> None:
        """Add a stage that runs a kind."""
        self.stages.append({"name": name, "run": kind, **more})

    def stage(self, name: str) -> dict[str, Any]:
        """Return a stage of the manifest."""
        return next(stage for stage in self.stages if stage["name"] == name)

    def write(self) -> "Toy":
        """Write the manifest and compile it."""
        manifest = {
            "version": 1,
            "recipe": "toy/task",
            "system": self.system,
            "exp_tag": self.exp_tag,
            "models": self.models,
            "configs": self.configs,
            "stages": self.stages,
        }
        path = self.file("recipe.yaml", yaml.safe_dump(manifest, sort_keys=False))
        outcome = compile_manifest(path)
        assert outcome.plan, [(each.code, each.message) for each in outcome.diagnostics]
        write_build(self.build, build_files(outcome.plan, self.build))
        return self

    def lock(self) -> dict[str, Any]:
        """Return the lock as it lies on the disk."""
        value: dict[str, Any] = json.loads((self.build / LOCK).read_text())
        return value

    def python(self, *arguments: str, cwd: Path | None = None, **more: Any) -> Any:
        """Run ``build/run.py`` and return what ``subprocess.run`` does.

        Args:
            arguments: Of the run.
            cwd: Where it runs.
            more: For ``subprocess.run``; with it, Python is started, not forked.
        """
        place, words = cwd or self.directory, (str(self.build / "run.py"), *arguments)
        if not more:
            return run_warm(*words, folder=place, environment=os.environ)
        command = [sys.executable, *words]
        return subprocess.run(
            command, cwd=place, capture_output=True, text=True, check=False, **more
        )

    def start(self, *arguments: str, **more: Any) -> "subprocess.Popen[str]":
        """Start ``build/run.py`` in the background."""
        command = [sys.executable, str(self.build / "run.py"), *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen(command, cwd=self.directory, text=True, **{**pipes, **more})

    def receipt(self, stage: str) -> dict[str, Any]:
        """Return a receipt as it lies on the disk."""
        value: dict[str, Any] = json.loads((self.exp / "stages" / f"{stage}.json").read_text())
        return value


STEPS = '''"""Steps of the toy recipe."""
from pathlib import Path

FACTOR = 2


def unused():
    return 1


def times(number):
    return number * FACTOR


def make(path, number, fail=False):
    if fail:
        raise RuntimeError("asked to fail")
    Path(path).write_text(f"{times(number)}\\n")


def add(path, source, more=1):
    Path(path).write_text(f"{int(Path(source).read_text()) + more}\\n")
'''


def chain(directory: Path) -> Toy:
    """Three stages: ``first`` makes a number, ``second`` adds to it, ``third`` again."""
    toy = Toy(directory)
    toy.file("src/steps.py", STEPS)
    path = "${exp_dir}/first/number.txt"
    toy.call("first", "src.steps.make", {"path": path, "number": 3}, {"number": "number.txt"})
    for name, source in (("second", "first"), ("third", "second")):
        arguments = {
            "path": f"${{exp_dir}}/{name}/number.txt",
            "source": f"${{stages.{source}.number}}",
            "more": 1,
        }
        toy.call(name, "src.steps.add", arguments, {"number": "number.txt"})
    return toy.write()
