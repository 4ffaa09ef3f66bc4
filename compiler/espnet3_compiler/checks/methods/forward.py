"""The bare models that are trained: what the trainer calls is ``forward``.

Passes: ``def forward(self, speech, speech_lengths, label)`` that returns the loss.
Fails: a class with ``training_step`` and without ``forward``; ``label_lengths`` where a label is a
number; a field that no item has; a number in each item that ``forward`` does not take; one that is
a text in the validation set, whose numbers the preprocessor of ``train`` alone makes; ``label``
where a model of transformers takes ``labels``.
"""

import ast
import re
from collections.abc import Iterator

from espnet3_compiler.checks.data.bodies import (
    FunctionBody,
    class_of,
    method_body,
)
from espnet3_compiler.checks.data.fields import (
    COLLATE,
    READ_BY_RUNTIME,
    TEXT_BLOCKS,
    fields_after,
    fields_before,
    preprocessor_of,
    split_entries,
)
from espnet3_compiler.checks.data.sample_fields import Fields
from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.item_kinds.kinds import NUMBER
from espnet3_compiler.checks.items.batches import ForwardCall, check_batches, split_kinds
from espnet3_compiler.checks.training.probabilities import is_zero
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.diagnostics.suggest import closest_match, is_certain_match
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.signature.classes import ResolvedMethod, find_method, is_torch_module
from espnet3_compiler.signature.definitions import ClassFound, is_patched, own_method
from espnet3_compiler.signature.flow import own_nodes
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.read import read_method
from espnet3_compiler.signature.resolve_name import resolution_order
from espnet3_compiler.signature.result import Signature
from espnet3_compiler.stage_graph.lightning_models import lightning_model
from espnet3_compiler.stage_graph.stage_inputs import certain_config, model_of, output_uses
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location, written_entry
from espnet3_compiler.syntax.tree import (
    Entry,
    Mapping,
    Node,
    Scalar,
    Sequence,
    is_null,
    node_at,
    walk_scalars,
)
from espnet3_schemas import TARGET

_SET_ELSEWHERE = r"\.forward\s*=|[\"']forward[\"']"
_LABELS = "labels"
_ADVICE = (
    "write def forward(self, …) with the fields of a batch by name, which returns the loss; "
    "the runtime makes the steps and the optimizers"
)


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R425 for trained models without ``forward``, R431 for fields that it lacks."""
    found: list[Diagnostic] = []
    for stage in stages_of_kind("train", recipe):
        if lightning_model(stage, recipe, resolved)[1] is not None:
            continue  # it has steps of its own
        path = trained_model(stage, resolved)
        model = class_of(recipe.library, str(path.value)) if path else None
        if path and model and model.location.local and _lacks_forward(recipe.library, model):
            found.append(_without_forward(recipe.library, model, path))
        elif path and recipe.complete:
            of_stage = list(_check_fields(stage, recipe, resolved, path))
            of_stage += _check_validation(stage, recipe, resolved, path)
            found += of_stage or _check_kinds(stage, recipe, resolved, path)
    yield from first_per_location(found)


def trained_model(stage: StageDecl, resolved: Resolved) -> Scalar | None:
    """Return the dotted path of the model that a stage trains, where it is a plain target.

    Args:
        stage: A stage that trains.
        resolved: The values of the recipe.
    """
    node = model_of(stage, resolved)
    path = node.get(TARGET) if node else None
    text = path.value if isinstance(path, Scalar) else None
    return path if isinstance(path, Scalar) and isinstance(text, str) and "$" not in text else None


def _lacks_forward(library: Library, found: ClassFound) -> bool:
    """Return whether a class certainly has no other ``forward`` than that of ``nn.Module``."""
    for item in resolution_order(library, found):
        if not isinstance(item, ClassFound):
            return False
        if is_torch_module(item):
            return True
        if item.summary.open or "forward" in item.summary.members:
            return False
        if item.location.local and _may_get_forward(library, item):
            return False
    return False


def _may_get_forward(library: Library, item: ClassFound) -> bool:
    """Return whether something other than a ``def`` may give a class of the recipe its forward."""
    file = library.file(item.location)
    dynamic = item.summary.decorators or "__getattr__" in item.summary.members
    if file is None or dynamic or is_patched(library, item, "forward"):
        return True
    return re.search(_SET_ELSEWHERE, file.text.text) is not None


def _without_forward(library: Library, found: ClassFound, path: Scalar) -> Diagnostic:
    file, step = library.file(found.location), own_method(library, found, "training_step")
    line, word = (step.line, step.name) if step else (found.summary.line, found.name)
    assert file is not None
    return Diagnostic(
        "R425",
        f"{path.value} lacks forward, which training calls",
        Label(file.span_of(line, word), "not called" if step else "no forward"),
        (Label(use_location(path), "trained here"),),
        (_ADVICE,),
    )


def _check_fields(
    stage: StageDecl, recipe: Recipe, resolved: Resolved, path: Scalar
) -> Iterator[Diagnostic]:
    """Report an argument that ``forward`` needs and no batch has, where items are written out."""
    config = certain_config(stage, "training", resolved)
    found = _train_fields(config, recipe) if config else None
    if found is None:
        return
    yield from _check_foreign(recipe.library, path, found[0])
    body = method_body(recipe.library, str(path.value), "forward")
    signature = read_method(recipe.library, str(path.value), "forward") if body else None
    if not body or not isinstance(signature, Signature):
        return
    for item in signature.parameters:
        problem = _lack_of(item.name, *found) if item.required else ""
        if problem:
            yield _lacking(body, path, item.name, problem, found[0])
            return
    numbers = found[0] & found[1] - set(READ_BY_RUNTIME)
    more = sorted(name for name in numbers if signature.find(name) is None)
    if more and config and body.node.args.kwarg is None:
        yield _untaken(body, path, more[0], _place_of_field(more[0], recipe, config))


def _check_kinds(
    stage: StageDecl, recipe: Recipe, resolved: Resolved, path: Scalar
) -> Iterator[Diagnostic]:
    """Report what the fields of batches are, where all else of them is right."""
    config = certain_config(stage, "training", resolved)
    signature = read_method(recipe.library, str(path.value), "forward")
    if config is None or not isinstance(signature, Signature):
        return
    body = method_body(recipe.library, str(path.value), "forward")
    call = ForwardCall(path, signature, body is None or body.node.args.kwarg is not None)
    validates = has_plain_batches(config, "valid") and _is_validated(config)
    for split in ("train", *(("valid",) if validates else ())):
        found = (
            list(check_batches(recipe, config, split, call))
            if has_plain_batches(config, split)
            else []
        )
        if found:
            yield from found
            return


def has_plain_batches(config: Mapping, split: str) -> bool:
    """Return whether the runtime makes the batches of a split."""
    target = node_at(config, ("dataloader", "collate_fn", TARGET))
    loader = node_at(config, ("dataloader", split))
    own = isinstance(loader, Mapping) and written_entry(loader, "loader") is not None
    return isinstance(target, Scalar) and target.value == COLLATE and not own


def _check_validation(
    stage: StageDecl, recipe: Recipe, resolved: Resolved, path: Scalar
) -> Iterator[Diagnostic]:
    """Report a field that only the preprocessor of ``train`` makes numbers of.

    Texts stay out of a batch, so validation would lack it.
    """
    config = certain_config(stage, "training", resolved)
    signature = read_method(recipe.library, str(path.value), "forward")
    node = node_at(config, ("dataset", "preprocessor")) if config else None
    entry = written_entry(node, "train") if isinstance(node, Mapping) else None
    if config is None or entry is None or not isinstance(signature, Signature):
        return
    if not is_null(preprocessor_of(config, "valid")) or not _validates(config, recipe):
        return
    for stage_name, field in _fields_by_stage(recipe, config):
        needed = signature.find(field)
        if needed and needed.required and _uses_stage(entry.value, stage_name):
            yield _only_in_training(entry, field, path)
            return


def _validates(config: Mapping, recipe: Recipe) -> bool:
    """Return whether a training validates on plain data sets of the kind that it trains on."""
    train, valid = (split_entries(recipe, config, split) for split in ("train", "valid"))
    plain = all(is_null(one.node.get("transform")) for one in valid)
    same = {one.module for one in valid} <= {one.module for one in train}
    return (
        bool(valid)
        and plain
        and same
        and _is_validated(config)
        and has_plain_batches(config, "valid")
    )


def _is_validated(config: Mapping) -> bool:
    return not is_zero(node_at(config, ("trainer", "limit_val_batches")))


def _fields_by_stage(recipe: Recipe, config: Mapping) -> Iterator[tuple[str, str]]:
    """Yield the stages that read texts of the training data, each with the field of these."""
    for kind, block in TEXT_BLOCKS.items():
        field = node_at(config, (block, "field"))
        for stage in stages_of_kind(kind, recipe):
            if isinstance(field, Scalar) and isinstance(field.value, str):
                yield str(stage.name.value), field.value


def _uses_stage(node: Node, name: str) -> bool:
    """Return whether a node has an output of a stage among its values."""
    return any(name == used for _, one in walk_scalars(node) for used, _, _ in output_uses(one))


def _only_in_training(entry: Entry, field: str, path: Scalar) -> Diagnostic:
    return Diagnostic(
        "R431",
        f'{path.value}.forward needs "{field}", which stays a text in validation: only train has '
        "a preprocessor",
        Label(entry.key.span, "for train alone"),
        (Label(use_location(path), "trained here"),),
        (f"add valid: beside it, with a preprocessor that makes the same numbers of {field}",),
    )


def _check_foreign(library: Library, path: Scalar, fields: Fields) -> Iterator[Diagnostic]:
    """Report what a model of transformers needs under a name that no field of a batch has.

    Without ``labels`` it gives no loss; only a field of nearly that name tells that it should.

    Args:
        library: Reads modules.
        path: The value that names the model.
        fields: The fields of a batch.
    """
    model = str(path.value).removesuffix(".from_pretrained")
    taken = _parameters_of_forward(library, model) if model.startswith("transformers.") else {}
    needed = [name for name, required in taken.items() if required and name not in fields]
    near = closest_match(_LABELS, fields) if _LABELS in taken else None
    given = ", ".join(sorted(fields - {"utt_id"}))
    absent = "which the data do not have"
    if needed:
        advice = f'the data have {given}: let a preprocessor call one of them "{needed[0]}"'
        yield _foreign_field(path, f'needs "{needed[0]}", {absent}', advice)
    elif near and near not in taken and is_certain_match(_LABELS, fields):
        problem = f'gives no loss without "{_LABELS}", {absent}, and takes no "{near}"'
        advice = f'did you mean "{_LABELS}"? The preprocessor names the fields of a batch'
        yield _foreign_field(path, problem, advice)


def _foreign_field(path: Scalar, problem: str, advice: str) -> Diagnostic:
    message, label = f"{path.value}.forward {problem}", "called with the fields of a batch"
    return value_finding("R431", message, path, label, advice=(advice,))


def _parameters_of_forward(library: Library, path: str) -> dict[str, bool]:
    """Return the arguments of a class's ``forward``, and whether each must be given.

    Args:
        library: Reads modules.
        path: The dotted path of the class, whatever decorates its method.
    """
    model = class_of(library, path)
    method = find_method(library, resolution_order(library, model), "forward") if model else None
    if not isinstance(method, ResolvedMethod):
        return {}
    function = library.function(method.method.location, method.method.pieces[-1])
    plain = [one for one in function.params if one.kind == "both"] if function else []
    return {one.name: one.default is None for one in plain if one.name != "self"}


def _train_fields(config: Mapping, recipe: Recipe) -> tuple[Fields, Fields] | None:
    """Return the fields of a batch, and those of them without lengths; None where not known."""
    entries = split_entries(recipe, config, "train")
    before = fields_before(entries)
    after = fields_after(config, "train", before, recipe) if before else None
    if after is None or not has_plain_batches(config, "train"):
        return None
    kinds = split_kinds(recipe, config, "train")
    numbers = frozenset(name for name, kind in kinds.fields.items() if kind.name == NUMBER)
    return after, numbers | _single_fields(node_at(config, ("dataloader", "collate_fn")))


def _single_fields(block: Node | None) -> Fields:
    """Return the fields that a collate function stacks without lengths."""
    names = node_at(block, ("not_sequence",)) if block else None
    items = names.items if isinstance(names, Sequence) else ()
    return frozenset(str(one.value) for one in items if isinstance(one, Scalar))


def _lack_of(name: str, fields: Fields, single: Fields) -> str:
    """Return why a batch lacks what ``forward`` needs; nothing where it may have it."""
    if name in fields:
        return ""
    field = name.removesuffix("_lengths")
    if field == name or field not in fields:
        return "which the data do not have"
    return f'and there are no lengths of "{field}", which is one number' if field in single else ""


def _place_of_field(name: str, recipe: Recipe, config: Mapping) -> Span | None:
    """Return where the code of the training data writes a field into an item."""
    node = preprocessor_of(config, "train")
    target = node_at(node, (TARGET,)) if node else None
    entries = split_entries(recipe, config, "train")
    path = str(target.value) if isinstance(target, Scalar) else ""
    bodies = [method_body(recipe.library, path, "__call__")] if path else []
    bodies += [method_body(one.library, f"{one.module}.Dataset", "__getitem__") for one in entries]
    for body in filter(None, bodies):
        for item in own_nodes(body.node):
            for key in item.keys if isinstance(item, ast.Dict) else ():
                if isinstance(key, ast.Constant) and key.value == name:
                    return body.span_in(key)
    return None


def _untaken(body: FunctionBody, path: Scalar, name: str, place: Span | None) -> Diagnostic:
    """Return the finding about a field of each batch that ``forward`` does not take.

    Args:
        body: ``forward``.
        path: The value that names the model.
        name: The field.
        place: Where it is written into the items, if that is known.
    """
    called = Label(body.span_of(body.node, "def forward"), "called with the fields of a batch")
    used = Label(use_location(path), "trained here")
    return Diagnostic(
        "R431",
        f'each batch has "{name}", which {path.value}.forward does not take',
        Label(place, "a field of each batch") if place else called,
        (called, used) if place else (used,),
        (f"let forward take {name} (or **fields), or leave it out of the items; texts stay out",),
    )


def _lacking(
    body: FunctionBody, path: Scalar, name: str, problem: str, fields: Fields
) -> Diagnostic:
    """Return the finding about an argument of ``forward`` that no batch has.

    Args:
        body: ``forward``.
        path: The value that names the model.
        name: The argument.
        problem: Why there is none.
        fields: The fields of the data.
    """
    known = sorted(fields - {"utt_id"})
    field = name.removesuffix("_lengths")
    near = closest_match(name, known)
    advice = f'did you mean "{near}"?' if near else f"the data have {', '.join(known)}"
    if field in fields:
        advice = f"leave {name} out, or let the data give {field} as an array"
    return Diagnostic(
        "R431",
        f'{path.value}.forward needs "{name}", {problem}',
        Label(body.argument_span(name), "called with the fields of a batch"),
        (Label(use_location(path), "trained here"),),
        (advice,),
    )
