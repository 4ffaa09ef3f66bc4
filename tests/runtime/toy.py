"""Builds made by hand: what the compiler would write, for recipes of a few lines of Python."""

import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.runtime.late_kit import parsed

SYSTEM = """from espnet3_runtime.stage import Outputs, StageContext, StageSpec
from {module} import {name} as Base


class ToySystem(Base):
    stages = (
{stages}    )

    def __init__(self, **configs):
        super().__init__(configs={{k.removesuffix("_config"): v for k, v in configs.items()}})
{methods}"""

RUN = """import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(1, str(Path(__file__).resolve().parent.parent))

from espnet3_runtime.launch import launch
from system import ToySystem

recompose = locate = None
if (Path(__file__).parent / "recompose.py").exists():
    from recompose import locate, recompose

if __name__ == "__main__":
    raise SystemExit(
        launch(ToySystem, Path(__file__).resolve().parent, recompose=recompose, locate=locate)
    )
"""

RECOMPOSE = '''"""A stand-in for the compiler's loader: it knows how to change one number."""
import json
from pathlib import Path
from types import SimpleNamespace


def recompose(build, config_files, sets):
    import sys
    sys.path.insert(0, {tests!r})
    import toy_state
    return toy_state.recompose(build, config_files, sets)


def locate(build, stage):
    return f"recipe.yaml:{{3 + len(stage)}}:5"
'''


@dataclass
class Toy:
    """A recipe directory with a build; change a field or a file and :meth:`write` again."""

    directory: Path
    stages: list[dict[str, Any]] = field(default_factory=list)
    configs: dict[str, dict[str, Any]] = field(default_factory=dict)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    calls: dict[str, dict[str, Any]] = field(default_factory=dict)
    system: str = "espnet3_runtime.systems.base.BaseSystem"
    exp_tag: str = "toy"
    sources: dict[str, str] = field(default_factory=lambda: {"recipe.yaml": "version: 1\n"})

    @property
    def build(self) -> Path:
        return self.directory / "build"

    @property
    def exp(self) -> Path:
        return self.directory / "exp" / self.exp_tag

    def file(self, path: str, text: str) -> Path:
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
        made = outputs or {}
        placed = {
            key: path if "/" in path else f"exp/{self.exp_tag}/{name}/{path}"
            for key, path in made.items()
        }
        self.calls[name] = {"with": arguments or {}, "outputs": placed}
        declared = {
            key: {"path": path, "type": "file" if Path(path).suffix else "directory"}
            for key, path in placed.items()
        }
        self.stages.append(self._stage(name, call=function, outputs=declared, **more))

    def run(self, name: str, kind: str, outputs: dict[str, str] | None = None, **more: Any) -> None:
        """Add a stage that runs a kind."""
        declared = {
            key: {"path": f"exp/{self.exp_tag}/{name}/{path}", "type": "file"}
            for key, path in (outputs or {}).items()
        }
        self.stages.append(self._stage(name, run=kind, outputs=declared, **more))

    def _stage(self, name: str, **more: Any) -> dict[str, Any]:
        return {
            "name": name,
            "run": None,
            "call": None,
            "configs": {},
            "model": None,
            "init_from": None,
            "needs": [],
            "reads": [],
            "outputs": {},
            **more,
        }

    def stage(self, name: str) -> dict[str, Any]:
        return next(stage for stage in self.stages if stage["name"] == name)

    def lock(self) -> dict[str, Any]:
        """Return the lock as the compiler would write it."""
        files = self.files()
        return {
            "schema_version": 2,
            "recipe": "toy/task",
            "system": self.system,
            "manifest": "../recipe.yaml",
            "recipe_dir": "..",
            "exp_tag": self.exp_tag,
            "exp_dir": f"exp/{self.exp_tag}",
            "data_dir": "data",
            "sources": [
                {"path": path, "sha256": sha256(text)} for path, text in self.sources.items()
            ],
            "set": [],
            "configs": {
                name: {
                    "role": self.roles.get(name),
                    "file": f"conf/{name}.yaml",
                    "sha256": sha256(files[f"conf/{name}.yaml"]),
                }
                for name in self.configs
            },
            "models": {
                name: {
                    "file": f"models/{name}.yaml",
                    "sha256": sha256(files[f"models/{name}.yaml"]),
                }
                for name in self.models
            },
            "stages": self.stages,
            "late_values": parsed([self.configs, self.models, self.calls, self.stages]),
        }

    def files(self) -> dict[str, str]:
        """Return the data files of the build."""
        return {
            **{
                f"conf/{n}.yaml": yaml.safe_dump(v, sort_keys=False)
                for n, v in self.configs.items()
            },
            **{f"models/{n}.yaml": yaml.safe_dump(v) for n, v in self.models.items()},
            **{f"calls/{n}.yaml": yaml.safe_dump(v) for n, v in self.calls.items()},
        }

    def overlay(self) -> dict[str, str]:
        """Return what ``recompose`` would: every text of the build."""
        return {**self.files(), "recipe.lock.json": json.dumps(self.lock())}

    def write(self) -> "Toy":
        """Write the build and its sources."""
        for path, text in self.sources.items():
            self.file(path, text)
        for path, text in self.overlay().items():
            self.file(f"build/{path}", text)
        self.file("build/run.py", RUN)
        self.file("build/system.py", self._system())
        return self

    def _system(self) -> str:
        module, _, name = self.system.rpartition(".")
        keys = ("name", "run", "call", "configs", "model", "init_from", "needs")
        specs = [
            ", ".join(f"{key}={_tuple(stage[key])!r}" for key in keys) for stage in self.stages
        ]
        methods = ""
        for stage in self.stages:
            if stage["call"]:
                body = f"self.call({stage['call']!r}, context)"
            elif stage["name"] != stage["run"]:
                body = f"self.{stage['run']}(context)"
            else:
                continue
            methods += f"\n    def {stage['name']}(self, context):\n        return {body}\n"
        stages = "".join(f"        StageSpec({spec}),\n" for spec in specs)
        return SYSTEM.format(module=module, name=name, stages=stages, methods=methods)

    def python(self, *arguments: str, cwd: Path | None = None, **more: Any) -> Any:
        """Run ``build/run.py`` in a process of its own and return what ``subprocess.run`` does."""
        command = [sys.executable, str(self.build / "run.py"), *arguments]
        return subprocess.run(
            command, cwd=cwd or self.directory, capture_output=True, text=True, check=False, **more
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


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


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
    exp = "exp/toy"
    path = f"{exp}/first/number.txt"
    toy.call("first", "src.steps.make", {"path": path, "number": 3}, {"number": "number.txt"})
    for name, source in (("second", "first"), ("third", "second")):
        toy.call(
            name,
            "src.steps.add",
            {
                "path": f"{exp}/{name}/number.txt",
                "source": f"${{stages.{source}.number}}",
                "more": 1,
            },
            {"number": "number.txt"},
            needs=[source],
            reads=[{"stage": source, "output": "number"}],
        )
    return toy.write()
