"""Fields of an item that cannot be cut into windows together with its audio.

Passes: ``{type: chunk, chunk_length: 16000, chunk_excluded_keys: [text]}`` of items with ``speech``
and token ids; audio and frames of which nothing says that their lengths differ.
Fails: the same without ``chunk_excluded_keys``: token ids, and numbers split out of a text
(``row["durations"].split()``), have another length than the samples.
"""

import ast
from collections.abc import Iterator

from espnet3_compiler.checks.data.audio_units import stays_as_read
from espnet3_compiler.checks.data.bodies import FunctionBody, full_name_in
from espnet3_compiler.checks.data.certain_code import assigned_values
from espnet3_compiler.checks.data.fields import preprocessor_of
from espnet3_compiler.checks.data.sample_fields import FRAMES, INDEXING, SAME_FIELDS
from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.item_kinds.axes import read_samples
from espnet3_compiler.checks.item_kinds.kinds import ARRAY, NUMBER, TEXT, FieldKind, ItemKinds
from espnet3_compiler.checks.items.batches import split_kinds
from espnet3_compiler.checks.items.integer_arrays import SAME, leaves_same
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.expressions.template import has_reference
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.manifest.values import as_texts, mapping_entries, text_of
from espnet3_compiler.signature.flow import dotted_name, literal_text
from espnet3_compiler.signature.library import Library
from espnet3_compiler.stage_graph.stage_inputs import certain_config, certain_configs
from espnet3_compiler.syntax.span_key import first_per_location, written_entry
from espnet3_compiler.syntax.tree import Mapping, Scalar, node_at
from espnet3_schemas import TARGET

_MAKING = {**SAME_FIELDS, **{path: name for path, name in INDEXING.items() if name != "label"}}
"""Preprocessors that give symbols of a text, and the ``field`` that they take unasked."""

_ENCODING = ("encode", "encode_as_ids", "text2tokens", "text_to_sequence", "tokenize")
_TEXTS = ("text", "transcript", "phones", "phonemes", "sentence", "words", "chars", "tokens")
_OF_TEXTS = ("split", "rsplit", "splitlines")
_ARRAYS = ("array", "asarray", "ascontiguousarray", "as_tensor", "tensor", "LongTensor")
_DEPTH = 6


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R415, once for each kind of batches."""
    if not recipe.complete:
        return
    configs = certain_configs("train", "training", recipe, resolved)
    yield from first_per_location(
        found
        for config in configs
        for split in ("train", "valid")
        for found in _check_split(config, split, recipe, resolved)
    )


def _check_split(
    config: Mapping, split: str, recipe: Recipe, resolved: Resolved
) -> Iterator[Diagnostic]:
    """Report fields that are neither cut nor left whole.

    Args:
        config: A training config.
        split: ``train`` or ``valid``.
        recipe: The recipe.
        resolved: Its values.
    """
    block = node_at(config, ("dataloader", split))
    batches = block.get("batches") if isinstance(block, Mapping) else None
    kind = batches.get("type") if isinstance(batches, Mapping) else None
    if not isinstance(block, Mapping) or not isinstance(batches, Mapping):
        return
    custom = written_entry(block, "sampler") or written_entry(block, "loader")
    if custom or not isinstance(kind, Scalar) or kind.value != "chunk":
        return
    excluded = [str(one.value) for one in as_texts(batches.get("chunk_excluded_keys"))]
    along = next((str(one.value) for one in as_texts(batches.get("length_key"))), "")
    kinds = split_kinds(recipe, config, split)
    if any(map(has_reference, (along, *excluded))) or along not in kinds.fields:
        return
    declared = along in _heard_fields(recipe, resolved)
    is_heard = declared and stays_as_read(config, split, along, recipe)
    is_heard = is_heard or _is_read(recipe.library, kinds, along)
    made = _made_by_preprocessor(preprocessor_of(config, split))
    found = [
        name
        for name, field in kinds.fields.items()
        if name not in (*excluded, along)
        and _has_own_length(recipe.library, name, field, made, is_heard=is_heard)
    ]
    first = kinds.named(along)
    of_text = first.node and first.body and _is_of_text(recipe.library, first.node, first.body, 0)
    if found and along not in made and not of_text:
        yield _finding(kind, found, [*excluded, *found], along)


def _heard_fields(recipe: Recipe, resolved: Resolved) -> set[str]:
    """Return the fields that contracts take as audio."""
    found: set[str] = set()
    for stage in stages_of_kind("infer", recipe):
        config = certain_config(stage, "inference", resolved)
        for entry in mapping_entries(node_at(config, ("contract", "inputs")) if config else None):
            found |= {entry.name} if text_of(node_at(entry.value, ("kind",))) == "audio" else set()
    return found


def _made_by_preprocessor(node: object) -> dict[str, str]:
    """Return the fields that a preprocessor of the runtime makes, each with its path."""
    path = text_of(node.get(TARGET)) if isinstance(node, Mapping) else ""
    usual = {**_MAKING, FRAMES: "labels"}.get(path)
    if not isinstance(node, Mapping) or usual is None:
        return {}
    name = text_of(node.get("to")) or text_of(node.get("field")) or usual
    return {} if has_reference(name) else {name: path}


def _has_own_length(
    library: Library, name: str, field: FieldKind, made: dict[str, str], *, is_heard: bool
) -> bool:
    """Return whether a field certainly has another length than the one that windows follow.

    Args:
        library: Reads modules.
        name: The field.
        field: What it is.
        made: The fields that the preprocessor makes.
        is_heard: Whether windows follow samples of audio.
    """
    if field.name in (TEXT, NUMBER):
        return False
    if name in made:
        return is_heard or made[name] != FRAMES
    if field.node is None or field.body is None:
        return field.name == ARRAY and is_heard  # a step of a preprocessor makes it of a text
    return is_heard and _is_of_text(library, field.node, field.body, 0)


def _is_read(library: Library, kinds: ItemKinds, name: str) -> bool:
    """Return whether a field is what a function read from a file of audio."""
    field = kinds.named(name)
    value, body = field.node, field.body
    for _ in range(_DEPTH):
        match value:
            case ast.Name(id=variable) if body:
                given = assigned_values(body.node, variable) or ()
                if not given:
                    return read_samples(variable, body, library) is not None
                value = given[0] if len(given) == 1 else None
            case ast.Call(func=ast.Attribute(value=owner, attr=attr)) if attr in (
                *SAME,
                "astype",
            ) and dotted_name(owner) not in ("np", "numpy", "torch"):
                value = owner
            case ast.Call(func=func, args=[inner, *_]) if body:
                called = full_name_in(library, body, dotted_name(func) or "")
                value = inner if leaves_same(called) else None
    return False


def _is_of_text(library: Library, value: ast.expr, body: FunctionBody, depth: int) -> bool:
    """Return whether an expression is an array of numbers, one for each part of a text.

    Args:
        library: Reads the module.
        value: The expression.
        body: The function in which it stands.
        depth: How many steps were followed.
    """

    def is_of_text(inner: ast.expr) -> bool:
        return depth < _DEPTH and _is_of_text(library, inner, body, depth + 1)

    match value:
        case ast.Name(id=name):
            given = assigned_values(body.node, name) or ()
            return len(given) == 1 and is_of_text(given[0])
        case ast.ListComp(generators=[ast.comprehension(iter=source, ifs=[])]):
            return is_of_text(source) or _is_text_field(source)
        case ast.Call(func=ast.Name(id="map"), args=[_, source]):
            return is_of_text(source)
        case ast.Call(func=ast.Name(id="list" | "tuple"), args=[inner]):
            return is_of_text(inner)
        case ast.Call(func=ast.Attribute(attr=method), args=args) if method in _OF_TEXTS:
            return all(literal_text(one) is not None for one in args)
        case ast.Call(func=ast.Attribute(attr=method), args=[text, *_]) if method in _ENCODING:
            return _is_text_field(text)
        case ast.Call(func=func, args=[inner, *_]):
            called = full_name_in(library, body, dotted_name(func) or "")
            makes = called.partition(".")[0] in ("numpy", "torch")
            return makes and called.rpartition(".")[2] in _ARRAYS and is_of_text(inner)
    return False


def _is_text_field(value: ast.expr) -> bool:
    """Return whether an expression is ``item["text"]``, or another field that is named as texts."""
    while isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        value = value.func.value
    return isinstance(value, ast.Subscript) and literal_text(value.slice) in _TEXTS


def _finding(kind: Scalar, fields: list[str], whole: list[str], along: str) -> Diagnostic:
    """Return R415 at the type of the batches.

    Args:
        kind: The type.
        fields: The fields that cannot be cut.
        whole: All that have to stay whole.
        along: The field that windows follow.
    """
    names = ", ".join(f'"{name}"' for name in fields)
    have = "has a length of its own" if len(fields) == 1 else "have lengths of their own"
    return value_finding(
        "R415",
        f'windows are cut out of all fields at the places of "{along}", and {names} {have}',
        kind,
        "an error at the first batch",
        advice=(f"write chunk_excluded_keys: [{', '.join(whole)}]",),
    )
