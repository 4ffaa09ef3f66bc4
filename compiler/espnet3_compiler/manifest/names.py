"""Look up the models and other stages that a stage names."""

from collections.abc import Collection
from keyword import iskeyword

from msgspec import Struct
from msgspec.structs import replace

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.diagnostics.suggest import closest_match, is_certain_match
from espnet3_compiler.manifest.group_names import ROW_ADVICE, GroupNames
from espnet3_compiler.manifest.recipe import ModelDecl
from espnet3_compiler.manifest.stage_items import StageItem
from espnet3_compiler.manifest.stage_kinds import UNKNOWN_KIND
from espnet3_compiler.manifest.values import as_text, substitute_text
from espnet3_compiler.syntax.tree import Node, Scalar, Sequence
from espnet3_compiler.syntax.unknown_name import unknown_name
from espnet3_schemas.initial_weights import split_init_from


class DeclaredNames(Struct, frozen=True):
    """The names of stages.

    Attributes:
        names: The names that could be read.
        complete: Whether these are all: if not, only plain misspellings are reported.
        groups: What short names mean in groups.
        kinds: The kinds of stages with an unusable name: what others probably call them.
    """

    names: Collection[str]
    complete: bool
    groups: GroupNames
    kinds: tuple[str, ...] = ()


def is_identifier(name: str) -> bool:
    """Return whether a name may stand in generated code: plain ASCII, no keyword."""
    return name.isascii() and name.isidentifier() and not iskeyword(name)


def declared_stage_names(
    node: Node | None, items: tuple[StageItem, ...], groups: GroupNames
) -> DeclaredNames:
    """Return the names of the stages of a manifest.

    Args:
        node: The list of stages.
        items: Its stages.
        groups: What short names mean in groups.
    """
    names = tuple(str(item.name.value) for item in items)
    unusable = [item for item, name in zip(items, names, strict=True) if not is_identifier(name)]
    kinds = tuple(str(item.run.value) for item in unusable if item.run)
    all_read = isinstance(node, Sequence) and len(node.items) == len(items)
    complete = all_read and not unusable and all(item.certain for item in items)
    return DeclaredNames(dict.fromkeys(names), complete, groups, kinds)


def find_model(
    item: StageItem, models: tuple[ModelDecl, ...], groups: GroupNames, *, complete: bool
) -> tuple[Scalar | None, list[Diagnostic]]:
    """Return the model that a stage names, or the only one that it could where its kind uses one.

    Args:
        item: The stage.
        models: The models that the manifest declares.
        groups: What short names mean in groups.
        complete: Whether the name of every model could be read.
    """
    owner = "stages", str(item.name.value)
    written = as_text(item.keys.get("model"))
    if written is None:
        return _only_model(item, models, groups), []
    full = groups.full_name(owner, "models", str(written.value))
    every = [str(model.name.value) for model in models]
    if full in every:
        return _in_full(written, full), []
    names = groups.visible_names(owner, "models", every)
    if not complete and not is_certain_match(str(written.value), names):
        return None, []
    message = f'stage "{item.name.value}" names a model "{written.value}" that is not declared'
    hint = f"declare it under models: {written.value}: {{_target_: src.model.Model}}"
    hints = groups.rows_hint("models", full)
    found = unknown_name("R203", message, written, names, hint, rows=hints)
    likely = closest_match(full, names) or (names[0] if len(names) == 1 else None)
    likely = likely and groups.full_name(owner, "models", likely)
    return substitute_text(likely, written) if likely else None, [found]


def _only_model(
    item: StageItem, models: tuple[ModelDecl, ...], groups: GroupNames
) -> Scalar | None:
    """Return the only model of a stage's row, or the only one outside of groups."""
    if item.spec is UNKNOWN_KIND or item.spec["model"] == "none":
        return None
    mine = groups.row_models(str(item.name.value))
    names = [model.name for model in models if str(model.name.value) in mine]
    if not names:
        names = [m.name for m in models if not groups.is_grouped("models", str(m.name.value))]
    return names[0] if len(names) == 1 else None


def _in_full(written: Scalar, name: str) -> Scalar:
    """Return a name as it is written, or with the id of the row that it means."""
    return written if written.value == name else substitute_text(name, written)


def find_stage(
    item: StageItem, written: Scalar, stages: DeclaredNames
) -> tuple[Scalar | None, list[Diagnostic]]:
    """Return another stage that a stage names.

    Args:
        item: The stage that names another one.
        written: The name as it is written.
        stages: The names of all stages.
    """
    owner, groups = ("stages", str(item.name.value)), stages.groups
    name = groups.full_name(owner, "stages", str(written.value))
    if name in stages.names:
        return _in_full(written, name), []
    others = [other for other in (*stages.names, *stages.kinds) if other != item.name.value]
    others = groups.visible_names(owner, "stages", others)
    if not stages.complete and not is_certain_match(name, others):
        return None, []
    message = f'stage "{item.name.value}" names a stage "{name}" that is not declared'
    rows = groups.rows_hint("stages", name)
    found = unknown_name("R205", message, written, others, "declare it under stages", rows=rows)
    found = replace(found, help=(*found.help, ROW_ADVICE)) if rows else found
    near = closest_match(name, others)
    near = near and groups.full_name(owner, "stages", near)
    return substitute_text(near, written) if near else None, [found]


_FIELDS = 2
"""Fields of ``init_from`` after the source."""


def find_init_from(
    item: StageItem, stages: DeclaredNames
) -> tuple[Scalar | None, str, list[Diagnostic]]:
    """Return what ``init_from`` says: a stage that exists, or a path; and which parts it names."""
    text = as_text(item.keys.get("init_from"))
    if text is None:
        return None, "", []
    start = split_init_from(str(text.value))
    written = _narrowed(text, start.source) if start.suffix else text
    if any(mark in start.source for mark in ("/", ".", "\\", "${")):
        return written, start.suffix, []
    first, *others = str(text.value).split(":")
    if len(others) > _FIELDS:
        known = find_stage(item, _narrowed(text, first), stages)[0]
        return known, "", [_excluding(text, first, others)]
    stage, found = find_stage(item, written, stages)
    return stage, start.suffix, found


def _excluding(text: Scalar, source: str, parts: list[str]) -> Diagnostic:
    """R606: a fourth field of ``init_from``, which in ESPnet2 names what is left out."""
    fields = ":".join(filter(None, (source, *parts[:_FIELDS])))
    left_out = ":".join(parts[_FIELDS:]) or "PART"
    return Diagnostic(
        "R606",
        f'init_from is SOURCE, SOURCE:PART or SOURCE:PART:TARGET, and "{text.value}" has '
        f"{len(parts) + 1} fields",
        Label(text.span, "the last one excludes nothing"),
        help=(f"write init_from: {fields}, and in the training config reinit: [{left_out}]",),
    )


def _narrowed(node: Scalar, value: str) -> Scalar:
    """Return the beginning of a text as a node of its own."""
    offset = node.span.text.find(value)
    if offset < 0:  # it has escapes
        return substitute_text(value, node)
    start = node.span.start + offset
    return Scalar(value, Span(node.span.source, start, start + len(value)), "plain", node.via)
