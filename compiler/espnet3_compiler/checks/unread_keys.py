"""Keys of a training config that no stage reads.

Passes: a ``tokenizer`` block in the config of a ``train_tokenizer`` stage, or one whose
``vocab_size`` a ``${configs.…}`` fetches.
Fails: a ``collect_stats`` block in a recipe without such a stage; an override of ``tokenizer`` in a
config that only ``train`` reads.
"""

from collections.abc import Iterator

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.manifest.lower import configs_in_role
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import WILDCARD, keys_read_by
from espnet3_compiler.stage_graph.stage_inputs import builds_model, walk_leaves
from espnet3_compiler.syntax.span_key import SpanKey, is_inherited, is_written, span_key
from espnet3_compiler.syntax.tree import Entry
from espnet3_compiler.syntax.unknown_name import format_names
from espnet3_schemas import systems

ROLE = "training"


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R804, one for each key."""
    if not recipe.complete or resolved.incomplete:
        return
    configs = dict(configs_in_role(recipe, resolved, ROLE))
    read = {name: _read_keys(name, recipe, resolved) for name in configs}
    alive = {
        spot
        for name, node in configs.items()
        for entry in node
        if WILDCARD in read[name] or entry.name in read[name]
        for spot in _written_locations(entry)
    }
    for name, node in configs.items():
        for entry in node:
            own = _own_spans(entry)
            if own and alive.isdisjoint(map(span_key, own)):
                key = entry.key.span
                yield from _unread_key(
                    name, entry, own[0] if span_key(key) in alive else key, recipe
                )


def _written_locations(entry: Entry) -> set[SpanKey]:
    """Return where a key and the values below it are written, defaults left out."""
    spans = [entry.key.span, *(leaf.node.span for leaf in walk_leaves(entry.value))]
    return {span_key(span) for span in spans if span.source.kind != "schema"}


def _own_spans(entry: Entry) -> list[Span]:
    """Return the values below a key that the config itself writes: not inherited, not null."""
    return [
        leaf.node.span
        for leaf in walk_leaves(entry.value)
        if is_written(leaf.node) and not is_inherited(leaf.node) and leaf.node.value is not None
    ]


def _read_keys(name: str, recipe: Recipe, resolved: Resolved) -> set[str]:
    """Return the keys of a config that its stages and any reference read.

    That ``pack_model`` packs the whole config gives its keys no effect, unless it is the only
    stage that reads the config.
    """
    stages = [
        (stage, binding.role)
        for stage in recipe.stages
        for binding in stage.configs
        if binding.config == name
    ]
    keys = [_stage_keys(stage, role, recipe) for stage, role in stages]
    found = {key for some in keys for key in some}
    if all(
        WILDCARD not in some or _is_pack_model(stage)
        for some, (stage, _) in zip(keys, stages, strict=True)
    ):
        found.discard(WILDCARD)
    if not found:
        found.add(WILDCARD)
    for reference in resolved.references:
        if reference.target[:2] == ("configs", name):
            found |= {str(key) for key in reference.target[2:3]} or {WILDCARD}
    return found


def _is_pack_model(stage: StageDecl) -> bool:
    return stage.run is not None and stage.run.value == "pack_model"


def _stage_keys(stage: StageDecl, role: str, recipe: Recipe) -> tuple[str, ...]:
    keys = keys_read_by(stage, role, recipe)
    return (*keys, "model") if builds_model(stage) else keys


def _unread_key(name: str, entry: Entry, spot: Span, recipe: Recipe) -> Iterator[Diagnostic]:
    kinds = [
        kind
        for kind, facts in systems()["kinds"].items()
        if entry.name in facts["roles"].get(ROLE, {}).get("reads", ())
    ]
    if not kinds:
        return
    present = [
        str(stage.name.value) for stage in recipe.stages if stage.run and stage.run.value in kinds
    ]
    label = f"{format_names(kinds)} would read it"
    hint = f"add a stage {kinds[0]}, or remove the key"
    if present:
        hint = f"write it in the config that {format_names(present)} reads"
    yield Diagnostic(
        code="R804",
        message=f'no stage reads "{entry.name}" of config "{name}"',
        primary=Label(spot, label),
        help=(hint,),
    )
