"""Ids of items that a stage refuses, as they are no word, or those of other items, too.

Passes: ``"utt_id": row["utt_id"]``; ``f"{self.split}-{index:04}"``; no ``utt_id`` at all.
Fails: ``f"{self.split} {index}"``, of two words; ``self.split``, the same for all items;
``self.texts[index]`` beside ``"text": self.texts[index]``: a text may come several times.

The ids of ``test`` are looked at where a stage infers, others where a stage clusters.
"""

import ast
import re
from collections.abc import Iterator

from msgspec import Struct

from espnet3_compiler.checks.data.attributes import attribute_values
from espnet3_compiler.checks.data.bodies import (
    FunctionBody,
    dataset_class,
    method_body,
    returned_values,
)
from espnet3_compiler.checks.data.certain_code import assigned_values, may_be_another
from espnet3_compiler.checks.data.fields import split_entries
from espnet3_compiler.checks.data.sample_fields import INDEXING
from espnet3_compiler.checks.item_kinds.kinds import ItemKinds
from espnet3_compiler.checks.item_kinds.makers import item_kinds
from espnet3_compiler.checks.targets.datasets import DatasetEntry, entry_span, is_available
from espnet3_compiler.checks.targets.nodes import find_targets
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stage_kind, stages_of_kind
from espnet3_compiler.manifest.values import mapping_entries, text_of
from espnet3_compiler.signature.flow import literal_text
from espnet3_compiler.signature.library import Library
from espnet3_compiler.stage_graph.stage_inputs import certain_config
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Mapping, node_at
from espnet3_schemas import TARGET

_ID = "utt_id"
_SPLITS = {"infer": ("inference", ("test",)), "cluster": ("training", ("train", "valid"))}
"""By a kind of stages that keep what they make under the ids: their config, and the splits."""

_TEXTS = ("text", "transcript", "transcription", "sentence", "word", "words")
_LABEL = "label"
_PADDED = r"[<>^]?[2-9]\d*d?|[<>^]?1\d+d?"
"""How a number is written with spaces before or behind it."""

_GIVEN = re.compile(r"[\"']utt_id[\"']\s*:\s*([^\n]*)")
_USUAL = re.compile(r"str,|\w+\[[\"'](?:utt_id|uttid|id|key)[\"']\](?:[,}]|$)")
_SAME_TEXT = ("lower", "upper", "strip", "capitalize", "title")
_SHARED = "not its own"
_DEPTH = 5


class _Id(Struct, frozen=True):
    """What a data set gives as the id of an item.

    Attributes:
        library: Reads the module.
        path: The dotted path of the data set's class.
        value: The expression.
        body: The function that has it.
    """

    library: Library
    path: str
    value: ast.expr
    body: FunctionBody


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R428, R443 for texts and labels as ids, once for each expression."""
    kinds = {str(name) for name in recipe.system.kinds} & _SPLITS.keys() if recipe.complete else ()
    found: list[Diagnostic] = []
    for stage in (one for kind in sorted(kinds) for one in stages_of_kind(kind, recipe)):
        role, splits = _SPLITS[str(stage_kind(stage))]
        config = certain_config(stage, role, resolved)
        repeated = _repeated_fields(config, recipe, resolved) if config else frozenset()
        for split in splits if config else ():
            assert config is not None
            for data in filter(is_available, split_entries(recipe, config, split)):
                found += () if _is_usual(data) else _check_data(data, stage, repeated)
    yield from first_per_location(found)


def _is_usual(data: DatasetEntry) -> bool:
    """Return whether the class of a data set plainly gives ids that its rows have."""
    found = dataset_class(data)
    file = data.library.file(found.location) if found else None
    given = _GIVEN.findall(file.text.text) if file else []
    return bool(given) and all(map(_USUAL.match, given))


def _repeated_fields(config: Mapping, recipe: Recipe, resolved: Resolved) -> frozenset[str]:
    """Return the fields whose values several items share: labels, and texts that are spoken."""
    inputs = mapping_entries(node_at(config, ("contract", "inputs")))
    heard = any(text_of(node_at(entry.value, ("kind",))) == "audio" for entry in inputs)
    labels = {
        text_of(target.node.get("field")) or _LABEL
        for target in find_targets(recipe, resolved)
        if INDEXING.get(text_of(target.node.get(TARGET))) == _LABEL
    }
    return frozenset((*labels, *(_TEXTS if heard else ())))


def _check_data(
    data: DatasetEntry, stage: StageDecl, repeated: frozenset[str]
) -> Iterator[Diagnostic]:
    """Yield a finding about the ids of a data set.

    Args:
        data: The data set.
        stage: The stage that keeps what it makes under the ids.
        repeated: Fields that several items share.
    """
    kinds = item_kinds(data)
    kind = kinds.named(_ID)
    if kind.node is None or kind.body is None:
        return
    made = _Id(data.library, f"{data.module}.Dataset", kind.node, kind.body)
    field = next((name for name in sorted(repeated) if _is_field(made, name, kinds)), None)
    problem = label = ""
    if _has_space(made, made.value, 0):
        problem, label = "has white space in it, and an id is one word", "no word"
    elif _is_constant(made, made.value, 0) and not _has_one(made):
        problem, label = "is the same for all items, and ids have to differ", "always the same"
    elif field is not None:
        problem, label = f'is its "{field}", which other items may have', _SHARED
    if problem:
        yield Diagnostic(
            "R428" if label != _SHARED else "R443",
            f'"{_ID}" of an item {problem}',
            Label(kind.body.span_in(kind.node), label),
            (Label(entry_span(data), "these data"), Label(stage.name.span, "keeps results by id")),
            ('write one word that no other item has: f"{self.split}-{index:05}"',),
        )


def _is_field(made: _Id, name: str, kinds: ItemKinds) -> bool:
    """Return whether an id is what another field of the item is."""
    other, value = kinds.named(name), _followed(made.body, made.value)
    if name not in kinds.fields:
        return False
    if other.node is None or other.body is not made.body:
        return isinstance(value, ast.Subscript) and literal_text(value.slice) == name
    return ast.dump(_followed(made.body, other.node)) == ast.dump(value)


def _followed(body: FunctionBody, value: ast.expr) -> ast.expr:
    """Return what a variable is set to, where that is said once; else the expression itself."""
    for _ in range(_DEPTH):
        given = assigned_values(body.node, value.id) if isinstance(value, ast.Name) else None
        if not given or len(given) != 1:
            break
        value = given[0]
    return value


def _has_space(made: _Id, value: ast.expr, depth: int) -> bool:
    """Return whether a text certainly has white space in it."""
    value = _followed(made.body, value)
    match value:
        case ast.Constant(value=str(text)):
            return text.split() != [text] if depth == 0 else _is_spaced(text)
        case ast.JoinedStr(values=parts):
            return any(_has_space(made, one, depth + 1) for one in parts)
        case ast.FormattedValue(value=ast.Name(id=name), format_spec=ast.JoinedStr(values=[spec])):
            numbers = [one.arg for one in made.body.node.args.args[1:2]]
            padded = name in numbers and re.fullmatch(_PADDED, literal_text(spec) or "")
            return bool(padded) and not may_be_another(made.body.node, name)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return any(_has_space(made, one, depth + 1) for one in (left, right))
        case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mod()):
            return _is_spaced(text)
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")):
            return _is_spaced(text)
        case ast.Call(
            func=ast.Attribute(value=ast.Constant(value=str(text)), attr="join"),
            args=[ast.List(elts=[_, _, *_]) | ast.Tuple(elts=[_, _, *_])],
        ):
            return _is_spaced(text)
    return False


def _is_spaced(text: str) -> bool:
    return any(letter.isspace() for letter in text)


def _has_one(made: _Id) -> bool:
    """Return whether a data set may have one item alone, whose id may be always the same."""
    body = method_body(made.library, made.path, "__len__")
    match returned_values(body.node) if body else []:
        case [ast.Constant(value=1)]:
            return True
        case [ast.Call(args=[ast.Attribute(value=ast.Name(id="self"), attr=name)])]:
            given = [one.value for one in attribute_values(made.library, made.path, name)]
            lists = [one for one in given if isinstance(one, ast.List | ast.Tuple)]
            return any(len(one.elts) == 1 for one in lists)
    return False


def _is_constant(made: _Id, value: ast.expr, depth: int) -> bool:
    """Return whether an expression is the same for all items of a data set."""
    value = _followed(made.body, value)
    if depth > _DEPTH:
        return False
    inner: list[ast.expr] = []
    match value:
        case ast.Constant(value=text):
            return text is not None
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            given = attribute_values(made.library, made.path, name)
            return bool(given) and all(one.node.name == "__init__" for one in given)
        case ast.JoinedStr(values=parts):
            inner = parts
        case ast.FormattedValue(value=one, format_spec=None):
            inner = [one]
        case ast.BinOp(left=left, right=right):
            inner = [left, right]
        case ast.Call(func=ast.Name(id="str"), args=[one]):
            inner = [one]
        case ast.Call(func=ast.Attribute(value=one, attr=attr), args=[]) if attr in _SAME_TEXT:
            inner = [one]
    return bool(inner) and all(_is_constant(made, one, depth + 1) for one in inner)
