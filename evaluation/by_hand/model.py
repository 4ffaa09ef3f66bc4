"""Read mistakes: YAML lists, one a theme, with the exact places marked in the new text."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from evaluation.recipes import RECIPES

FOLDER = Path(__file__).parent / "mistakes"
MARKS = ("⟦", "⟧")


TextEdit = tuple[str, str, str]
"""A file of the recipe, the text in it that is replaced where it stands first, and the new one."""

Place = tuple[str, int, int]
"""A file of the recipe, a line and a column."""


@dataclass(frozen=True)
class HandMistake:
    """A mistake, or a change that is right.

    Attributes:
        recipe: The shipped recipe, as ``digits/asr``.
        what: The mistake in few words.
        edits: What is changed, with marks around where a report belongs; an empty old text makes a
            new file.
        also: Other places that a report may name: a file, and a text that begins there.
        fix: A regular expression that the report must fit; empty where there is no one fix.
        good: Whether nothing is wrong, so that nothing may be said.
        theme: The name of the file that the mistake is written in.
    """

    recipe: str
    what: str
    edits: tuple[TextEdit, ...]
    also: tuple[tuple[str, str], ...] = ()
    fix: str = ""
    good: bool = False
    theme: str = ""


@dataclass(frozen=True)
class PlantedFiles:
    """The texts of the files with a mistake, and the places where a report belongs."""

    texts: dict[str, str]
    places: tuple[Place, ...]


def read_mistakes(folder: Path = FOLDER) -> list[HandMistake]:
    """Return the mistakes of a folder, file by file."""
    files = sorted(folder.glob("*.yaml"))
    return [_read(file.stem, item) for file in files for item in yaml.safe_load(file.read_text())]


def _read(theme: str, item: dict[str, Any]) -> HandMistake:
    edits = tuple(tuple(edit) for edit in item.pop("edits"))
    also = tuple(tuple(place) for place in item.pop("also", ()))
    return HandMistake(**item, edits=edits, also=also, theme=theme)


def plant(mistake: HandMistake) -> PlantedFiles:
    """Return the changed files and the places.

    Raises:
        LookupError: The recipe does not have an old text.
    """
    texts: dict[str, str] = {}
    places: list[Place] = []
    for name, old, new in mistake.edits:
        path = RECIPES / mistake.recipe / name
        text = texts.get(name) or (path.read_text("utf-8") if old else "")
        if old not in text:
            raise LookupError(f"{mistake.what}: {old!r} is not in {name}")
        text = text.replace(old, new, 1) if old else new
        while (start := text.find(MARKS[0])) >= 0:
            text = text.replace(MARKS[0], "", 1).replace(MARKS[1], "", 1)
            places.append((name, *_line_column(text, start)))
        texts[name] = text
    for name, snippet in mistake.also:
        text = texts.get(name) or (RECIPES / mistake.recipe / name).read_text("utf-8")
        places.append((name, *_line_column(text, text.index(snippet))))
    return PlantedFiles(texts, tuple(places))


def _line_column(text: str, start: int) -> tuple[int, int]:
    return text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)
