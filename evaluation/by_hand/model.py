"""Read mistakes: YAML lists, one a theme, with the exact places marked in the new text."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from evaluation.recipes import RECIPES

FOLDER = Path(__file__).parent / "mistakes"
MARKS = ("⟦", "⟧")


@dataclass(frozen=True)
class HandMistake:
    """A mistake, or a change that is right.

    Attributes:
        recipe: The shipped recipe, as ``digits/asr``.
        what: The mistake in few words.
        file: The file, relative to the recipe.
        old: The text in it that is replaced.
        new: What stands there instead, with marks around where a report belongs.
        fix: A regular expression that the report must fit; empty where there is no one fix.
        good: Whether nothing is wrong, so that nothing may be said.
    """

    recipe: str
    what: str
    file: str
    old: str
    new: str
    fix: str = ""
    good: bool = False


@dataclass(frozen=True)
class PlantedText:
    """The text of a file with a mistake, and the line and column of each mark."""

    text: str
    places: tuple[tuple[int, int], ...]


def read_mistakes(folder: Path = FOLDER) -> list[HandMistake]:
    """Return the mistakes of a folder, file by file."""
    rows = (yaml.safe_load(file.read_text("utf-8")) for file in sorted(folder.glob("*.yaml")))
    return [HandMistake(**item) for row in rows for item in row]


def plant(mistake: HandMistake) -> PlantedText:
    """Return the text of the file with the mistake.

    Raises:
        LookupError: The recipe has the old text not once.
    """
    good = (RECIPES / mistake.recipe / mistake.file).read_text("utf-8")
    if good.count(mistake.old) != 1:
        raise LookupError(
            f"{mistake.what}: {mistake.old!r} stands there {good.count(mistake.old)} times"
        )
    text = good.replace(mistake.old, mistake.new)
    places = []
    while (start := text.find(MARKS[0])) >= 0:
        text = text.replace(MARKS[0], "", 1).replace(MARKS[1], "", 1)
        places.append((text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)))
    return PlantedText(text, tuple(places))
