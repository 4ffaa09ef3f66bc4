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
from espnet3_compiler.stage_graph.stage_inputs import binding_keys
from espnet3_compiler.syntax.span_key import SpanKey, is_inherited, is_written, span_key
from espnet3_compiler.syntax.tree import Entry, walk_scalars
from espnet3_compiler.syntax.unknown_name import format_names

ROLE = "training"


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R804, one for each key."""
    if not recipe.complete or resolved.incomplete:
        return
    configs = dict(configs_in_role(recipe, resolved, ROLE))
    read_keys = _keys_read(configs, recipe, resolved)
    read: list[Entry] = []
    given: list[tuple[str, Entry, list[Span]]] = []
    for name, node in configs.items():
        for entry in node:
            if not read_keys[name].isdisjoint((WILDCARD, entry.name)):
                read.append(entry)
            elif own := _own_spans(entry):
                given.append((name, entry, own))
    elsewhere = _spans_of(read) if given else frozenset()
    for name, entry, own in given:
        if elsewhere.isdisjoint(map(span_key, own)):
            if any(entry.name in read_keys[row] for row in _rows_of(name, recipe, read_keys)):
                continue  # each row has a value of its own
            span = own[0] if span_key(entry.key.span) in elsewhere else entry.key.span
            yield from _unread_key(name, entry, span, recipe)


def _spans_of(entries: Iterable[Entry]) -> frozenset[SpanKey]:
    """Return where keys and the values below them are written."""
    return frozenset(
        span_key(span)
        for entry in entries
        for span in (entry.key.span, *(leaf.span for _, leaf in walk_scalars(entry.value)))
    )


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
        leaf.span
        for _, leaf in walk_scalars(entry.value)
        if is_written(leaf) and not is_inherited(leaf) and leaf.value is not None
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
