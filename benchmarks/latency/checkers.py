"""The checkers that are compared, each given the recipe in the form that it knows best."""

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.latency.measure import Run, run
from espnet3_schemas.editor import editor_schema

STAGE_OUTPUT = re.compile(r"\$\{stages\.(\w+)\.(\w+)\}")
HYDRA_APP = """\
import hydra


@hydra.main(version_base=None, config_path=".", config_name="recipe")
def main(config):
    print(config)


main()
"""


@dataclass(frozen=True)
class Checker:
    """A checker.

    Attributes:
        name: As printed.
        needs: The distribution to install, if it is not ours.
        prepare: Writes what it needs beside ``recipe.yaml``, once.
        text: Puts the manifest into its form.
        command: What is run in the recipe directory, after the interpreter.
        environment: Variables of its own.
        knows_stages: Whether it has the notion of a stage at all.
    """

    name: str
    needs: str | None
    command: Sequence[str]
    prepare: Callable[[Path], None] = lambda _: None
    text: Callable[[str], str] = lambda text: text
    environment: Mapping[str, str] | None = None
    knows_stages: bool = True

    def check(self, python: Path, folder: Path, text: str) -> Run:
        """Check a text of the manifest, in the checker's own copy of the recipe."""
        recipe = folder / self.name
        (recipe / "recipe.yaml").write_text(self.text(text), encoding="utf-8")
        return run([python, *self.command], recipe, plain_environment() | (self.environment or {}))


def plain_environment() -> dict[str, str]:
    """Return the environment without what would change how Python starts or what is cached."""
    unwanted = ("PYTHON", "ESPNET3_", "HYDRA_")
    return {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}


def _write_schema(recipe: Path) -> None:
    (recipe / "schema.json").write_text(json.dumps(editor_schema("recipe")), encoding="utf-8")


def _write_app(recipe: Path) -> None:
    (recipe / "app.py").write_text(HYDRA_APP, encoding="utf-8")


def _for_hydra(text: str) -> str:
    """Replace what stages hand on by paths: to Hydra, stages are a list like any other."""
    return STAGE_OUTPUT.sub(r"exp/\1/\2", text)


PROGRAM = (
    "-c",
    "import sys; from espnet3_compiler.__main__ import main; sys.exit(main())",
    "--check",
)
"""What the installed script does."""

OURS = Checker(
    "espnet3-compile",
    None,
    (*PROGRAM, "recipe.yaml"),
    environment={"ESPNET3_COMPILE_CACHE": ".cache"},
)
CHECKERS = (
    OURS,
    Checker(
        "check-jsonschema",
        "check-jsonschema",
        ("-m", "check_jsonschema", "--schemafile", "schema.json", "recipe.yaml"),
        prepare=_write_schema,
    ),
    Checker(
        "Hydra",
        "hydra-core",
        ("app.py", "--cfg", "job", "--resolve"),
        prepare=_write_app,
        text=_for_hydra,
        knows_stages=False,
    ),
)
