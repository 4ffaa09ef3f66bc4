"""Find the target nodes of a recipe, each with what the runtime adds to its arguments."""

from collections.abc import Iterator
from dataclasses import dataclass

from espnet3_compiler.manifest.lower import config_roles
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.schema.descent import child_schema, effective_schema
from espnet3_compiler.schema.types import Schema
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.provenance import FETCHING_STEPS
from espnet3_compiler.syntax.span_key import is_inherited, is_written
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Path, Scalar, Sequence
from espnet3_schemas import TARGET, load

TASK = "task"
INSTANTIATE_KEYS = (TARGET, "_args_", "_partial_", "_recursive_", "_convert_")


@dataclass(frozen=True, slots=True)
class TargetSlot:
    """What the schema says about the place of a target, ``x-target``.

    Attributes:
        supplied: Arguments that the runtime passes by name: a config cannot give them.
        offered: Arguments that the runtime passes by name where they are taken and not given.
        positional: How many arguments the runtime passes by place, before all others.
        named: Whether the schema names the place at all; it then checks the form of ``_target_``.
        called: Whether the runtime calls what is built there, so that a function must be partial.
    """

    supplied: tuple[str, ...] = ()
    offered: tuple[str, ...] = ()
    positional: int = 0
    named: bool = False
    called: bool = False


EMPTY_SLOT = TargetSlot()


@dataclass(frozen=True, slots=True)
class TargetNode:
    """A node with ``_target_`` or, for the task bridge, with ``task``.

    Attributes:
        node: The mapping, without the steps it was fetched through.
        slot: What the runtime adds.
        judged: Whether it is constructed with its arguments as they stand; not below
            ``_recursive_: false``, where the target gets the node itself.
        path: Where it stands: ``("models", name, …)``, ``("configs", name, …)``, ``("stages", …)``.
    """

    node: Mapping
    slot: TargetSlot
    judged: bool = True
    path: Path = ()

    @property
    def is_task(self) -> bool:
        """Whether it is a node of the task bridge."""
        return self.node.entry(TARGET) is None


def find_targets(recipe: Recipe, resolved: Resolved) -> Iterator[TargetNode]:
    """Yield every target of the models, the configs that play a role, and the calls."""
    for model in recipe.models:
        node = resolved.models.get(str(model.name.value))
        if node is not None:
            path: Path = ("models", str(model.name.value))
            yield from _walk_node(node, load("recipe")["$defs"]["model"], path)
    for name, role in config_roles(recipe).items():
        config = resolved.configs.get(name)
        if config is not None and role is not None:
            yield from _walk_node(config, load(role), ("configs", name))
    for name, call in resolved.calls.items():
        yield from _walk_node(call, {}, ("stages", name))


def keyword_arguments(node: Mapping) -> list[Entry]:
    """Return the entries of a target node that are keyword arguments."""
    return [entry for entry in node if entry.name not in INSTANTIATE_KEYS]


def flag_value(node: Mapping, name: str) -> object:
    """Return the value of ``_partial_`` and the like; None where it is not given."""
    value = node.get(name)
    return value.value if isinstance(value, Scalar) else None


def _walk_node(
    node: Node, schema: Schema, path: Path, *, judged: bool = True
) -> Iterator[TargetNode]:
    schema = effective_schema(schema, node)
    if isinstance(node, Sequence):
        for index, item in enumerate(node.items):
            below = child_schema(schema, index) or {}
            yield from _walk_node(item, below, (*path, index), judged=judged)
    elif isinstance(node, Mapping):
        named = schema.get("additionalProperties", True) is not False  # else shape refuses it
        if named and _is_target(node, schema):
            yield TargetNode(_original_node(node), _read_slot(schema), judged, path)
            judged = judged and flag_value(node, "_recursive_") is not False
        for entry in node:
            known = child_schema(schema, entry.name)
            if known is not None:  # else it is reported as unknown
                yield from _walk_node(entry.value, known, (*path, entry.name), judged=judged)


def _is_target(node: Mapping, schema: Schema) -> bool:
    """Return whether a mapping says what is called; a key that was not read may replace it."""
    head = node.entry(TARGET)
    if head is None:
        return node.entry(TASK) is not None and "x-target" in schema
    return has_certain_keys(node) or (is_written(head.value) and not is_inherited(head.value))


def _read_slot(schema: Schema) -> TargetSlot:
    said = schema.get("x-target", {})
    return TargetSlot(
        tuple(said.get("supplied", ())),
        tuple(said.get("offered", ())),
        said.get("positional", 0),
        named=TARGET in schema.get("properties", {}),
        called=bool(said.get("called")),
    )


def _original_node(node: Mapping) -> Mapping:
    """Return a node as if it stood where it was written.

    A target that an alias or a ``${…}`` fetches is wrong where it is written, once, however often
    it is used.
    """
    count = 0
    while count < len(node.via) and node.via[count].how in FETCHING_STEPS:
        count += 1
    bare = _drop_provenance(node, count) if count else node
    assert isinstance(bare, Mapping)
    return bare


def _drop_provenance(node: Node, count: int) -> Node:
    if isinstance(node, Scalar):
        return Scalar(node.value, node.span, node.style, node.via[count:])
    if isinstance(node, Sequence):
        items = tuple(_drop_provenance(item, count) for item in node.items)
        return Sequence(items, node.span, node.via[count:])
    entries = [
        Entry(
            Scalar(item.key.value, item.key.span, item.key.style, item.key.via[count:]),
            _drop_provenance(item.value, count),
        )
        for item in node.entries
    ]
    return Mapping(tuple(entries), node.span, node.via[count:])
