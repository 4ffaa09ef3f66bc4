"""What the probe says: JSON lines, one for each step, finding, note and model.

A line is flushed before the step begins that it announces, so that whoever kills the process knows
where it was.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from espnet3_runtime.deep.limits import Network


class UnprobedError(Exception):
    """Something cannot be looked at here; it becomes a note, never a finding."""


@dataclass(frozen=True)
class RecipeLocation:
    """A place of the recipe.

    Attributes:
        owner: ``("models", name)``, ``("configs", name)`` or ``("stages", name)``.
        path: Keys and indices inside of it.
        stage: The stage that was being probed, if one was.
    """

    owner: tuple[str, str]
    path: tuple[str | int, ...] = ()
    stage: str | None = None

    def plain(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"owner": list(self.owner), "path": list(self.path), "stage": self.stage}


class Answers:
    """Writes answers.

    Attributes:
        found: The places that have a finding.
        network: Knows whether user code wanted to use the network.
    """

    def __init__(self, file: TextIO, network: Network) -> None:
        self._file = file
        self._said: set[str] = set()
        self.network = network
        self.found: list[RecipeLocation] = []

    def step(self, place: RecipeLocation, what: str) -> None:
        """Say what is done next, for example ``constructing src.model.Net``."""
        self._write({"kind": "step", "what": what, **place.plain()})

    def report_finding(
        self,
        code: str,
        place: RecipeLocation,
        message: str,
        *,
        label: str = "",
        help_: Sequence[str] = (),
        notes: Sequence[str] = (),
        numbers: Sequence[int] = (),
    ) -> None:
        """Report a mistake.

        Args:
            code: The number of the finding, for example ``R903``.
            place: The setting that it is about.
            message: What is wrong, one sentence.
            label: What stands below the marked setting.
            help_: What to do, a sentence each.
            notes: Further facts, a sentence each.
            numbers: Sizes in the message, to be found in the settings.
        """
        self.found.append(place)
        self._write(
            {
                "kind": "finding",
                "code": code,
                "message": message,
                "label": label,
                "help": list(help_),
                "notes": list(notes),
                "numbers": list(numbers),
                **place.plain(),
            }
        )

    def note(self, text: str) -> None:
        """Report what could not be probed, once."""
        if text not in self._said:
            self._said.add(text)
            self._write({"kind": "note", "text": text})

    def model(self, facts: Mapping[str, Any]) -> None:
        """Report what a model is."""
        self._write({"kind": "model", **facts})

    def end(self) -> None:
        """Say that everything was looked at."""
        self._write({"kind": "end"})

    def is_wrong(self, owner: tuple[str, str], path: tuple[str | int, ...] = ()) -> bool:
        """Return whether there is a finding at or below a place."""
        return any(found.owner == owner and found.path[: len(path)] == path for found in self.found)

    def _write(self, answer: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(answer) + "\n")
        self._file.flush()
