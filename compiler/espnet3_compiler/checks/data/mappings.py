"""Samples and batches, which are mappings, where code takes them for arrays or tuples.

Passes: ``sample["speech"] * gain`` in a transform; ``x, y = batch`` beside a ``datamodule``.
Fails: ``waveform * gain`` or ``waveform.shape`` of the only argument of a transform; ``x, y =
batch`` or ``batch[0]`` in the ``training_step`` of a LightningModule that is trained on
``dataset``.
"""

import ast
from collections.abc import Iterable, Iterator

from msgspec import Struct

from espnet3_compiler.checks.data.bodies import FunctionBody, class_of, function_body, method_body
from espnet3_compiler.checks.data.certain_code import (
    certain_nodes,
    is_asked,
    is_stored,
    passed_on,
    positional_names,
)
from espnet3_compiler.checks.data.fields import fields_after, fields_before, split_entries
from espnet3_compiler.checks.data.sample_fields import Fields, sample_parameter
from espnet3_compiler.checks.targets.nodes import (
    SPLITS,
    TargetNode,
    config_keys,
    find_targets,
    flag_value,
)
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import is_custom_kind, stages_of_kind
from espnet3_compiler.signature.classes import is_module_class
from espnet3_compiler.signature.library import Library
from espnet3_compiler.stage_graph.lightning_models import lightning_model, recipe_classes
from espnet3_compiler.stage_graph.stage_inputs import certain_config
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Mapping, Scalar, is_null
from espnet3_schemas import TARGET

_OF_SAMPLES = (("dataset", "transform"), ("dataset", "preprocessor"))
_STEPS = (
    ("train", "training", "training_step", "train"),
    ("train", "training", "validation_step", "valid"),
    ("infer", "inference", "predict_step", "test"),
)
"""Methods of a LightningModule: kind of stage, role of its config, method, split of its batches."""

_OTHER_BATCHES = (
    *("on_before_batch_transfer", "transfer_batch_to_device", "on_after_batch_transfer"),
)
"""Hooks that may make something else of a batch."""

_ARITHMETIC = (*(ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.MatMult),)
_ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


class _MappingUser(Struct, frozen=True):
    """A function that gets a mapping.

    Attributes:
        body: The function.
        shown: Its dotted path.
        name: Its parameter that is the mapping.
        what: ``sample`` or ``batch``.
        fields: The fields of that, where they are known.
        used: The value that leads to the function.
    """

    body: FunctionBody
    shown: str
    name: str
    what: str
    fields: Fields
    used: Scalar


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R525, once for each class or function."""
    found: dict[object, list[Diagnostic]] = {}
    for user in (*_sample_users(recipe, resolved), *_batch_users(recipe, resolved)):
        found.setdefault(user.used.value, []).extend(_check_user(user))
    for first, *others in map(first_per_location, filter(None, found.values())):
        yield first.joined_with_all(others, "likewise")


def _sample_users(recipe: Recipe, resolved: Resolved) -> Iterator[_MappingUser]:
    """Yield the transforms and preprocessors of the recipe."""
    stages = [stage for stage in recipe.stages if not is_custom_kind(stage, recipe)]
    read = {binding.config for stage in stages for binding in stage.configs}
    for target in find_targets(recipe, resolved):
        path = target.node.get(TARGET)
        known = config_keys(target.path) in _OF_SAMPLES and target.path[1] in read
        if known and target.judged and isinstance(path, Scalar) and isinstance(path.value, str):
            yield from _users_of_target(recipe, resolved, target, path)


def _users_of_target(
    recipe: Recipe, resolved: Resolved, target: TargetNode, path: Scalar
) -> Iterator[_MappingUser]:
    library, name = recipe.library, str(path.value)
    fields = _fields_at(recipe, resolved, target)
    if flag_value(target.node, "_partial_") is True:
        body = function_body(library, name)
        bound = [entry.name for entry in target.node]
        argument = sample_parameter(body.node, bound) if body else ""
        if body and argument:
            yield _MappingUser(body, name, argument, "sample", fields, path)
        return
    found = class_of(library, name)
    method = "forward" if found and is_module_class(library, found) else "__call__"
    body = method_body(library, name, method)
    names = positional_names(body.node) if body else []
    argument = sample_parameter(body.node) if body else ""
    if argument in names:
        start = (method, names.index(argument))
        yield from _follow(library, path, start, "sample", fields)


def _fields_at(recipe: Recipe, resolved: Resolved, target: TargetNode) -> Fields:
    """Return the fields of the samples that a transform or preprocessor gets, where known."""
    config = resolved.configs[str(target.path[1])]
    split = next((str(part) for part in target.path[2:] if part in SPLITS), "")
    splits = (split,) if split else SPLITS
    transformed = config_keys(target.path) != ("dataset", "transform")
    for one in splits:
        entries = split_entries(recipe, config, one)
        if entries:
            return fields_before(entries, transformed=transformed) or frozenset()
    return frozenset()


def _batch_users(recipe: Recipe, resolved: Resolved) -> Iterator[_MappingUser]:
    """Yield the steps of the LightningModules that get batches of ``dataset``."""
    for kind, role, method, split in _STEPS:
        for stage in stages_of_kind(kind, recipe):
            config = certain_config(stage, role, resolved)
            path, model = lightning_model(stage, recipe, resolved)
            classes = recipe_classes(recipe.library, model) if model else None
            members = {name for one in classes or () for name in one.summary.members}
            plain = classes is not None and members.isdisjoint(_OTHER_BATCHES)
            if config and path and plain and _gives_batches(config, split, recipe):
                fields = _batch_fields(recipe, config, split)
                yield from _follow(recipe.library, path, (method, 0), "batch", fields)


def _gives_batches(config: Mapping, split: str, recipe: Recipe) -> bool:
    """Return whether the batches of a step are those of ``dataset``."""
    other = config.get("runner" if split == "test" else "datamodule")
    return is_null(other) and bool(split_entries(recipe, config, split))


def _batch_fields(recipe: Recipe, config: Mapping, split: str) -> Fields:
    before = fields_before(split_entries(recipe, config, split))
    return (fields_after(config, split, before, recipe) if before else None) or frozenset()


def _follow(
    library: Library, path: Scalar, start: tuple[str, int], what: str, fields: Fields
) -> Iterator[_MappingUser]:
    """Yield the methods of an object that get a mapping, directly or from each other.

    Args:
        library: Reads the code of the recipe.
        path: The dotted path of the object's class.
        start: The method that is called, and the number of its argument that is the mapping.
        what: ``sample`` or ``batch``.
        fields: The fields of that, where they are known.
    """
    waiting = [start]
    for method, index in waiting:
        body = method_body(library, str(path.value), method)
        names = positional_names(body.node) if body else []
        if body is None or index >= len(names) or body.node.decorator_list:
            continue
        yield _MappingUser(body, f"{path.value}.{method}", names[index], what, fields, path)
        if not is_stored(body.node, names[index]):
            waiting += [one for one in passed_on(body, names[index]) if one not in waiting]


def _check_user(user: _MappingUser) -> Iterator[Diagnostic]:
    """Report the first use of a mapping that no mapping allows."""
    if is_asked(user.body.node, user.name):
        return
    nodes = certain_nodes(_statements_before_change(user.body.node.body, user.name))
    wrong = [one for item in nodes for one in _misuses(item, user.name)]
    wrong.sort(key=lambda one: (one[0].lineno, one[0].col_offset))
    for item, kind in wrong[:1]:
        yield _finding(user, item, kind)


def _statements_before_change(body: Iterable[ast.stmt], name: str) -> list[ast.stmt]:
    """Return the statements that run while a name is still what the function was given.

    The value of the assignment that changes it is among them.
    """
    kept: list[ast.stmt] = []
    for item in body:
        changed = is_stored(item, name)
        value = getattr(item, "value", None)
        if changed and (not isinstance(value, ast.expr) or is_stored(value, name)):
            break
        kept.append(item)
        if changed:
            break
    return kept


def _misuses(item: ast.AST, name: str) -> Iterator[tuple[ast.expr, str]]:
    """Yield an expression that takes a name for something else than a mapping, and for what."""
    if any(_is_name(one, name) for one in _operands(item)):
        place = item.target if isinstance(item, ast.AugAssign) else item
        assert isinstance(place, ast.expr)
        yield place, "an array"
    match item:
        case ast.Attribute(value=ast.Name(id=id_), attr=attribute) if id_ == name:
            if not hasattr({}, attribute):
                yield item, f"an object with .{attribute}"
        case ast.Subscript(value=ast.Name(id=id_), slice=index, ctx=ast.Load()) if id_ == name:
            if _is_position(index):
                yield item, "a tuple or an array"
        case ast.Assign(targets=[ast.Tuple() | ast.List() as target], value=ast.Name(id=id_)):
            if id_ == name:
                yield target, "a tuple"


def _operands(item: ast.AST) -> list[ast.expr]:
    """Return the operands of an expression that no mapping can be."""
    match item:
        case ast.BinOp(op=ast.Mod(), left=left):
            return [left]  # a text takes a mapping on its right
        case ast.BinOp(left=left, op=op, right=right) if isinstance(op, _ARITHMETIC):
            return [left, right]
        case ast.AugAssign(target=target, op=op) if isinstance(op, _ARITHMETIC):
            return [target]
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() | ast.Invert(), operand=operand):
            return [operand]
        case ast.Compare(left=left, ops=ops, comparators=others):
            return [left, *others] if all(isinstance(op, _ORDER) for op in ops) else []
    return []


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _is_position(index: ast.expr) -> bool:
    """Return whether an index is certainly no field: a number, a slice or several of them."""
    match index:
        case ast.Slice() | ast.UnaryOp(op=ast.USub(), operand=ast.Constant()):
            return True
        case ast.Constant(value=value):
            return value is ... or (isinstance(value, int) and not isinstance(value, bool))
        case ast.Tuple(elts=parts):
            return any(map(_is_position, parts))
    return False


def _finding(user: _MappingUser, item: ast.expr, kind: str) -> Diagnostic:
    """Return the finding about an expression.

    Args:
        user: The function in which it stands.
        item: The expression.
        kind: What it takes the mapping for.
    """
    known = sorted(user.fields - {"utt_id"})
    names = [one.id for one in getattr(item, "elts", ()) if isinstance(one, ast.Name)]
    likely = next(filter(None, (closest_match(one, known) for one in (*names, user.name))), None)
    field = likely or ("speech" if "speech" in known or not known else known[0])
    have = f"; the data have {', '.join(known)}" if known else ""
    return Diagnostic(
        "R525",
        f"{user.shown} takes {user.name} for {kind}, and the {user.what} is a mapping from field "
        "to value",
        Label(user.body.span_in(item), "of a mapping"),
        (Label(use_location(user.used), "used here"),),
        (f'read a field of it: {user.name}["{field}"]{have}',),
    )
