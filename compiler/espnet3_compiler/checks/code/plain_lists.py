"""Modules of PyTorch that a module keeps in a plain list, tuple or dictionary.

Passes: ``self.blocks = nn.ModuleList([Block(8), Block(8)])``; ``layers = [nn.Linear(8, 8) …]`` that
become ``nn.Sequential(*layers)``; functions and modules without weights in a list.
Fails: ``self.blocks = [nn.Linear(8, 8) for _ in range(3)]``: the module does not know its weights,
which are neither trained, nor saved, nor moved to a device; ``self.blocks = layers`` where that is
such a list.

A class that does more with the list than going through it may take care of the weights itself.
"""

import ast
import re
from collections.abc import Iterator, Sequence

from espnet3_compiler.checks.code.modules import RecipeModule
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.signature.classes import is_module_class, method_nodes
from espnet3_compiler.signature.definitions import ClassFound
from espnet3_compiler.signature.flow import FunctionNode, all_nodes, dotted_name
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import ModuleLocation
from espnet3_compiler.signature.resolve_name import find_in
from espnet3_compiler.syntax.provenance import use_location

_ATTRIBUTE = rb"\bself\.\w+(?::[^=\n]+)? = "
_LIKELY = re.compile(_ATTRIBUTE + rb"(?:\[|\(|\{|list\(|tuple\(|dict\()")
_LOCAL = re.compile(rb"\n +(\w+)(?::[^=\n]+)? = (?:\[|list\()")
_KEPT = re.compile(_ATTRIBUTE + rb"(\w+)\b")
"""Variables that are lists, and those that become attributes."""

_CARES = r"add_module|register_module|setattr|parameters\(|requires_grad|__dict__"
"""What a class does that may let it know the weights in a list, or not want them trained."""

_WEIGHTLESS = tuple(
    f"torch.nn.modules.{name}"
    for name in (
        *("activation", "channelshuffle", "distance", "dropout", "flatten", "fold", "linear"),
        *("loss", "padding", "pixelshuffle", "pooling", "upsampling"),
    )
)
_WEIGHTED = ("PReLU", "MultiheadAttention", "Linear", "Bilinear")
"""Classes of these modules that do have weights."""

_GOING_THROUGH = ("enumerate", "zip", "len", "reversed", "range", "iter")
_READING = ("append", "extend", "items", "keys", "values")
_DEPTH = 4


def check_plain_lists(modules: Sequence[RecipeModule]) -> Iterator[Diagnostic]:
    """Yield R515, once for each attribute."""
    for module in modules:
        classes = [one for one in module.classes if is_module_class(module.library, one[0])]
        for found, piece in classes if classes and _may_keep_lists(module.file.content) else ():
            if not re.search(_CARES, module.file.text.lines(piece.first, piece.last)):
                yield from _check_class(module, found)


def _may_keep_lists(text: bytes) -> bool:
    named = not set(_LOCAL.findall(text)).isdisjoint(_KEPT.findall(text))
    return named or _LIKELY.search(text) is not None


def _check_class(module: RecipeModule, found: ClassFound) -> Iterator[Diagnostic]:
    methods = list(method_nodes(module.file, found.summary))
    for node, shift in methods:
        for item in all_nodes(node):
            match item:
                case (
                    ast.Assign(targets=[target], value=ast.expr() as value)
                    | ast.AnnAssign(target=target, value=ast.expr() as value)
                ) if _is_own(target):
                    assert isinstance(target, ast.Attribute)
                    kept = _elements(value, target.attr, methods) or _of_variable(value, node)
                    if any(
                        _has_weights(module.library, module.location, one, 0) for one in kept
                    ) and all(_goes_through(one, target.attr) for one, _ in methods):
                        yield _finding(module, found, target, value, shift)


def _is_own(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    )


def _elements(
    value: ast.expr, name: str, methods: list[tuple[FunctionNode, int]]
) -> list[ast.expr]:
    """Return what a plain list, tuple or dictionary is made of; of a single item nothing.

    A list with one item is how code hides a module from another one on purpose.

    Args:
        value: The list.
        name: The attribute that it becomes; what is appended to it counts, too.
        methods: The methods of the class.
    """
    match value:
        case ast.Call(func=ast.Name(id="list" | "tuple" | "dict"), args=[inner]):
            return _elements(inner, name, methods)
        case ast.ListComp(elt=item) | ast.GeneratorExp(elt=item) | ast.DictComp(value=item):
            return [item]
        case ast.List(elts=[]):
            return list(_appended(name, methods))
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Dict(values=items):
            return items if len(items) > 1 else []
    return []


def _appended(name: str, methods: list[tuple[FunctionNode, int]]) -> Iterator[ast.expr]:
    for node, _ in methods:
        for item in all_nodes(node):
            match item:
                case ast.Call(
                    func=ast.Attribute(value=ast.Attribute(attr=attr) as owner, attr="append"),
                    args=[value],
                ) if attr == name and _is_own(owner):
                    yield value


def _of_variable(value: ast.expr, node: FunctionNode) -> list[ast.expr]:
    """Return what a list is made of that a method makes in a variable and uses for nothing else.

    Args:
        value: What an attribute becomes.
        node: The method.
    """
    if not isinstance(value, ast.Name):
        return []
    uses = [one for one in all_nodes(node) if isinstance(one, ast.Name) and one.id == value.id]
    changes = [(target, items) for target, items in _list_changes(node) if target in uses]
    items = [item for _, more in changes for item in more]
    several = len(items) > 1 or len(changes) > 1
    return items if several and {*uses} == {value, *(target for target, _ in changes)} else []


def _list_changes(node: FunctionNode) -> Iterator[tuple[ast.expr, list[ast.expr]]]:
    """Yield what a method sets to a list that is written out, or adds to, and the items."""
    for part in all_nodes(node):
        match part:
            case (
                ast.Assign(targets=[target], value=ast.expr() as value)
                | ast.AnnAssign(target=target, value=ast.expr() as value)
                | ast.AugAssign(target=target, op=ast.Add(), value=value)
                | ast.Call(func=ast.Attribute(value=target, attr="extend"), args=[value])
            ) if (items := _written_items(value)) is not None:
                yield target, items
            case ast.Call(func=ast.Attribute(value=target, attr="append"), args=[value]):
                yield target, [value]


def _written_items(value: ast.expr) -> list[ast.expr] | None:
    """Return what stands in a list that is written out; None for anything else."""
    match value:
        case ast.Call(func=ast.Name(id="list"), args=args):
            return _written_items(args[0]) if args else []
        case ast.List(elts=items):
            return items
        case ast.ListComp(elt=item) | ast.GeneratorExp(elt=item):
            return [item, item]  # there are several
    return None


def _has_weights(library: Library, location: ModuleLocation, value: ast.expr, depth: int) -> bool:
    """Return whether an expression certainly makes a module of PyTorch that has weights.

    Args:
        library: Reads modules.
        location: The module in which the expression stands.
        value: The expression.
        depth: How many modules were entered so far.
    """
    name = dotted_name(value.func) if isinstance(value, ast.Call) else None
    found = find_in(library, location, name) if name and depth < _DEPTH else None
    if not isinstance(value, ast.Call) or not isinstance(found, ClassFound):
        return False
    if not is_module_class(library, found):
        return False
    if found.location.name == "torch.nn.modules.container":
        return any(_has_weights(library, location, one, depth + 1) for one in value.args)
    if found.location.local:
        return _sets_weights(library, found, depth + 1)
    if found.location.name in _WEIGHTLESS:
        return found.name in _WEIGHTED
    return found.location.name.startswith("torch.nn.modules.")


def _sets_weights(library: Library, found: ClassFound, depth: int) -> bool:
    """Return whether a module of the recipe sets a module with weights, or a parameter."""
    file = library.file(found.location)
    pieces = [piece for piece in found.summary.members.get("__init__", ()) if piece]
    if file is None or not pieces or pieces[-1].kind != "def":
        return False
    node = file.function_node(pieces[-1])
    values = [item.value for item in all_nodes(node) if isinstance(item, ast.Assign)]
    made = [one for one in values if isinstance(one, ast.Call)]
    return any(
        (dotted_name(one.func) or "").endswith("Parameter")
        or _has_weights(library, found.location, one, depth)
        for one in made
    )


def _goes_through(node: FunctionNode, name: str) -> bool:
    """Return whether a method does no more with an attribute than setting and reading it."""
    understood: list[ast.AST] = []
    for item in all_nodes(node):
        match item:
            case ast.Assign(targets=targets):
                understood += targets
            case ast.AnnAssign(target=target):
                understood.append(target)
            case ast.For(iter=one) | ast.comprehension(iter=one):
                understood.append(one)
            case ast.Subscript(value=one, ctx=ast.Load()):
                understood.append(one)
            case ast.Call(func=ast.Name(id=function), args=args) if function in _GOING_THROUGH:
                understood += args
            case ast.Attribute(value=one, attr=attr) if attr in _READING:
                understood.append(one)
    uses = [item for item in all_nodes(node) if _is_own(item) and item.attr == name]  # type: ignore[attr-defined]
    return {id(item) for item in uses} <= set(map(id, understood))


def _finding(
    module: RecipeModule, found: ClassFound, target: ast.Attribute, value: ast.expr, shift: int
) -> Diagnostic:
    """Return the finding about an attribute.

    Args:
        module: The module of the recipe.
        found: The class.
        target: The attribute.
        value: What it becomes.
        shift: What the lines of the method lack to those of the file.
    """
    given = value.id if isinstance(value, ast.Name) else "…"
    kind = "dictionary" if isinstance(value, ast.Dict | ast.DictComp) else "list"
    meant = "nn.ModuleDict" if kind == "dictionary" else "nn.ModuleList"
    line, word = target.lineno + shift, f"self.{target.attr}"
    return Diagnostic(
        "R515",
        f'the weights in "{word}" of {found.location.name}.{found.name} are not trained',
        Label(module.file.span_of(line, word), f"a plain {kind}"),
        (Label(use_location(module.name), "imported for this"),),
        (f"write self.{target.attr} = {meant}({given})",),
        (f"a plain {kind} hides its modules: their weights are not saved or moved, either",),
    )
