"""What systems.json says about stage kinds, and safe answers about kinds it does not know."""

from typing import Any

from espnet3_compiler.ir import Recipe, StageDecl
from espnet3_schemas import systems

OPEN = "*"
"""Among the kinds of a system: it may run others too, that cannot be seen without importing."""

_UNKNOWN: dict[str, Any] = {
    "title": "",
    "roles": {},
    "model": "optional",
    "needs_torch": True,
    "consumes": [],
    "outputs": {},
}


def kind_of(stage: StageDecl) -> str | None:
    """Return the stage kind that a stage runs, or None for a ``call`` stage."""
    return str(stage.run.value) if stage.run else None


def is_known(kind: str | None) -> bool:
    """Return whether systems.json describes a kind."""
    return kind in systems()["kinds"]


def facts(stage: StageDecl) -> dict[str, Any]:
    """Return the entry of the stage's kind; an empty one for a ``call`` or a kind of a class."""
    entry: dict[str, Any] = systems()["kinds"].get(kind_of(stage), _UNKNOWN)
    return entry


def is_own(stage: StageDecl, recipe: Recipe) -> bool:
    """Return whether the stage runs a method of the recipe's own System class.

    What such a method reads and writes is not known: checks about roles and outputs pass it over.
    """
    kind = kind_of(stage)
    return kind is not None and (kind in recipe.system.own or not is_known(kind))


def reads(stage: StageDecl, role: str, recipe: Recipe) -> tuple[str, ...]:
    """Return the top-level keys that a stage reads of its config in a role; ``*`` is all.

    Args:
        stage: A stage of the recipe.
        role: For example ``training``.
        recipe: The declarations of the manifest, which say whether the kind is the recipe's own.
    """
    if stage.call or is_own(stage, recipe):
        return (OPEN,)
    return tuple(facts(stage)["roles"].get(role, {}).get("reads", (OPEN,)))
