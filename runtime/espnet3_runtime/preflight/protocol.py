"""What ``--deep`` and the preflight answer: JSON lines, one for each step, finding, note and model.

The line of a step is flushed before the step begins, so that whoever kills the process knows it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TextIO

from espnet3_runtime.preflight.no_effects import Network

_ONCE = ("R412", "R909", "R911")
"""Codes of what is wrong in several places for one reason: an item, the numbers of ``forward``."""


class UnprobedError(Exception):
    """Something cannot be tried here; it becomes a note, never a finding."""


class FoundError(Exception):
    """A mistake was reported; what depends on it is left out."""


@dataclass(frozen=True)
class RecipeLocation:
    """A location in the recipe.

    Attributes:
        owner: ``("models", name)``, ``("configs", name)``, ``("stages", name)`` or
            ``("recipe", "system")``.
        path: Keys and indices inside of it.
        stage: The stage that was being tried, if one was.
    """

    owner: tuple[str, str]
    path: tuple[str | int, ...] = ()
    stage: str | None = None

    def plain(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"owner": list(self.owner), "path": list(self.path), "stage": self.stage}


@dataclass(frozen=True)
class CodePlace:
    """A part of one line of the recipe's code.

    Attributes:
        file: The absolute path.
        line: Counted from 1.
        column: Of its first character, counted from 1.
        end_column: After its last character.
        name: The function that it lies in.
    """

    file: str
    line: int
    column: int
    end_column: int
    name: str


class Answers:
    """Writes answers.

    Args:
        file: Gets a line for each.
        network: Counts the connections that user code wanted.
        needs_packages: Whether a package that is not installed is a mistake.
        needs_devices: Whether a GPU that this machine does not have is one.
        excuse: Returns why an exception says nothing about the recipe, or an empty text.

    Attributes:
        found: The locations that have a finding.
        network: Counts the connections that user code wanted.
        current_step: What is being tried.
        current_location: The setting that it is about.
        refused_before: How many connections were refused before this step.
    """

    def __init__(
        self,
        file: TextIO,
        network: Network,
        *,
        needs_packages: bool = False,
        needs_devices: bool = False,
        excuse: Callable[[BaseException], str] = lambda _: "",
    ) -> None:
        self._file = file
        self._said: set[str] = set()
        self._causes: set[tuple[str, str, int]] = set()
        self.network, self.excuse = network, excuse
        self.needs_packages, self.needs_devices = needs_packages, needs_devices
        self._messages: set[str] = set()
        self.found: list[RecipeLocation] = []
        self.current_step = ""
        self.current_location = RecipeLocation(("stages", ""))
        self.refused_before = 0

    def step(self, location: RecipeLocation, what: str) -> None:
        """Announce the next step, for example ``constructing src.model.Net``."""
        self.current_step, self.refused_before = what, self.network.refused
        self.current_location = location
        self._write({"kind": "step", "what": what, **location.plain()})

    def report_finding(
        self,
        code: str,
        location: RecipeLocation,
        message: str,
        *,
        label: str = "",
        help_: Sequence[str] = (),
        notes: Sequence[str] = (),
        numbers: Sequence[int] = (),
        place: CodePlace | None = None,
        in_code: bool = False,
        cause: str = "",
        warns: bool = False,
    ) -> None:
        """Report a mistake, unless what led to it was reported.

        Args:
            code: The number of the finding, for example ``R903``.
            location: The setting that it is about.
            message: What is wrong, one sentence.
            label: The text below the marked setting.
            help_: What to do, a sentence each.
            notes: Further facts, a sentence each.
            numbers: Sizes in the message, to be found in the settings.
            place: Where it shows in the recipe's code.
            in_code: Whether a person would mend it there, and not in the settings.
            cause: The exception that was raised at the place.
            warns: Whether stages run in spite of it.
        """
        self.found.append(location)
        if place and cause:
            known = (cause, place.file, place.line)
            if known in self._causes:
                return
            self._causes.add(known)
        if code in _ONCE and message in self._messages:
            return
        self._messages.add(message)
        self._write(
            {
                "kind": "finding",
                "code": code,
                "message": message,
                "label": label,
                "help": list(help_),
                "notes": list(notes),
                "numbers": list(numbers),
                "place": asdict(place) if place else None,
                "in_code": in_code,
                "warns": warns,
                **location.plain(),
            }
        )

    def mentions(self, name: str) -> bool:
        """Return whether a finding names something in quotes."""
        quoted = (f'"{name}"', f"'{name}'")
        return any(one in message for message in self._messages for one in quoted)

    def note(self, text: str) -> None:
        """Report a part that could not be tried, once."""
        if text not in self._said:
            self._said.add(text)
            self._write({"kind": "note", "text": text})

    def warning(self, place: CodePlace, text: str) -> None:
        """Report what a library warned of while a line of the recipe's code ran."""
        self._write({"kind": "warning", "place": asdict(place), "text": text})

    def model(self, facts: Mapping[str, Any]) -> None:
        """Report facts about a model."""
        self._write({"kind": "model", **facts})

    def end(self) -> None:
        """Report that everything was tried."""
        self._write({"kind": "end"})

    def is_wrong(self, owner: tuple[str, str], path: tuple[str | int, ...] = ()) -> bool:
        """Return whether there is a finding at or below a location."""
        return any(found.owner == owner and found.path[: len(path)] == path for found in self.found)

    def _write(self, answer: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(answer) + "\n")
        self._file.flush()
