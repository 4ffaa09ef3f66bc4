"""Stage kinds as Systems declare them, and what is assumed of a kind that none declares."""

from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from espnet3_compiler.manifest.recipe import Recipe, StageDecl
from espnet3_schemas import systems

WILDCARD = "*"
"""Among the kinds of a system: it may run others too, which only an import would show."""

UNKNOWN_KIND: Mapping[str, Any] = MappingProxyType(
    {"roles": {}, "model": "optional", "consumes": [], "outputs": {}}
)


@cache
def sample_readers() -> Mapping[str, str]:
    """Return the kinds that read data sets sample by sample, and the role of the config of these.

    Such a kind comes after ``create_dataset``, and cannot do without a config that lists data
    sets; ``measure`` can, as it reads columns alone.
    """
    return {
        kind: role
        for kind, spec in systems()["kinds"].items()
        for role in ("training", "inference")
        if "create_dataset" in spec["consumes"] and spec["roles"].get(role, {}).get("required")
    }


def stage_kind(stage: StageDecl) -> str | None:
    """Return the stage kind that a stage runs, or None for a ``call`` stage."""
    return str(stage.run.value) if stage.run else None


def is_known_kind(kind: str | None, recipe: Recipe) -> bool:
    """Return whether a System that ships, or that of the recipe, declares a kind."""
    return kind in recipe.system.specs


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
    return kind is not None and _is_own_kind(kind, recipe)


def _is_own_kind(kind: str, recipe: Recipe) -> bool:
    return kind in recipe.system.own or kind not in recipe.system.specs


def stages_of_kind(kind: str, recipe: Recipe) -> Iterator[StageDecl]:
    """Yield the stages that run a kind as it is declared, not as a class defines it anew."""
    system = recipe.system
    if kind not in system.renewed and (kind in system.varied or not _is_own_kind(kind, recipe)):
        yield from recipe.stages_by_kind.get(kind, ())


def keys_read_by(stage: StageDecl, role: str, recipe: Recipe) -> tuple[str, ...]:
    """Return the top-level keys that a stage reads of its config in a role; ``*`` is all.

    Args:
        stage: A stage of the recipe.
        role: For example ``training``.
        recipe: The recipe, which may define the kind itself.
    """
    if stage.call or has_own_method(stage, recipe):
        return (WILDCARD,)
    return tuple(stage.spec["roles"].get(role, {}).get("reads", (WILDCARD,)))
