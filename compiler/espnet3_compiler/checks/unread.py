"""Keys of a training config that no stage reads.

Passes: a ``tokenizer`` block in the config of a ``train_tokenizer`` stage, or one whose
``vocab_size`` a ``${configs.…}`` fetches.
Fails: a ``collect_stats`` block in a recipe without such a stage; an override of ``tokenizer`` in a
config that only ``train`` reads.
"""

from collections.abc import Iterator

from espnet3_compiler.diagnostic import Diagnostic, Label
from espnet3_compiler.ir import Recipe, Resolved, StageDecl
from espnet3_compiler.kinds import OPEN, reads
from espnet3_compiler.lower import in_role
from espnet3_compiler.lower_report import listed
from espnet3_compiler.places import Place, inherited, is_written, place
from espnet3_compiler.reading import builds_model, walk
from espnet3_compiler.source import Span
from espnet3_compiler.tree import Entry
from espnet3_schemas import systems

ROLE = "training"


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R804, one for each key."""
    if not recipe.whole or resolved.partial:
        return
    configs = dict(in_role(recipe, resolved, ROLE))
    read = {name: _read(name, recipe, resolved) for name in configs}
    alive = {
        spot
        for name, node in configs.items()
        for entry in node
        if OPEN in read[name] or entry.name in read[name]
        for spot in _places(entry)
    }
    for name, node in configs.items():
        for entry in node:
            own = _own(entry)
            if own and alive.isdisjoint(map(place, own)):
                key = entry.key.span
                yield from _unread(name, entry, own[0] if place(key) in alive else key, recipe)


def _places(entry: Entry) -> set[Place]:
    """Return where a key and the values below it are written, defaults left out."""
    spans = [entry.key.span, *(leaf.node.span for leaf in walk(entry.value))]
    return {place(span) for span in spans if span.source.kind != "schema"}


def _own(entry: Entry) -> list[Span]:
    """Return the values below a key that the config itself writes: not inherited, not null."""
    return [
        leaf.node.span
        for leaf in walk(entry.value)
        if is_written(leaf.node) and not inherited(leaf.node) and leaf.node.value is not None
    ]


def _read(name: str, recipe: Recipe, resolved: Resolved) -> set[str]:
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
    keys = [_keys(stage, role, recipe) for stage, role in stages]
    found = {key for some in keys for key in some}
    if all(
        OPEN not in some or _packs(stage) for some, (stage, _) in zip(keys, stages, strict=True)
    ):
        found.discard(OPEN)
    if not found:
        found.add(OPEN)
    for reference in resolved.references:
        if reference.target[:2] == ("configs", name):
            found |= {str(key) for key in reference.target[2:3]} or {OPEN}
    return found


def _packs(stage: StageDecl) -> bool:
    return stage.run is not None and stage.run.value == "pack_model"


def _keys(stage: StageDecl, role: str, recipe: Recipe) -> tuple[str, ...]:
    keys = reads(stage, role, recipe)
    return (*keys, "model") if builds_model(stage) else keys


def _unread(name: str, entry: Entry, spot: Span, recipe: Recipe) -> Iterator[Diagnostic]:
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
    label = f"{listed(kinds)} would read it"
    hint = f"add a stage {kinds[0]}, or remove the key"
    if present:
        hint = f"write it in the config that {listed(present)} reads"
    yield Diagnostic(
        code="R804",
        message=f'no stage reads "{entry.name}" of config "{name}"',
        primary=Label(spot, label),
        help=(hint,),
    )
