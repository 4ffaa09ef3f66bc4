"""The records in the lock of a build, which the compiler writes and the runtime reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from espnet3_schemas import IN_PACKAGE, systems
from espnet3_schemas.late_values import StageOutput

SCHEMA_VERSION = 2
"""Of the lock; 1 held no parsed late values."""

UNKNOWN_KIND: Mapping[str, Any] = {"roles": {}, "model": "optional", "needs_torch": True}
"""A kind of which nothing is declared."""


def source_path(name: str, recipe: Path) -> Path:
    """Return where a source of a build is: below the recipe directory, or in a package.

    Args:
        name: As the lock names it, for example ``conf/training.yaml``,
            ``package:mylab/systems/tts.yaml``, or ``package:labels.py/labels.yaml`` beside a
            module in no package.
        recipe: The recipe directory.
    """
    top, _, inner = name.removeprefix(IN_PACKAGE).partition("/")
    module = top.removesuffix(".py")
    if not name.startswith(IN_PACKAGE) or not module.isidentifier():
        return recipe / name
    try:
        found = find_spec(module)
    except (ImportError, ValueError):
        found = None
    folders = list(found.submodule_search_locations or ()) if found else []
    if found and found.origin and top != module:
        folders = [str(Path(found.origin).parent)]
    paths = [Path(folder, inner) for folder in folders]
    return next((path for path in paths if path.exists()), recipe / name)


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
        log_dir: The directory of its log, from the recipe directory; None for its own.
        kind: What a kind that the recipe's System declares reads and makes; None for others.
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
    log_dir: str | None = field(default=None, kw_only=True)
    kind: Mapping[str, Any] | None = field(default=None, kw_only=True)

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the kind reads and makes; a default for one that no System declares."""
        if self.kind is not None:
            return self.kind
        facts: Mapping[str, Any] = systems()["kinds"].get(self.run, UNKNOWN_KIND)
        return facts
