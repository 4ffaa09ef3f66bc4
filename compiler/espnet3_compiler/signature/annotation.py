"""Tell whether a literal of a config fits an annotation: yes, no, or not to be judged.

The rules are those of a reader who means well. A whole number is a float, a list a tuple, a text
a path; but ``true`` is no number and ``"3"`` is none either. A text with ``${…}`` and a node with
``_target_`` fit everything. What cannot be read (type variables, protocols, names of packages
that are not installed) is not judged.
"""

import ast
from collections.abc import Callable, Iterable

from espnet3_compiler.expression import has_reference
from espnet3_compiler.signature import classes, known, lookup
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import Place
from espnet3_compiler.signature.lookup import BuiltinFound, ClassFound, ValueFound
from espnet3_compiler.signature.model import Parameter
from espnet3_compiler.tree import Mapping, Node, Scalar, Sequence

Verdict = bool | None
Types = dict[str, tuple[ast.expr, Place]]
"""What type variables stand for while a generic alias is read."""

_DEPTH = 20
_LISTS = ("list", "List", "Sequence", "MutableSequence", "Iterable", "Collection", "Iterator")
_TUPLES = ("tuple", "Tuple")
_DICTS = ("dict", "Dict", "Mapping", "MutableMapping", "OrderedDict", "DefaultDict")
_INNER = ("Annotated", "Final", "ClassVar", "InitVar", "Required", "NotRequired", "ReadOnly")
_TEXT_TOO = ("Sequence", "Iterable", "Collection", "Iterator")
_TYPING = ("typing", "typing_extensions", "collections.abc", "collections", "builtins")


def fits(library: Library, parameter: Parameter, value: Node) -> Verdict:
    """Return whether a value of a config fits the annotation of a parameter.

    Args:
        library: Where to look up the names of the annotation.
        parameter: The parameter; the type of its default fits always (``x: int = None``).
        value: The value.

    Returns:
        None where that cannot be judged.
    """
    if parameter.annotation is None or is_wild(value):
        return None
    if type_name(value) == parameter.default:
        return True
    place = library.place(parameter.origin.module)
    expression = parse(parameter.annotation)
    if place is None or expression is None:
        return None
    return _judge(library, expression, place, value, {}, 0)


def is_wild(value: Node) -> bool:
    """Return whether a value is known only at run time, or built by a target."""
    if isinstance(value, Mapping):
        return value.entry("_target_") is not None
    return isinstance(value, Scalar) and (has_reference(value.value) or value.value == "???")


def type_name(value: Node) -> str:
    """Return ``int``, ``float``, ``str``, ``bool``, ``None``, ``list`` or ``dict``."""
    if isinstance(value, Mapping):
        return "dict"
    if isinstance(value, Sequence):
        return "list"
    return "None" if value.value is None else type(value.value).__name__


def parse(text: str) -> ast.expr | None:
    """Return the tree of an annotation; None when it is not an expression."""
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError):
        return None


def _judge(
    library: Library, node: ast.expr, place: Place, value: Node, types: Types, depth: int
) -> Verdict:
    if depth > _DEPTH:
        return None
    if is_wild(value):
        return True
    match node:
        case ast.Constant(value=None):
            return type_name(value) == "None"
        case ast.Constant(value=str(text)):
            inner = parse(text)
            if inner is None:
                return None
            return _judge(library, inner, place, value, types, depth + 1)
        case ast.BinOp(op=ast.BitOr()):
            return _any(
                _judge(library, item, place, value, types, depth + 1)
                for item in (node.left, node.right)
            )
        case ast.Subscript():
            return _subscript(library, node, place, value, types, depth)
        case ast.Name() | ast.Attribute():
            return _name(library, ast.unparse(node), place, value, types, depth)
    return None


def _any(verdicts: Iterable[Verdict]) -> Verdict:
    found = list(verdicts)
    if any(item is True for item in found):
        return True
    return None if any(item is None for item in found) else False


def _all(verdicts: Iterable[Verdict]) -> Verdict:
    found = list(verdicts)
    if any(item is False for item in found):
        return False
    return None if any(item is None for item in found) else True


def _subscript(
    library: Library, node: ast.Subscript, place: Place, value: Node, types: Types, depth: int
) -> Verdict:
    written = ast.unparse(node.value)
    items = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
    short = _typing_name(library, place, written)

    def judge(item: ast.expr, inner: Node) -> Verdict:
        return _judge(library, item, place, inner, types, depth + 1)

    if short == "Optional":
        return type_name(value) == "None" or judge(items[0], value)
    if short == "Union":
        return _any(judge(item, value) for item in items)
    if short in _INNER:
        return judge(items[0], value)
    if short == "Literal":
        return _literal(items, value)
    if short in _TUPLES:
        return _tuple(items, value, judge)
    if short in _LISTS:
        return _list(short, items, value, judge)
    if short in _DICTS:
        return _dict(items, value, judge)
    if short:
        return _plain(short, value)
    return _alias(library, written, items, place, value, types, depth)


def _literal(items: list[ast.expr], value: Node) -> Verdict:
    options = literal_options(items)
    if options is None:
        return None
    if not isinstance(value, Scalar):
        return False
    return any(value.value == item and type(value.value) is type(item) for item in options)


def literal_options(items: list[ast.expr]) -> list[str | int | bool | None] | None:
    """Return what ``Literal[…]`` lists; None when something in it is no literal."""
    found = [item.value for item in items if isinstance(item, ast.Constant)]
    kept = [item for item in found if isinstance(item, str | int | bool | type(None))]
    return kept if len(kept) == len(items) else None


def _tuple(
    items: list[ast.expr], value: Node, judge: Callable[[ast.expr, Node], Verdict]
) -> Verdict:
    if not isinstance(value, Sequence):
        return False
    many = len(items) == 2 and isinstance(items[1], ast.Constant) and items[1].value is Ellipsis  # noqa: PLR2004
    if many:
        return _all(judge(items[0], item) for item in value.items)
    if len(items) == 1 and isinstance(items[0], ast.Tuple):
        return not value.items
    if len(items) != len(value.items):
        return False
    return _all(judge(kind, item) for kind, item in zip(items, value.items, strict=True))


def _list(
    name: str, items: list[ast.expr], value: Node, judge: Callable[[ast.expr, Node], Verdict]
) -> Verdict:
    if isinstance(value, Sequence):
        return _all(judge(items[0], item) for item in value.items)
    if isinstance(value, Mapping):
        return None if name in _TEXT_TOO else False
    return name in _TEXT_TOO and isinstance(value.value, str)


def _dict(
    items: list[ast.expr], value: Node, judge: Callable[[ast.expr, Node], Verdict]
) -> Verdict:
    if not isinstance(value, Mapping):
        return False
    return _all(judge(items[-1], entry.value) for entry in value) if len(items) > 1 else None


def _name(
    library: Library, written: str, place: Place, value: Node, types: Types, depth: int
) -> Verdict:
    if written in types:
        node, where = types[written]
        return _judge(library, node, where, value, {}, depth + 1)
    short = _typing_name(library, place, written)
    if short:
        return _plain(short, value)
    return _alias(library, written, [], place, value, types, depth)


def _typing_name(library: Library, place: Place, written: str) -> str:
    """Return the short name of something of ``typing``, ``collections.abc`` or ``pathlib``."""
    full = lookup.full_name(library, place, written)
    module, _, name = full.rpartition(".")
    if module in _TYPING or full in _SPECIAL:
        return _SPECIAL.get(full, name)
    module_names = library.module(place)
    bound = module_names is not None and written in module_names.bindings
    return written if not module and not bound and written in _SCALARS else ""


def _plain(name: str, value: Node) -> Verdict:
    """Judge a name without brackets."""
    kind = type_name(value)
    if name in _SCALARS:
        return kind in _SCALARS[name]
    if name in _LISTS:
        if kind == "dict" or (kind == "str" and name in _TEXT_TOO):
            return None if name in _TEXT_TOO else False
        return kind == "list"
    if name in _TUPLES:
        return kind == "list"
    if name in _DICTS:
        return kind == "dict"
    if name == "Callable":
        return None if kind == "dict" else False
    return None


def _alias(
    library: Library,
    written: str,
    items: list[ast.expr],
    place: Place,
    value: Node,
    types: Types,
    depth: int,
) -> Verdict:
    """Judge a name of the code itself: a class, an enumeration, or another name of a type."""
    found = lookup.find_in(library, place, written)
    if isinstance(found, BuiltinFound):
        return _plain(found.name, value)
    if isinstance(found, ClassFound):
        return _instance(library, found, value)
    if not isinstance(found, ValueFound) or found.binding.kind != "expression":
        return None
    inner = parse(found.binding.value)
    if inner is None:
        return None
    names = _type_variables(library, inner, found.place)
    here = [_substituted(item, place, types) for item in items]
    bound = dict(zip(names, here, strict=False)) if items else {}
    return _judge(library, inner, found.place, value, bound, depth + 1)


def _substituted(item: ast.expr, place: Place, types: Types) -> tuple[ast.expr, Place]:
    return types.get(ast.unparse(item), (item, place))


def _type_variables(library: Library, node: ast.expr, place: Place) -> list[str]:
    module = library.module(place)
    found: list[str] = []
    for item in ast.walk(node):
        bindings = module.bindings.get(item.id, ()) if module and isinstance(item, ast.Name) else ()
        if bindings and bindings[-1].kind == "call" and bindings[-1].value.endswith("TypeVar"):
            assert isinstance(item, ast.Name)
            found.append(item.id)
    return list(dict.fromkeys(found))


def _instance(library: Library, found: ClassFound, value: Node) -> Verdict:
    """Judge a class: a plain value is no instance of one, save for enumerations."""
    if not isinstance(value, Scalar):
        return None
    order = classes.resolution_order(library, found)
    parents = [item for item in order if isinstance(item, ClassFound)]
    if any(known.is_enumeration(library, item) for item in parents):
        return _member(parents, value)
    if any(isinstance(item, BuiltinFound) for item in order):
        return None
    if any(_is_loose(library, item) for item in parents):
        return None
    return False if all(_is_readable(item) for item in order) else None


def _member(parents: list[ClassFound], value: Scalar) -> Verdict:
    """Judge an enumeration: the name or the value of a member fits, in any case of letters."""
    names = [name for item in parents for name in item.summary.members]
    values = [text for item in parents for text in item.summary.literals.values()]
    words = {str(item).casefold() for item in [*names, *values]}
    return True if str(value.value).casefold() in words else None


def _is_loose(library: Library, found: ClassFound) -> bool:
    bases = [lookup.full_name(library, found.place, item) for item in found.summary.bases if item]
    return any(item.endswith((".Protocol", ".TypedDict", ".NamedTuple")) for item in bases)


def _is_readable(node: classes.Node) -> bool:
    return isinstance(node, ClassFound) or "compiled" in getattr(node, "reason", "")


_SPECIAL = {
    "pathlib.Path": "Path",
    "pathlib.PurePath": "Path",
    "os.PathLike": "Path",
    "numbers.Number": "Number",
    "numbers.Real": "Number",
    "numbers.Integral": "int",
    "dataclasses.InitVar": "InitVar",
}

_SCALARS: dict[str, tuple[str, ...]] = {
    "int": ("int",),
    "float": ("int", "float"),
    "complex": ("int", "float"),
    "Number": ("int", "float"),
    "str": ("str",),
    "Text": ("str",),
    "bool": ("bool",),
    "Path": ("str",),
    "list": ("list",),
    "tuple": ("list",),
    "dict": ("dict",),
    "None": ("None",),
}
