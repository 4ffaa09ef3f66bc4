"""How many items a data set says that it has, against what it takes them from by their number.

Passes: ``return len(self.rows)`` beside ``self.rows[index]``; ``return len(self.rows) - 1`` beside
``self.rows[index + 1]``.
Fails: ``return len(self.rows) + 1``, or ``self.rows[index + 1]`` beside ``len(self.rows)``: the
last item is not there; ``return self.rows``; ``self.rows = csv.DictReader(file)``, or a generator,
which has neither a length nor items by number.
"""

import ast
from collections.abc import Iterator

from msgspec import Struct

from espnet3_compiler.checks.data.attributes import Assigned, attribute_values
from espnet3_compiler.checks.data.bodies import (
    FunctionBody,
    entries_of,
    method_body,
    returned_values,
)
from espnet3_compiler.checks.data.certain_code import (
    assigned_values,
    certain_nodes,
    may_be_another,
)
from espnet3_compiler.checks.targets.datasets import DatasetEntry, entry_span, is_available
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stage_kind
from espnet3_compiler.signature.classes import method_nodes
from espnet3_compiler.signature.definitions import full_name
from espnet3_compiler.signature.flow import dotted_name
from espnet3_compiler.signature.library import Library
from espnet3_compiler.syntax.span_key import first_per_location

_ITERATORS = (
    *("csv.DictReader", "csv.reader", "glob.iglob", "os.scandir", "os.walk"),
    *("enumerate", "filter", "iter", "map", "reversed", "zip"),
)
_GENERATING = ("glob", "rglob", "iterdir")
_SEQUENCES = ("list", "sorted", "tuple")


class _Counted(Struct, frozen=True):
    """A data set whose methods are those of the recipe.

    Attributes:
        library: Reads the module.
        path: The dotted path of its class.
        length: Its ``__len__``.
        getter: Its ``__getitem__``.
        used: The entry that names it.
    """

    library: Library
    path: str
    length: FunctionBody
    getter: FunctionBody
    used: Span


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R428, once for each place."""
    found: list[Diagnostic] = []
    seen: set[str] = set()
    for stage in recipe.stages if recipe.complete else ():
        read = stage_kind(stage) != "create_dataset"
        for data in filter(is_available, entries_of(stage, recipe, resolved)) if read else ():
            if data.module not in seen:
                seen.add(data.module)
                found += _check_data(data)
    yield from first_per_location(found)


def _check_data(data: DatasetEntry) -> Iterator[Diagnostic]:
    path = f"{data.module}.Dataset"
    length, getter = (method_body(data.library, path, f"__{one}__") for one in ("len", "getitem"))
    values = returned_values(length.node) if length else []
    if length is None or getter is None or len(values) != 1:
        return
    counted = _Counted(data.library, path, length, getter, entry_span(data))
    match values[0]:
        case ast.Call(
            func=ast.Name(id="len"), args=[ast.Attribute(value=ast.Name(id="self"), attr=name)]
        ):
            iterators = list(_check_iterator(counted, name))
            yield from iterators or _check_indices(counted, name)
        case (
            ast.BinOp(
                left=ast.Call(
                    func=ast.Name(id="len"),
                    args=[ast.Attribute(value=ast.Name(id="self"), attr=name)],
                ),
                op=ast.Add(),
                right=ast.Constant(value=int(more)),
            ) as value
        ) if more > 0 and 0 in [behind for _, behind in _items_of(counted, name)]:
            message = f'the last of so many items is not in "self.{name}"'
            yield _finding(counted, length, value, message, f"write return len(self.{name})")
        case ast.BinOp(left=ast.Call(func=ast.Name(id="len")), op=ast.Div()) as value:
            message = "__len__ gives a number with a point, and has to give a whole one"
            yield _finding(counted, length, value, message, "write // in place of /")
        case ast.Attribute(value=ast.Name(id="self"), attr=name) as value if _is_list(
            counted, name
        ):
            message = "__len__ gives a list, and has to give its length"
            yield _finding(counted, length, value, message, f"write return len(self.{name})")


def _items_of(counted: _Counted, name: str) -> list[tuple[ast.Subscript, int]]:
    """Return where an attribute is certainly asked for an item, and how far behind the index.

    Args:
        counted: The data set.
        name: The attribute.
    """
    node = counted.getter.node
    index = next((one.arg for one in node.args.args[1:2]), "")
    found: list[tuple[ast.Subscript, int]] = []
    for item in certain_nodes(node.body) if not may_be_another(node, index) else ():
        match item:
            case ast.Subscript(
                value=ast.Attribute(value=ast.Name(id="self"), attr=attribute), slice=place
            ) if attribute == name:
                behind = _behind(place, index)
                found += [(item, behind)] if behind is not None else []
    return found


def _behind(place: ast.expr, index: str) -> int | None:
    """Return what is added to an index; None where that is not all."""
    match place:
        case ast.Name(id=name) if name == index:
            return 0
        case ast.BinOp(left=ast.Name(id=name), op=ast.Add(), right=ast.Constant(value=int(more))):
            return more if name == index else None
    return None


def _check_indices(counted: _Counted, name: str) -> Iterator[Diagnostic]:
    """Report ``self.NAME[index + 1]`` beside ``len(self.NAME)``."""
    items = _items_of(counted, name) if _is_list(counted, name) else ()
    for item in (one for one, behind in items if behind > 0):
        message = f'the last item is not in "self.{name}", of which the first is at index 0'
        advice = f"write self.{name}[index], or count one item less in __len__"
        yield _finding(counted, counted.getter, item, message, advice)


def _check_iterator(counted: _Counted, name: str) -> Iterator[Diagnostic]:
    given = attribute_values(counted.library, counted.path, name)
    if given and all(_is_iterator(counted.library, one, one.value) for one in given):
        file = counted.library.file(given[0].found.location)
        for node, shift in method_nodes(file, given[0].found.summary) if file else ():
            if file and node is given[0].node:
                yield Diagnostic(
                    "R428",
                    f'"self.{name}" gives its items one after another, and has no length',
                    Label(file.expression_span(given[0].value, shift=shift), "no list"),
                    (Label(counted.used, "these data"),),
                    ("make a list of it: list(…), or sorted(…) for files",),
                )


def _is_iterator(library: Library, given: Assigned, value: ast.expr) -> bool:
    """Return whether a value can only be gone through, once."""
    match value:
        case ast.GeneratorExp():
            return True
        case ast.Call(func=ast.Attribute(value=owner, attr=attr)) if attr in _GENERATING:
            return _is_path(library, given, owner)
        case ast.Call(func=func):
            name = dotted_name(func) or ""
            full = full_name(library, given.found.location, name) if name else ""
            return (full or name) in _ITERATORS
        case ast.Name(id=name):
            values = assigned_values(given.node, name) or ()
            return len(values) == 1 and _is_iterator(library, given, values[0])
    return False


def _is_path(library: Library, given: Assigned, value: ast.expr) -> bool:
    match value:
        case ast.Call(func=func):
            name = dotted_name(func) or ""
            return bool(name) and full_name(library, given.found.location, name) == "pathlib.Path"
        case ast.BinOp(left=left, op=ast.Div()):
            return _is_path(library, given, left)
        case ast.Name(id=name):
            values = assigned_values(given.node, name) or ()
            return len(values) == 1 and _is_path(library, given, values[0])
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            path = f"{given.found.location.name}.{given.found.name}"
            kept = attribute_values(library, path, name)
            return len(kept) == 1 and _is_path(library, kept[0], kept[0].value)
    return False


def _is_list(counted: _Counted, name: str) -> bool:
    """Return whether an attribute is certainly a list, or a part of one."""
    given = attribute_values(counted.library, counted.path, name)
    return bool(given) and all(_is_sequence(one, one.value) for one in given)


def _is_sequence(given: Assigned, value: ast.expr) -> bool:
    match value:
        case ast.List() | ast.ListComp() | ast.Tuple() | ast.Subscript(slice=ast.Slice()):
            return True
        case ast.Call(func=ast.Name(id=name)):
            return name in _SEQUENCES
        case ast.Name(id=name):
            values = assigned_values(given.node, name) or ()
            return bool(values) and all(
                not isinstance(one, ast.Name) and _is_sequence(given, one) for one in values
            )
    return False


def _finding(
    counted: _Counted, body: FunctionBody, place: ast.expr, message: str, advice: str
) -> Diagnostic:
    """Return R428 at an expression of a method.

    Args:
        counted: The data set.
        body: The method.
        place: The expression.
        message: One sentence.
        advice: What to write.
    """
    related = (Label(counted.used, "these data"),)
    return Diagnostic(
        "R428", message, Label(body.span_in(place), "another number"), related, (advice,)
    )
