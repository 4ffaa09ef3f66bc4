"""Look up the models and other stages that a stage names."""

from collections.abc import Collection
from dataclasses import dataclass
from keyword import iskeyword

from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.suggest import closest_match, is_certain_match
from espnet3_compiler.manifest.recipe import ModelDecl
from espnet3_compiler.manifest.stage_items import StageItem
from espnet3_compiler.manifest.values import as_text, substitute_text
from espnet3_compiler.syntax.tree import Node, Scalar, Sequence
from espnet3_compiler.syntax.unknown_name import unknown_name
from espnet3_schemas import systems


@dataclass(frozen=True, slots=True)
class DeclaredNames:
    """The names of stages.

    Attributes:
        names: The names that could be read.
        complete: Whether these are all: if not, only plain misspellings are reported.
        kinds: The kinds of stages with an unusable name: what others probably call them.
    """

    names: Collection[str]
    complete: bool
    kinds: tuple[str, ...] = ()


def is_identifier(name: str) -> bool:
    """Return whether a name may stand in generated code: plain ASCII, no keyword."""
    return name.isascii() and name.isidentifier() and not iskeyword(name)


def declared_stage_names(node: Node | None, items: tuple[StageItem, ...]) -> DeclaredNames:
    """Return the names of the stages of a manifest."""
    names = tuple(str(item.name.value) for item in items)
    unusable = [item for item, name in zip(items, names, strict=True) if not is_identifier(name)]
    kinds = tuple(str(item.run.value) for item in unusable if item.run)
    all_read = isinstance(node, Sequence) and len(node.items) == len(items)
    complete = all_read and not unusable and all(item.certain for item in items)
    return DeclaredNames(dict.fromkeys(names), complete, kinds)


def find_model(
    item: StageItem, models: tuple[ModelDecl, ...], *, complete: bool
) -> tuple[Scalar | None, list[Diagnostic]]:
    """Return the model that a stage names, or the manifest's only one where its kind uses one.

    Args:
        item: The stage.
        models: The models that the manifest declares.
        complete: Whether the name of every model could be read.
    """
    names = [str(model.name.value) for model in models]
    written = as_text(item.keys.get("model"))
    if written is None:
        kind = systems()["kinds"].get(item.run.value if item.run else None, {})
        only = len(models) == 1 and kind.get("model", "none") != "none"
        return models[0].name if only else None, []
    if str(written.value) in names:
        return written, []
    if not complete and not is_certain_match(str(written.value), names):
        return None, []
    message = f'stage "{item.name.value}" names a model "{written.value}" that is not declared'
    hint = f"declare it under models: {written.value}: {{_target_: src.model.Model}}"
    found = unknown_name("R203", message, written, names, hint)
    likely = closest_match(str(written.value), names) or (names[0] if len(names) == 1 else None)
    return substitute_text(likely, written) if likely else None, [found]


def find_stage(
    item: StageItem, written: Scalar, stages: DeclaredNames
) -> tuple[Scalar | None, list[Diagnostic]]:
    """Return another stage that a stage names.

    Args:
        item: The stage that names another one.
        written: The name as it is written.
        stages: The names of all stages.
    """
    name = str(written.value)
    if name in stages.names:
        return written, []
    others = [other for other in (*stages.names, *stages.kinds) if other != item.name.value]
    if not stages.complete and not is_certain_match(name, others):
        return None, []
    message = f'stage "{item.name.value}" names a stage "{name}" that is not declared'
    found = unknown_name("R205", message, written, others, "declare it under stages")
    near = closest_match(name, others)
    return substitute_text(near, written) if near else None, [found]


def find_init_from(
    item: StageItem, stages: DeclaredNames
) -> tuple[Scalar | None, list[Diagnostic]]:
    """Return what ``init_from`` says: a stage that exists, or a path."""
    written = as_text(item.keys.get("init_from"))
    if written is None or any(mark in str(written.value) for mark in ("/", ".", "\\", "${")):
        return written, []
    return find_stage(item, written, stages)
