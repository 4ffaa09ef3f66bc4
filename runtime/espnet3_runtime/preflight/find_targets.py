"""Find the targets of configs, models and calls, each with the arguments that the runtime adds."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from espnet3_runtime.preflight.protocol import RecipeLocation
from espnet3_schemas import TARGET, load

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Target:
    """A ``_target_`` or ``call``, and the arguments that the runtime adds (``x-target``).

    Attributes:
        name: The dotted name.
        location: Its node; for a ``call`` stage the stage itself.
        positional: How many positional arguments the runtime passes.
        supplied: Names of arguments that the runtime passes.
        offered: Names that it passes where they are taken and not given.
        judged: Whether it is called with these arguments; not below ``_recursive_: false``, where
            the target above gets the node itself.
    """

    name: str
    location: RecipeLocation
    positional: int = 0
    supplied: tuple[str, ...] = ()
    offered: tuple[str, ...] = ()
    judged: bool = True


def config_targets(name: str, role: str | None, value: Mapping[str, Any]) -> Iterator[Target]:
    """Yield the targets of a config; none of a free-form config.

    Args:
        name: The config.
        role: Its role.
        value: All of its keys, or some.
    """
    if role is not None:
        yield from _walk_value(value, load(role), RecipeLocation(("configs", name)))


def model_targets(name: str, node: Mapping[str, Any]) -> Iterator[Target]:
    """Yield the targets of a model."""
    schema = load("recipe")["$defs"]["model"]
    yield from _walk_value(node, schema, RecipeLocation(("models", name)))


def call_targets(stage: str, function: str, block: Mapping[str, Any]) -> Iterator[Target]:
    """Yield the targets in the arguments of a ``call`` stage, then its function.

    Args:
        stage: The stage.
        function: Its dotted function.
        block: What the manifest gives beside it, ``with`` among it.
    """
    location = RecipeLocation(("stages", stage))
    yield from _walk_value(block, {}, location)
    if "${" not in function:
        yield Target(function, location)


def _walk_value(
    value: Any, schema: Schema, location: RecipeLocation, *, judged: bool = True
) -> Iterator[Target]:
    if isinstance(value, list | tuple):
        for index, item in enumerate(value):
            below = _step_down(location, index)
            yield from _walk_value(item, _item_schema(schema, index), below, judged=judged)
    elif isinstance(value, Mapping):
        schema = _decided(schema, value)
        name = value.get(TARGET)
        if isinstance(name, str) and schema.get("additionalProperties", True) is not False:
            if "${" not in name:
                yield _target_at(name, schema, location, judged=judged)
            judged = judged and value.get("_recursive_") is not False
        for key, inner in value.items():
            known = schema.get("properties", {}).get(key, schema.get("additionalProperties"))
            below = _step_down(location, key)
            known = known if isinstance(known, Mapping) else {}
            yield from _walk_value(inner, known, below, judged=judged)


def _step_down(location: RecipeLocation, step: str | int) -> RecipeLocation:
    return replace(location, path=(*location.path, step))


def _item_schema(schema: Schema, index: int) -> Schema:
    positions = schema.get("prefixItems", ())
    below = positions[index] if index < len(positions) else schema.get("items")
    return below if isinstance(below, Mapping) else {}


def _decided(schema: Schema, value: Mapping[str, Any]) -> Schema:
    """Return a schema with its ``if`` decided."""
    if "if" not in schema:
        return schema
    branch = "then" if set(value).issuperset(schema["if"]["required"]) else "else"
    return {**schema.get(branch, {}), **schema}


def _target_at(name: str, schema: Schema, location: RecipeLocation, *, judged: bool) -> Target:
    given = schema.get("x-target", {})
    return Target(
        name,
        location,
        given.get("positional", 0),
        tuple(given.get("supplied", ())),
        tuple(given.get("offered", ())),
        judged,
    )
