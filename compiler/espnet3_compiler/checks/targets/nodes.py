"""Find the target nodes of a recipe, each with the arguments that the runtime adds."""

import itertools
from collections.abc import Iterable, Iterator

from msgspec import Struct

from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.manifest.lower import config_roles
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.schema.descent import child_schema, effective_schema
from espnet3_compiler.schema.types import Schema
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.provenance import FETCHING_STEPS
from espnet3_compiler.syntax.span_key import is_inherited, is_written, span_key
from espnet3_compiler.syntax.tree import (
    Entry,
    Mapping,
    Node,
    Path,
    Scalar,
    Sequence,
    change_provenance,
)
from espnet3_schemas import TARGET, load

TASK = "task"
SPLITS = ("train", "valid", "test")
INSTANTIATE_KEYS = (TARGET, "_args_", "_partial_", "_recursive_", "_convert_")


class TargetSlot(Struct, frozen=True):
    """The ``x-target`` of a schema: how the runtime calls a target there.

    Attributes:
        supplied: Arguments that the runtime passes by name: a config cannot give them.
        offered: Arguments that the runtime passes by name if the target takes them.
        positional: How many arguments the runtime passes by position, before all others.
        named: Whether the schema has a key ``_target_`` there; it then checks its form.
        called: Whether the runtime calls the built object, so that a function must be partial.
    """

    supplied: tuple[str, ...] = ()
    offered: tuple[str, ...] = ()
    positional: int = 0
    named: bool = False
    called: bool = False


EMPTY_SLOT = TargetSlot()


class TargetNode(Struct, frozen=True):
    """A node with ``_target_`` or, for the task bridge, with ``task``.

    Attributes:
        node: The mapping, without the steps it was fetched through.
        slot: The arguments that the runtime adds.
        judged: Whether it is built with its arguments as written; not below
            ``_recursive_: false``, where the target above gets the node itself.
        path: ``("models", name, …)``, ``("configs", name, …)`` or ``("stages", name, …)``.
    """

    node: Mapping
    slot: TargetSlot
    judged: bool = True
    path: Path = ()

    @property
    def is_task(self) -> bool:
        """Whether it is a node of the task bridge."""
        return self.node.entry(TARGET) is None


def find_targets(recipe: Recipe, resolved: Resolved) -> tuple[TargetNode, ...]:
    """Return every target of the models, the configs that have a role, and the calls."""
    if "targets" not in resolved.memo:
        resolved.memo["targets"] = tuple(_all_targets(recipe, resolved))
    targets: tuple[TargetNode, ...] = resolved.memo["targets"]
    return targets


def distinct_targets(targets: Iterable[TargetNode]) -> list[TargetNode]:
    """Return targets once, each at its first place: configs that inherit hold the same ones."""
    first: dict[object, TargetNode] = {}
    for target in targets:
        written = [span_key(entry.value.span) for entry in target.node]
        first.setdefault((target.path[2:], span_key(target.node.span), *written), target)
    return list(first.values())


def _all_targets(recipe: Recipe, resolved: Resolved) -> Iterator[TargetNode]:
    for model in recipe.models:
        node = resolved.models.get(str(model.name.value))
        if node is not None:
            path: Path = ("models", str(model.name.value))
            yield from _walk_node(node, load("recipe")["$defs"]["model"], path)
    for name, role in config_roles(recipe).items():
        config = resolved.configs.get(name)
        if config is not None and role is not None:
            yield from _walk_node(config, recipe.system.role_schema(role), ("configs", name))
    for name, call in resolved.calls.items():
        yield from _walk_node(call, {}, ("stages", name))


def config_keys(path: Path) -> tuple[str, ...]:
    """Return the keys of a path below a config, without those of splits and lists."""
    inner = path[2:] if path[:1] == ("configs",) else ()
    return tuple(part for part in inner if isinstance(part, str) and part not in SPLITS)


def keyword_arguments(node: Mapping) -> list[Entry]:
    """Return the entries of a target node that are keyword arguments."""
    return [entry for entry in node if entry.name not in INSTANTIATE_KEYS]


def flag_value(node: Mapping, name: str) -> object:
    """Return the value of ``_partial_`` and the like; None if it is not given."""
    value = node.get(name)
    return value.value if isinstance(value, Scalar) else None


def target_path(node: Mapping) -> str:
    """Return the class that a target constructs; empty where that is not known."""
    path = node.get(TARGET)
    plain = isinstance(path, Scalar) and isinstance(path.value, str) and not is_unresolved(path)
    partial = flag_value(node, "_partial_") is True or node.entry("_args_") is not None
    return str(path.value) if plain and not partial and isinstance(path, Scalar) else ""


def _walk_node(
    node: Node, schema: Schema, path: Path, *, judged: bool = True
) -> Iterator[TargetNode]:
    schema = effective_schema(schema, node)
    if isinstance(node, Sequence):
        for index, item in enumerate(node.items):
            below = child_schema(schema, index) or {}
            yield from _walk_node(item, below, (*path, index), judged=judged)
    elif isinstance(node, Mapping):
        allowed = schema.get("additionalProperties", True) is not False
        if allowed and _is_target(node, schema):
            yield TargetNode(_original_node(node), _read_slot(schema), judged, path)
            judged = judged and flag_value(node, "_recursive_") is not False
        for key, value in node.entries:
            known = None if isinstance(value, Scalar) else child_schema(schema, str(key.value))
            if known is not None:  # else it is reported as unknown
                yield from _walk_node(value, known, (*path, str(key.value)), judged=judged)


def _is_target(node: Mapping, schema: Schema) -> bool:
    """Return whether a mapping names a target, which no key that could not be read replaces."""
    head = node.entry(TARGET)
    if head is None:
        return node.entry(TASK) is not None and "x-target" in schema
    return has_certain_keys(node) or (is_written(head.value) and not is_inherited(head.value))


def _read_slot(schema: Schema) -> TargetSlot:
    given = schema.get("x-target", {})
    return TargetSlot(
        tuple(given.get("supplied", ())),
        tuple(given.get("offered", ())),
        given.get("positional", 0),
        named=TARGET in schema.get("properties", {}),
        called=bool(given.get("called")),
    )


def _original_node(node: Mapping) -> Mapping:
    """Return a node without the aliases and ``${…}`` that fetch it.

    A wrong target is reported once, where it is written, not at every use.
    """
    fetching = itertools.takewhile(lambda step: step.how in FETCHING_STEPS, node.via)
    count = len(list(fetching))
    return change_provenance(node, (), count) if count else node
