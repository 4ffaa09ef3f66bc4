"""Keys of a training config that no stage reads.

Passes: a ``tokenizer`` block in the config of a ``train_tokenizer`` stage, or one whose
``vocab_size`` is referred to by a ``${configs.…}``; a value that every row of a matrix replaces.
Fails: a ``collect_stats`` block in a recipe without such a stage; an override of ``tokenizer`` in a
config that only ``train`` reads.
"""

from collections.abc import Iterable, Iterator

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.manifest.lower import configs_in_role
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import WILDCARD, stage_kind
from espnet3_compiler.stage_graph.log_directories import first_binding, log_key
from espnet3_compiler.stage_graph.stage_inputs import binding_keys, walk_leaves
from espnet3_compiler.syntax.span_key import is_inherited, is_written, span_key
from espnet3_compiler.syntax.tree import Entry
from espnet3_compiler.syntax.unknown_name import format_names

ROLE = "training"


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R804, one for each key."""
    if not recipe.complete or resolved.incomplete:
        return
    configs = dict(configs_in_role(recipe, resolved, ROLE))
    read_keys = _keys_read(configs, recipe, resolved)
    read = {
        span_key(span)
        for name, node in configs.items()
        for entry in node
        if WILDCARD in read_keys[name] or entry.name in read_keys[name]
        for span in (entry.key.span, *(leaf.node.span for leaf in walk_leaves(entry.value)))
    }
    for name, node in configs.items():
        for entry in node:
            own, key = _own_spans(entry), entry.key.span
            if own and read.isdisjoint(map(span_key, own)):
                if any(entry.name in read_keys[row] for row in _rows_of(name, recipe, read_keys)):
                    continue  # each row has a value of its own
                span = own[0] if span_key(key) in read else key
                yield from _unread_key(name, entry, span, recipe)


def _rows_of(name: str, recipe: Recipe, known: Iterable[str]) -> list[str]:
    """Return the configs that the rows of a matrix make of a config."""
    return [
        row
        for config in recipe.configs
        if config.extends and config.extends.value == name
        if (row := str(config.name.value)) in known and ("configs", row) in recipe.rows
    ]


def _own_spans(entry: Entry) -> list[Span]:
    """Return the values below a key that the config itself writes: not inherited, not null."""
    return [
        leaf.node.span
        for leaf in walk_leaves(entry.value)
        if is_written(leaf.node) and not is_inherited(leaf.node) and leaf.node.value is not None
    ]


def _keys_read(names: Iterable[str], recipe: Recipe, resolved: Resolved) -> dict[str, set[str]]:
    """Return the keys of each config that its stages and any reference read.

    ``pack_model`` packs all keys, which does not count as reading them unless no other stage
    reads the config.

    Args:
        names: The configs.
        recipe: The recipe.
        resolved: The values of its configs.
    """
    found: dict[str, set[str]] = {name: set() for name in names}
    packed = dict.fromkeys(found, True)
    for stage in recipe.stages:
        for binding in stage.configs:
            if binding.config in found:
                read = binding_keys(stage, binding, recipe)
                found[binding.config].update(read)
                packed[binding.config] &= WILDCARD not in read or stage_kind(stage) == "pack_model"
        if (key := log_key(stage)) and (first := first_binding(stage)) and first.config in found:
            found[first.config].add(key[0])
    for name, keys in found.items():
        if packed[name]:
            keys.discard(WILDCARD)
        if not keys:
            keys.add(WILDCARD)
    for reference in resolved.references:
        namespace, *path = reference.target
        if namespace == "configs" and path and path[0] in found:
            found[str(path[0])] |= {str(key) for key in path[1:2]} or {WILDCARD}
    return found


def _unread_key(name: str, entry: Entry, span: Span, recipe: Recipe) -> Iterator[Diagnostic]:
    kinds = [
        kind
        for kind, spec in recipe.system.specs.items()
        if entry.name in spec["roles"].get(ROLE, {}).get("reads", ())
    ]
    if not kinds:
        return
    present = [str(stage.name.value) for stage in recipe.stages if stage_kind(stage) in kinds]
    hint = f"add a stage {kinds[0]}, or remove the key"
    if present:
        hint = f"write it in the config that {format_names(present)} reads"
    message = f'no stage reads "{entry.name}" of config "{name}"'
    label = Label(span, f"{format_names(kinds)} would read it")
    yield Diagnostic("R804", message, label, help=(hint,))
