"""Rows of a table, whose values are all texts: those of ``csv.DictReader``, or of a split line.

``self.rows[index]`` is one where all that sets ``self.rows`` makes lists of such rows, and nothing
puts a value of another kind into one: ``row["samples"] = int(row["samples"])``.
"""

import ast
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from espnet3_compiler.checks.data.attributes import Assigned, attribute_users, attribute_values
from espnet3_compiler.checks.data.bodies import FunctionBody, function_body
from espnet3_compiler.checks.data.certain_code import assigned_values
from espnet3_compiler.checks.item_kinds.kinds import Maker
from espnet3_compiler.signature.definitions import full_name
from espnet3_compiler.signature.flow import (
    FunctionNode,
    all_nodes,
    dotted_name,
    literal_text,
    nodes_of,
    own_returns,
)
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import ModuleLocation

_READERS = ("csv.DictReader", "csv.reader")
_QUOTING = ("QUOTE_NONE", "QUOTE_ALL", "QUOTE_MINIMAL")
_LISTS = ("list", "sorted", "tuple", "reversed")
_CHANGES = ("append", "extend", "insert", "update", "setdefault", "__setitem__")
_DEPTH = 20
_Loop = ast.comprehension | ast.For


class _TablePlace(Struct, frozen=True):
    """A function, and where its names and attributes come from."""

    library: Library
    path: str
    location: ModuleLocation
    node: FunctionNode


def is_row(value: ast.expr, maker: Maker) -> bool:
    """Return whether an expression is certainly a row of which all values are texts."""
    location = maker.library.find_module(maker.body.module)
    return location is not None and _is_row(
        value, _TablePlace(maker.library, maker.path, location, maker.body.node), 0
    )


def is_text_list(value: ast.expr, maker: Maker) -> bool:
    """Return whether an expression is ``self.NAME``, a list of texts that a constructor makes."""
    match value:
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            given = attribute_values(maker.library, maker.path, name)
            return bool(given) and all(_makes_texts(one, maker.library) for one in given)
    return False


def _makes_texts(given: Assigned, library: Library) -> bool:
    match given.value:
        case ast.ListComp(elt=ast.Call(func=ast.Name(id="str")) | ast.JoinedStr()):
            return True
        case ast.Call(func=ast.Name(id=name), args=[ast.Call() as inner, *_]) if name in _LISTS:
            return _makes_texts(replace(given, value=inner), library)
        case ast.Call(func=function):
            name = full_name(library, given.found.location, dotted_name(function) or "")
            return name in ("glob.glob", "os.listdir")
    return False


def _is_row(value: ast.expr, place: _TablePlace, depth: int) -> bool:
    match value:
        case ast.Subscript(value=ast.Attribute(value=ast.Name(id="self"), attr=name), slice=index):
            return not isinstance(index, ast.Slice) and _is_table(name, place, depth)
        case ast.Name(id=name) if depth < _DEPTH:
            given = assigned_values(place.node, name)
            if not given or is_changed(place.node):
                return False
            return all(_is_row(one, place, depth + 1) for one in given)
    return False


def _is_table(attribute: str, place: _TablePlace, depth: int) -> bool:
    """Return whether an attribute is a list of rows, and stays one."""
    given = attribute_values(place.library, place.path, attribute)
    users = attribute_users(place.library, place.path, attribute)
    if not given or depth > _DEPTH or any(map(is_changed, users)):
        return False
    places = [replace(_place_of(given[0], place), node=node) for node in users]
    filled = _is_filled(f"self.{attribute}", places, depth)
    return filled is not False and all(
        (filled and _is_empty(value)) or _makes_rows(value, there, depth + 1)
        for value, there in ((one.value, _place_of(one, place)) for one in given)
    )


def _is_filled(shown: str, places: list[_TablePlace], depth: int) -> bool | None:
    """Return whether all that is appended to a list are rows; None where nothing is.

    Args:
        shown: The list, as it is written.
        places: The functions that may append to it.
        depth: How many steps were followed.
    """
    added = [(item, place) for place in places for item in _appended(shown, place.node)]
    return all(_is_added_row(item, place, depth + 1) for item, place in added) if added else None


def _appended(shown: str, node: FunctionNode) -> list[ast.expr]:
    return [
        item.args[0]
        for item in nodes_of(node, ast.Call)
        if isinstance(item.func, ast.Attribute)
        and item.func.attr == "append"
        and len(item.args) == 1
        and dotted_name(item.func.value) == shown
    ]


def _is_added_row(value: ast.expr, place: _TablePlace, depth: int) -> bool:
    """Return whether what is put into a list is a row: a split line, or that of a loop."""
    if isinstance(value, ast.Name):
        given = assigned_values(place.node, value.id)
        if given:
            return depth < _DEPTH and all(_is_added_row(one, place, depth + 1) for one in given)
    loops = [one for one in all_nodes(place.node) if isinstance(one, ast.For)]
    return any(_is_row_of(value, one, place, depth) for one in loops)


def _is_empty(value: ast.expr) -> bool:
    return isinstance(value, ast.List) and not value.elts


def _place_of(given: Assigned, place: _TablePlace) -> _TablePlace:
    return replace(place, location=given.found.location, node=given.node)


@lru_cache(maxsize=1 << 12)  # the methods of a data set are asked for each of its attributes
def is_changed(node: FunctionNode) -> bool:
    """Return whether a function may put something else than a text into a row, or such a row."""
    for item in nodes_of(node, ast.Assign, ast.AugAssign, ast.NamedExpr, ast.Call):
        match item:
            case ast.Assign(targets=[ast.Subscript(value=owner)], value=value):
                if not _is_plain_text(value) and not _is_own(owner, node):
                    return True
            case ast.AugAssign(target=ast.Subscript(value=owner)):
                return True
            case ast.NamedExpr() | ast.Assign(targets=[ast.Tuple(elts=[ast.Subscript(), *_])]):
                return True
            case ast.Call(func=ast.Attribute(attr="append"), args=[_]):
                pass  # looked at where the list is asked for
            case ast.Call(func=ast.Attribute(value=owner, attr=method)) if method in _CHANGES:
                if not _is_own(owner, node):
                    return True
    return False


def _is_own(owner: ast.expr, node: FunctionNode) -> bool:
    """Return whether a function makes a mapping or list itself, of nothing else."""
    given = assigned_values(node, owner.id) if isinstance(owner, ast.Name) else None
    literal = (ast.Dict, ast.List)
    return bool(given) and all(
        isinstance(one, literal) and None not in getattr(one, "keys", ()) for one in given or ()
    )


def _is_plain_text(value: ast.expr) -> bool:
    match value:
        case ast.JoinedStr() | ast.Call(func=ast.Name(id="str")):
            return True
        case ast.Constant(value=text):
            return isinstance(text, str)
    return False


def _makes_rows(value: ast.expr, place: _TablePlace, depth: int) -> bool:
    """Return whether an expression is certainly a list of rows of texts."""
    if depth > _DEPTH:
        return False
    match value:
        case ast.ListComp(elt=item, generators=[loop]):
            return _is_row_of(item, loop, place, depth + 1)
        case ast.Subscript(value=inner, slice=ast.Slice()):
            return _makes_rows(inner, place, depth + 1)
        case ast.Name(id=name):
            given = assigned_values(place.node, name) or []
            filled = _is_filled(name, [place], depth)
            return (
                bool(given)
                and filled is not False
                and all(
                    (filled and _is_empty(one)) or _makes_rows(one, place, depth + 1)
                    for one in given
                )
            )
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            return _is_given_table(name, place, depth + 1)
        case ast.Call():
            return _gives_rows(value, place, depth + 1)
    return False


def _is_given_table(attribute: str, place: _TablePlace, depth: int) -> bool:
    """Return whether an attribute of which a new one is made is a list of rows by its other values.

    Args:
        attribute: The attribute.
        place: The function in which it is read.
        depth: How many steps were followed.
    """
    given = attribute_values(place.library, place.path, attribute)
    others = [one for one in given if one.node is not place.node]
    return bool(others) and all(
        _makes_rows(one.value, _place_of(one, place), depth) for one in others
    )


def _is_row_of(item: ast.expr, loop: _Loop, place: _TablePlace, depth: int) -> bool:
    """Return whether what a list makes of each round of a loop is a row."""
    tables = _looped_tables(loop)
    names = {name for name, table in tables.items() if _makes_rows(table, place, depth)}
    match item:
        case ast.Name(id=name) | ast.Call(func=ast.Name(id="dict"), args=[ast.Name(id=name)]):
            return name in names
        case ast.Dict(keys=keys, values=values):
            whole = [one for key, one in zip(keys, values, strict=True) if key is None]
            plain = all(map(_is_plain_text, (one for one in values if one not in whole)))
            return plain and all(isinstance(one, ast.Name) and one.id in names for one in whole)
        case ast.Call(
            func=ast.Name(id="dict"), args=[ast.Call(func=ast.Name(id="zip"), args=[_, texts])]
        ):
            return _is_split(texts)
    return _is_split(item)


def _is_split(value: ast.expr) -> bool:
    """Return whether an expression is the parts of a text: ``line.strip().split(",")``."""
    match value:
        case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="str"))):
            return False  # of a table of pandas
        case ast.Call(func=ast.Attribute(attr="split" | "rsplit"), args=args):
            return not args or literal_text(args[0]) is not None  # a tensor takes a number
    return False


def _looped_tables(loop: _Loop) -> dict[str, ast.expr]:
    """Return the variables of a loop, each with what it goes through."""
    match loop.target, loop.iter:
        case ast.Name(id=name), source:
            return {name: source}
        case ast.Tuple(elts=names), ast.Call(func=ast.Name(id="zip"), args=args):
            pairs = zip(names, args, strict=False)
            return {one.id: source for one, source in pairs if isinstance(one, ast.Name)}
    return {}


def _gives_rows(call: ast.Call, place: _TablePlace, depth: int) -> bool:
    match call:
        case ast.Call(func=ast.Name(id=name), args=[inner, *_]) if name in _LISTS:
            return _makes_rows(inner, place, depth)
    name = dotted_name(call.func) or ""
    full = full_name(place.library, place.location, name) if name else ""
    if full in _READERS:
        quoting = [one.value for one in call.keywords if one.arg in ("quoting", "dialect", None)]
        return all((dotted_name(one) or "").endswith(_QUOTING) for one in quoting)
    body = function_body(place.library, full) if full else None
    return body is not None and _returns_rows(body, place, depth)


def _returns_rows(body: FunctionBody, place: _TablePlace, depth: int) -> bool:
    location = place.library.find_module(body.module)
    values = [one.value for one in own_returns(body.node)]
    if location is None or not values or is_changed(body.node):
        return False
    inside = replace(place, location=location, node=body.node)
    return all(one is not None and _makes_rows(one, inside, depth) for one in values)
