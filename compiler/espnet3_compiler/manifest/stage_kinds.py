"""Stage kinds as systems.json describes them, and defaults for kinds of the recipe's own."""

from collections.abc import Iterator
from typing import Any

from espnet3_compiler.manifest.recipe import Recipe, StageDecl
from espnet3_schemas import systems

WILDCARD = "*"
"""Among the kinds of a system: it may run others too, which only an import would show."""

_UNKNOWN_KIND: dict[str, Any] = {
    "roles": {},
    "model": "optional",
    "consumes": [],
    "outputs": {},
}


def stage_kind(stage: StageDecl) -> str | None:
    """Return the stage kind that a stage runs, or None for a ``call`` stage."""
    return str(stage.run.value) if stage.run else None


def is_known_kind(kind: str | None) -> bool:
    """Return whether systems.json describes a kind."""
    return kind in systems()["kinds"]


def kind_spec(stage: StageDecl) -> dict[str, Any]:
    """Return the entry of the stage's kind; an empty one for a ``call`` or a kind of a class."""
    entry: dict[str, Any] = systems()["kinds"].get(stage_kind(stage), _UNKNOWN_KIND)
    return entry


def is_custom_kind(stage: StageDecl, recipe: Recipe) -> bool:
    """Return whether nothing is known of what a stage reads.

    It runs a method of the recipe's own System class, which does not run that of its base.
    """
    return has_own_method(stage, recipe) and stage_kind(stage) not in recipe.system.varied


def has_own_method(stage: StageDecl, recipe: Recipe) -> bool:
    """Return whether the stage runs a method of the recipe's own System class.

    What it makes is not known, and it may read more than the kind whose name it has.
    """
    kind = stage_kind(stage)
    return kind is not None and (kind in recipe.system.own or not is_known_kind(kind))


def stages_of_kind(kind: str, recipe: Recipe) -> Iterator[StageDecl]:
    """Yield the stages that run a kind as systems.json describes it, not as a class defines it."""
    for stage in recipe.stages:
        if stage_kind(stage) == kind and not is_custom_kind(stage, recipe):
            yield stage


def keys_read_by(stage: StageDecl, role: str, recipe: Recipe) -> tuple[str, ...]:
    """Return the top-level keys that a stage reads of its config in a role; ``*`` is all.

    Args:
        stage: A stage of the recipe.
        role: For example ``training``.
        recipe: The recipe, which may define the kind itself.
    """
    if stage.call or has_own_method(stage, recipe):
        return (WILDCARD,)
    return tuple(kind_spec(stage)["roles"].get(role, {}).get("reads", (WILDCARD,)))
