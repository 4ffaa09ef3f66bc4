"""The records in the lock of a build, which the compiler writes and the runtime reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from espnet3_schemas import systems
from espnet3_schemas.late_values import StageOutput

SCHEMA_VERSION = 2
"""Of the lock; 1 held no parsed late values."""

_UNKNOWN_KIND: Mapping[str, Any] = {"roles": {}, "model": "optional", "needs_torch": True}


@dataclass(frozen=True, slots=True)
class Output:
    """An output of a stage: its path relative to the recipe directory, and its type."""

    path: str
    type: str


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """A stage of the plan; exactly one of ``run`` and ``call`` is set.

    Attributes:
        name: Its name, a Python identifier.
        run: The stage kind.
        call: The dotted function.
        configs: Config names by role.
        model: The model's name.
        init_from: A stage, or a path, whose weights training starts from.
        needs: Stages that run before, from ``needs``, references and artifacts, in order.
        reads: The outputs that its configs, model or arguments name.
        outputs: By name.
    """

    name: str
    run: str | None
    call: str | None
    configs: Mapping[str, str]
    model: str | None
    init_from: str | None
    needs: tuple[str, ...]
    reads: tuple[StageOutput, ...]
    outputs: Mapping[str, Output]

    @property
    def facts(self) -> Mapping[str, Any]:
        """The entry of the kind in ``systems.json``; a default for a kind of the recipe's own."""
        facts: Mapping[str, Any] = systems()["kinds"].get(self.run, _UNKNOWN_KIND)
        return facts
