"""Names of models and other stages that a stage gives, looked up or reported."""

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
    """Declared names; ``complete`` is False where some could not be read.

    An unknown name that is no plain slip may then be one of those, and is passed over.
    ``kinds`` are those of stages that nothing can name: what others call these stages, probably.
    """

    names: tuple[str, ...]
    complete: bool
    kinds: tuple[str, ...] = ()


def declared_stage_names(node: Node | None, drafts: tuple[StageItem, ...]) -> DeclaredNames:
    """Return the names of the stages of a manifest."""
    names = tuple(str(draft.name.value) for draft in drafts)
    read = isinstance(node, Sequence) and len(node.items) == len(drafts)
    lost = [draft for draft in drafts if not _is_usable(draft)]
    kinds = tuple(str(draft.run.value) for draft in lost if draft.run)
    return DeclaredNames(names, read and not lost and all(draft.sure for draft in drafts), kinds)


def _is_usable(draft: StageItem) -> bool:
    """Return whether others can name a stage; if not, they name it otherwise than it says."""
    name = str(draft.name.value)
    return name.isidentifier() and not iskeyword(name)


def find_model(
    draft: StageItem, models: tuple[ModelDecl, ...], *, complete: bool
) -> tuple[Scalar | None, list[Diagnostic]]:
    """Return the model that a stage names, or the manifest's only one where it may use one.

    Args:
        draft: The stage.
        models: The models that the manifest declares.
        complete: Whether the name of every model could be read.
    """
    names = [str(model.name.value) for model in models]
    written = as_text(draft.keys.get("model"))
    if written is None:
        kind = systems()["kinds"].get(draft.run.value if draft.run else None, {})
        only = len(models) == 1 and kind.get("model", "none") != "none"
        return models[0].name if only else None, []
    if str(written.value) in names:
        return written, []
    near = closest_match(str(written.value), names)
    if not complete and not is_certain_match(str(written.value), names):
        return None, []
    message = f'stage "{draft.name.value}" names a model "{written.value}" that is not declared'
    hint = f"declare it under models: {written.value}: {{_target_: src.model.Model}}"
    found = unknown_name("R203", message, written, names, hint)
    likely = near or (names[0] if len(names) == 1 else None)
    return substitute_text(likely, written) if likely else None, [found]


def find_stage(
    draft: StageItem, written: Scalar, stages: DeclaredNames
) -> tuple[Scalar | None, list[Diagnostic]]:
    """Return another stage that a stage names.

    Args:
        draft: The stage that names another one.
        written: The name as it is written.
        stages: The names that stages have, and their kinds.
    """
    name = str(written.value)
    if name in stages.names:
        return written, []
    others = [other for other in (*stages.names, *stages.kinds) if other != draft.name.value]
    near = closest_match(name, others)
    if not stages.complete and not is_certain_match(name, others):
        return None, []
    message = f'stage "{draft.name.value}" names a stage "{name}" that is not declared'
    found = unknown_name("R205", message, written, others, "declare it under stages")
    return substitute_text(near, written) if near else None, [found]


def find_init_from(
    draft: StageItem, stages: DeclaredNames
) -> tuple[Scalar | None, list[Diagnostic]]:
    """Return what ``init_from`` says: a stage that exists, or a path."""
    written = as_text(draft.keys.get("init_from"))
    if written is None or _is_path(str(written.value)):
        return written, []
    return find_stage(draft, written, stages)


def _is_path(value: str) -> bool:
    """Return whether ``init_from`` is a path or a reference and not the name of a stage."""
    return any(mark in value for mark in ("/", ".", "\\", "${"))
