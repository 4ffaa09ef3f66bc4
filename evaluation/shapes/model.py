"""A mistake in a size: what is written where, and how it is called."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Mistake:
    """A stretch of a file of a recipe, replaced.

    Attributes:
        kind: The class of mistake.
        file: The file, relative to the recipe.
        start: First character that is replaced.
        end: The one after the last.
        text: What stands there instead.
        needs_data: Whether only data of the recipe can show it.
    """

    kind: str
    file: str
    start: int
    end: int
    text: str
    needs_data: bool = False

    def plant(self, recipe: Path) -> None:
        """Write it into a copy of the recipe."""
        path = recipe / self.file
        good = path.read_text(encoding="utf-8")
        path.write_text(good[: self.start] + self.text + good[self.end :], encoding="utf-8")


Mistakes = Iterator[Mistake]
