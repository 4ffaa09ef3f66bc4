"""An edit of a shipped recipe, and the stages that it must run."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path


@dataclass(frozen=True)
class Subject:
    """A shipped recipe, made small.

    Attributes:
        name: ``<corpus>/<task>``.
        sets: ``--set`` arguments of the compile.
        beside: Other recipes that it uses.
        patches: Texts to replace before it runs: file, old, new.
        prepare: More to do before it runs.
        paths: Directories and archives on ``PYTHONPATH``, below the place.
    """

    name: str
    sets: tuple[str, ...]
    beside: tuple[str, ...] = ()
    patches: tuple[tuple[str, str, str], ...] = ()
    prepare: "Callable[[Place], None] | None" = None
    paths: tuple[str, ...] = ()


@dataclass(frozen=True)
class Place:
    """A copy of a recipe that has run, to be edited."""

    root: Path
    subject: Subject

    @property
    def recipe(self) -> Path:
        """The recipe's directory."""
        return self.root / "recipes" / self.subject.name

    @property
    def exp(self) -> Path:
        """Its experiment."""
        return self.recipe / "exp" / "recipe"

    @property
    def python(self) -> str:
        """The interpreter: of an own environment, when there is one."""
        own = self.root / "venv" / "bin" / "python"
        return str(own) if own.exists() else sys.executable

    @property
    def paths(self) -> list[str]:
        """What ``PYTHONPATH`` names."""
        return [str(self.root / path) for path in self.subject.paths]

    def replace(self, file: str, old: str, new: str) -> None:
        """Replace a text in a file of the recipe, which must hold it."""
        path = self.recipe / file
        text = path.read_text(encoding="utf-8")
        if old not in text:
            raise ValueError(f'{self.subject.name}/{file} no longer holds "{old}"')
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    def append(self, file: str, text: str) -> None:
        """Add a text at the end of a file, which is made when missing."""
        path = self.recipe / file
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(before + text, encoding="utf-8")

    def output(self, pattern: str) -> Path:
        """Return the first file below the recipe that matches a pattern."""
        return min(self.recipe.glob(pattern))

    def receipt(self, stage: str, change: Callable[[dict], None]) -> None:
        """Change a receipt."""
        path = self.exp / "stages" / f"{stage}.json"
        value = json.loads(path.read_text(encoding="utf-8"))
        change(value)
        path.write_text(json.dumps(value), encoding="utf-8")


@dataclass(frozen=True)
class Moment:
    """When to edit: a stage runs, its log holds a line, and it has a file open.

    Attributes:
        stage: The stage, which runs again for this.
        line: What its log says.
        opened: The end of the path of a file; empty: no matter.
        before: Done before the run.
    """

    stage: str
    line: str = "INFO"
    opened: str = ""
    before: Callable[[Place], None] | None = None


@dataclass(frozen=True)
class Edit:
    """One edit.

    Attributes:
        name: What a person would call it.
        runs: The stages that it changes itself; what lies behind them may run.
        apply: Makes the edit.
        sets: More ``--set`` arguments of the compile.
        options: Arguments of ``run.py``.
        environment: Variables that are set.
        damages: It changes what the recipe made, and not the recipe.
        simulated: It cannot be done for real.
        during: The edit is made while a run is under way, and followed by the plan of the next.
        says: What the plan, or the run that is under way, must say.
    """

    name: str
    runs: frozenset[str]
    apply: Callable[[Place], None] | None = None
    sets: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    damages: bool = False
    simulated: bool = False
    during: Moment | None = None
    says: str = ""


def text(file: str, old: str, new: str, runs: str = "", name: str = "") -> Edit:
    """Return the edit that replaces a text; ``runs`` are stages with spaces between."""
    shown = name or f"{file}: {_short(old)} -> {_short(new)}"
    return Edit(shown, _names(runs), lambda place: place.replace(file, old, new))


def setting(value: str, runs: str = "") -> Edit:
    """Return the edit that compiles with one more ``--set``."""
    return Edit(f"espnet3-compile --set {value}", _names(runs), sets=(value,))


def option(arguments: str, runs: str = "", apply: Callable[[Place], None] | None = None) -> Edit:
    """Return the edit that gives arguments to ``run.py``."""
    words = tuple(arguments.split(" "))
    return Edit(f"run.py {arguments}", _names(runs), apply, options=words)


def action(name: str, runs: str, apply: Callable[[Place], None]) -> Edit:
    """Return an edit that is a function."""
    return Edit(name, _names(runs), apply)


def damage(name: str, runs: str, apply: Callable[[Place], None]) -> Edit:
    """Return an edit of what the recipe made."""
    return Edit(name, _names(runs), apply, damages=True)


def by_hand(name: str, runs: str, apply: Callable[[Place], None]) -> Edit:
    """Return an edit of data which their builder finds built: they are new data, not made anew."""
    return replace(damage(name, runs, apply), simulated=True)


def kept(edit: Edit) -> Edit:
    """Return an edit of a builder's code; it finds built what it built before (its ``VERSION``)."""
    return replace(edit, simulated=True)


def during(moment: str | Moment, edit: Edit, says: str = "") -> Edit:
    """Return the edit, made while a stage runs; ``says`` is what the run must say."""
    when = Moment(moment) if isinstance(moment, str) else moment
    return replace(edit, name=f"while {when.stage} runs: {edit.name}", during=when, says=says)


def _names(runs: str) -> frozenset[str]:
    return frozenset(runs.split())


def _short(words: str) -> str:
    line = " ".join(words.split())
    return line if len(line) <= 30 else f"{line[:29]}…"
