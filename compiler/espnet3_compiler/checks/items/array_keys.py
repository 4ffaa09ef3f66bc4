"""Arrays that code reads from the files of stages, by the names that the runtime gives them.

Passes: ``np.load(feats_stats)["sum_square"]`` for ``feats_stats: ${stages.collect_stats.…}``.
Fails: ``["sum_sq"]`` there, also in a function of the recipe that the path is handed on to.
"""

import ast
from collections.abc import Iterator

from msgspec import Struct

from espnet3_compiler.checks.data.bodies import (
    FunctionBody,
    constructor_of,
    full_name_in,
    function_body,
    method_body,
)
from espnet3_compiler.checks.data.certain_code import is_stored
from espnet3_compiler.checks.targets.nodes import find_targets
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import has_own_method, stage_kind
from espnet3_compiler.manifest.values import as_text, text_of
from espnet3_compiler.signature.flow import all_nodes, dotted_name, literal_text
from espnet3_compiler.signature.library import Library
from espnet3_compiler.stage_graph.stage_inputs import output_uses
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Scalar
from espnet3_compiler.syntax.unknown_name import did_you_mean
from espnet3_schemas import TARGET

_ARRAYS = {
    ("collect_stats", "feats_stats"): ("count", "sum", "sum_square"),
    ("cluster", "centroids"): ("centroids",),
}
"""By kind of stage and output: the arrays in its file."""

_LOAD = "numpy.load"
_SAME_PATH = ("str", "Path", "pathlib.Path")
_DEPTH = 4


class _Reader(Struct, frozen=True):
    """A function that gets the path of a file.

    Attributes:
        library: Reads modules.
        path: The class of which it is a method; empty for a function.
        body: The function.
        name: Its argument that is the path.
    """

    library: Library
    path: str
    body: FunctionBody
    name: str


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R422, once for each key."""
    kinds = {
        str(stage.name.value): str(stage_kind(stage))
        for stage in recipe.stages
        if stage.run and not has_own_method(stage, recipe)
    }
    found: list[Diagnostic] = []
    for target in find_targets(recipe, resolved) if recipe.complete else ():
        path = text_of(target.node.get(TARGET))
        for entry in target.node if target.judged and path and "$" not in path else ():
            value = as_text(entry.value)
            arrays = _arrays_of(value, kinds) if value else ()
            made = constructor_of(recipe.library, path) if arrays else None
            if made and value:
                reader = _Reader(recipe.library, path, made.body, entry.name)
                found += _check_reader(reader, arrays, value, 0)
    yield from first_per_location(found)


def _arrays_of(value: Scalar, kinds: dict[str, str]) -> tuple[str, ...]:
    """Return the arrays of the file that a value names, where it is that of one stage."""
    uses = [(kinds.get(stage, ""), output) for stage, output, _ in output_uses(value)]
    text = str(value.value)
    whole = text.startswith("${") and text.endswith("}") and text.count("$") == 1
    return _ARRAYS.get(uses[0], ()) if whole and len(uses) == 1 else ()


def _check_reader(
    reader: _Reader, arrays: tuple[str, ...], value: Scalar, depth: int
) -> Iterator[Diagnostic]:
    """Report keys that a file does not have.

    Args:
        reader: The function that gets its path.
        arrays: The arrays in it.
        value: What names it in the recipe.
        depth: Through how many functions the path came.
    """
    node, body = reader.body.node, reader.body
    known = [one.arg for one in all_nodes(node.args) if isinstance(one, ast.arg)]
    tries = any(isinstance(one, ast.Try) for one in all_nodes(node))
    if reader.name not in known or tries or is_stored(node, reader.name) or depth > _DEPTH:
        return
    for item in all_nodes(node):
        key = _key_read(item, reader)
        name = literal_text(key)
        if key is not None and name is not None and name.removesuffix(".npy") not in arrays:
            yield _finding(body, key, name, arrays, value)
        if isinstance(item, ast.Call):
            for further in _handed_on(item, reader):
                yield from _check_reader(further, arrays, value, depth + 1)


def _key_read(item: ast.AST, reader: _Reader) -> ast.expr | None:
    """Return the key of which a node reads the array, if it does so from the file."""
    match item:
        case ast.Subscript(value=ast.Call() as call, slice=key, ctx=ast.Load()):
            return key if _is_load(call, reader) else None
        case ast.Subscript(value=ast.Name(id=name), slice=key, ctx=ast.Load()):
            return key if name in _opened(reader) else None
    return None


def _opened(reader: _Reader) -> list[str]:
    """Return the variables of a function that are the opened file and nothing else."""
    node = reader.body.node
    names: list[str] = []
    for item in all_nodes(node):
        match item:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call)
                | ast.withitem(optional_vars=ast.Name(id=name), context_expr=ast.Call() as call)
            ) if _is_load(call, reader):
                names.append(name)
    stores = [
        one.id
        for one in all_nodes(node)
        if isinstance(one, ast.Name) and not isinstance(one.ctx, ast.Load)
    ]
    asked = {
        one.comparators[0].id
        for one in all_nodes(node)
        if isinstance(one, ast.Compare) and isinstance(one.comparators[0], ast.Name)
    }
    return [name for name in names if stores.count(name) == names.count(name) and name not in asked]


def _is_load(call: ast.Call, reader: _Reader) -> bool:
    return _called(call, reader) == _LOAD and bool(call.args) and _is_path(call.args[0], reader)


def _called(call: ast.Call, reader: _Reader) -> str:
    return full_name_in(reader.library, reader.body, dotted_name(call.func) or "")


def _is_path(value: ast.expr, reader: _Reader) -> bool:
    """Return whether an expression is the path, perhaps as another type."""
    match value:
        case ast.Name(id=name):
            return name == reader.name
        case ast.Call(func=function, args=[inner]) if dotted_name(function) in _SAME_PATH:
            return _is_path(inner, reader)
    return False


def _handed_on(call: ast.Call, reader: _Reader) -> Iterator[_Reader]:
    """Yield the function of the recipe that a call hands the path on to."""
    positions = [n for n, one in enumerate(call.args) if _is_path(one, reader)]
    names = [one.arg for one in call.keywords if one.arg and _is_path(one.value, reader)]
    if not positions and not names:
        return
    match call.func:
        case ast.Attribute(value=ast.Name(id="self"), attr=method) if reader.path:
            body, path = method_body(reader.library, reader.path, method), reader.path
        case _:
            body, path = function_body(reader.library, _called(call, reader)), ""
    if body is None:
        return
    args = [one.arg for one in (*body.node.args.posonlyargs, *body.node.args.args)]
    args = args[1:] if args[:1] == ["self"] else args
    for name in (*(args[n] for n in positions if n < len(args)), *names):
        yield _Reader(reader.library, path, body, name)


def _finding(
    body: FunctionBody, key: ast.expr, name: str, arrays: tuple[str, ...], value: Scalar
) -> Diagnostic:
    """Return the finding about a key.

    Args:
        body: The function that reads it.
        key: The expression.
        name: The key.
        arrays: Those that there are.
        value: What names the file in the recipe.
    """
    known = ", ".join(arrays)
    begun = next((one for one in arrays if one.startswith(name)), None)
    return Diagnostic(
        "R422",
        f'{value.value} has no array "{name}"; it has {known}',
        Label(body.span_in(key), f"not in ({known})"),
        (Label(use_location(value), "read from here"),),
        did_you_mean(begun or closest_match(name, arrays), f"write one of {known}"),
    )
