"""What the methods of a class set its attributes to, and what a config thereby settles.

``self.speech`` is True where ``__init__(self, split, *, speech=True)`` keeps its argument and
``data_src_args`` does not give another. An attribute that is set in any other way is not known.
"""

import ast
from collections.abc import Mapping

from msgspec import Struct

from espnet3_compiler.checks.data.bodies import class_of, constructor_of, default_values
from espnet3_compiler.checks.data.certain_code import kept_arguments
from espnet3_compiler.checks.targets.datasets import DatasetEntry
from espnet3_compiler.signature import resolve_name
from espnet3_compiler.signature.classes import method_nodes
from espnet3_compiler.signature.definitions import ClassFound, is_patched
from espnet3_compiler.signature.flow import (
    FunctionNode,
    dotted_name,
    nodes_of,
    own_nodes,
)
from espnet3_compiler.signature.library import Library
from espnet3_compiler.syntax.tree import Mapping as ConfigMapping
from espnet3_compiler.syntax.tree import Scalar

Known = Mapping[str, object]
"""What names such as ``self.speech`` are known to be."""

_GIVEN_BY_RUNTIME = ("data_dir", "recipe_dir")
_DYNAMIC = ("setattr(", "__dict__", "vars(self", "__getattr")


class Assigned(Struct, frozen=True):
    """A value that a method gives to an attribute.

    Attributes:
        value: The expression.
        node: The method.
        found: The class that has the method.
    """

    value: ast.expr
    node: FunctionNode
    found: ClassFound


def attribute_values(library: Library, path: str, name: str) -> tuple[Assigned, ...]:
    """Return all that a class sets an attribute to; nothing where it may be set in another way.

    Args:
        library: Reads modules.
        path: The dotted path of the class.
        name: The attribute.
    """
    key = ("attribute", path, name)
    if key not in library.memo:
        library.memo[key] = _find_values(library, path, name)
    values: tuple[Assigned, ...] = library.memo[key]
    return values


def _find_values(library: Library, path: str, name: str) -> tuple[Assigned, ...]:
    found = class_of(library, path)
    values: list[Assigned] = []
    for one in resolve_name.resolution_order(library, found) if found else ():
        if not isinstance(one, ClassFound):
            return ()
        file = library.file(one.location) if one.location.local else None
        if one.location.local and file is None:
            return ()
        if file is None:
            continue  # a class of a package, which has no attributes of the recipe
        if any(word in file.text.text for word in _DYNAMIC) or is_patched(library, one, name):
            return ()
        for node, _ in method_nodes(file, one.summary):
            own = _values_in(node, name)
            if own is None:
                return ()
            values += [Assigned(value, node, one) for value in own]
    return tuple(values)


def attribute_users(library: Library, path: str, name: str) -> tuple[FunctionNode, ...]:
    """Return the methods of a class of the recipe that have to do with an attribute.

    Args:
        library: Reads modules.
        path: The dotted path of the class.
        name: The attribute.
    """
    found = class_of(library, path)
    order = resolve_name.resolution_order(library, found) if found else ()
    own = [one for one in order if isinstance(one, ClassFound) and one.location.local]
    files = [(library.file(one.location), one) for one in own]
    nodes = (node for file, one in files if file for node, _ in method_nodes(file, one.summary))
    return tuple(
        node for node in nodes if any(item.attr == name for item in nodes_of(node, ast.Attribute))
    )


def _values_in(node: FunctionNode, name: str) -> list[ast.expr] | None:
    """Return what a method sets an attribute to; None where it does so in another way."""
    named = (item for item in nodes_of(node, ast.Attribute) if item.attr == name)
    stores = [item for item in named if not isinstance(item.ctx, ast.Load)]
    values: list[ast.expr] = []
    for item in own_nodes(node) if stores else ():
        match item:
            case ast.Assign(targets=[target], value=ast.expr() as value) if target in stores:
                values.append(value)
            case ast.AnnAssign(target=target, value=ast.expr() as value) if target in stores:
                values.append(value)
    plain = all(isinstance(one.value, ast.Name) and one.value.id == "self" for one in stores)
    return values if plain and len(values) == len(stores) else None


def known_settings(data: DatasetEntry) -> Known:
    """Return what attributes of a data set are known to be, by the names ``self.NAME``."""
    key = ("settings", data.module, id(data.node), data.certain)
    if key not in data.library.memo:  # many checks ask for it
        data.library.memo[key] = data.node, _find_settings(data)
    known: Known = data.library.memo[key][1]
    return known


def _find_settings(data: DatasetEntry) -> Known:
    path = f"{data.module}.Dataset"
    made = constructor_of(data.library, path)
    given = data.node.get("data_src_args")
    if made is None or made.position != 0 or not data.certain:
        return {}
    block = given if isinstance(given, ConfigMapping) else None
    if given is not None and block is None:
        return {}
    usual = dict(default_values(made.body))
    known: dict[str, object] = {}
    for attribute, argument in kept_arguments(made.body.node).items():
        entry = block.entry(argument) if block else None
        value = entry.value if entry else usual.get(argument)
        settled = isinstance(value, Scalar | ast.expr) and argument not in _GIVEN_BY_RUNTIME
        if settled and len(attribute_values(data.library, path, attribute)) == 1:
            known |= _known_value(f"self.{attribute}", value)
    return known


def _known_value(name: str, value: Scalar | ast.expr | object) -> dict[str, object]:
    if isinstance(value, Scalar):
        return {} if "$" in str(value.value) else {name: value.value}
    return {name: value.value} if isinstance(value, ast.Constant) else {}


def chosen_branch(node: ast.IfExp, known: Known) -> ast.expr | None:
    """Return the value of ``a if test else b`` of which the test is known, else None."""
    truth = known_truth(node.test, known)
    return None if truth is None else node.body if truth else node.orelse


def known_truth(test: ast.expr, known: Known) -> bool | None:
    """Return whether a condition on one attribute holds; None where that is not known."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            truth = known_truth(inner, known)
            return None if truth is None else not truth
        case ast.Compare(
            left=ast.Attribute() as left, ops=[how], comparators=[ast.Constant(value=other)]
        ) if (name := dotted_name(left)) in known:
            return _compared(known[str(name)], how, other)
    name = dotted_name(test)
    return bool(known[name]) if name and name in known else None


def _compared(value: object, how: ast.cmpop, other: object) -> bool | None:
    if isinstance(how, ast.Is | ast.Eq):
        return value == other
    return value != other if isinstance(how, ast.IsNot | ast.NotEq) else None
