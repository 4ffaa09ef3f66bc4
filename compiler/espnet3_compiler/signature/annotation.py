"""Read annotations into types, following their names through imports and aliases."""

import ast
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain

from msgspec import Struct
from msgspec.structs import replace

from espnet3_compiler.signature import classes, definitions, resolve_name
from espnet3_compiler.signature.definitions import BuiltinFound, ClassFound, ValueFound
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import ModuleLocation
from espnet3_compiler.signature.result import Parameter
from espnet3_compiler.signature.types import (
    ANY,
    NONE,
    EnumType,
    InstanceType,
    LiteralType,
    MappingType,
    SequenceType,
    SimpleType,
    TupleType,
    Type,
    UnionType,
    UnknownType,
)

MAX_ALIAS_DEPTH = 20
SEQUENCE_NAMES = (
    *("list", "List", "Sequence", "MutableSequence", "Iterable", "Collection", "Iterator"),
)
MAPPING_NAMES = ("dict", "Dict", "Mapping", "MutableMapping", "OrderedDict", "DefaultDict")
_WRAPPERS = ("Annotated", "Final", "ClassVar", "InitVar", "Required", "NotRequired", "ReadOnly")
_SIMPLE_NAMES = (
    *("int", "float", "complex", "str", "bool", "None", "object", "Any", "Text", "Callable"),
)
_CANONICAL_NAMES = {"List": "list", "Dict": "dict", "Text": "str", "object": "Any"}
_BUILT_IN = ("list", "tuple", "dict", "int", "float", "complex", "str", "bool", "object", "type")
_TYPING_MODULES = ("typing", "typing_extensions", "collections.abc", "collections", "builtins")
_STRUCTURAL_BASES = (".Protocol", ".TypedDict", ".NamedTuple")
_SPECIAL_TYPES = {
    "pathlib.Path": "Path",
    "pathlib.PurePath": "Path",
    "os.PathLike": "Path",
    "numbers.Number": "Number",
    "numbers.Real": "Number",
    "numbers.Integral": "int",
    "dataclasses.InitVar": "InitVar",
}


def parameter_type(library: Library, parameter: Parameter) -> Type:
    """Return the type that a parameter's annotation says; ``UnknownType`` without one."""
    location = library.find_module(parameter.origin.module)
    if parameter.annotation is None or location is None:
        return UnknownType(parameter.annotation or "")
    key = ("type", location.name, parameter.annotation)
    if key not in library.memo:
        reader = _AnnotationReader(library, location, {}, 0)
        library.memo[key] = reader.read_text(parameter.annotation)
    found: Type = library.memo[key]
    return found


@lru_cache(maxsize=1 << 12)  # many arguments are annotated alike
def literal_kinds(annotation: str) -> frozenset[str]:
    """Return the kinds of literals that an annotation such as ``float | Tensor`` names itself.

    Most values are of these kinds, so that the other names need not be followed.
    """
    node = _parse_annotation(annotation)
    found = set(_union_kinds(node)) if node else set()
    return frozenset(found | {"int"} if "float" in found else found)


def _union_kinds(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(value=None):
            yield "None"
        case ast.Name(id=name) if name in ("int", "float", "str", "bool"):
            yield name
        case ast.BinOp(op=ast.BitOr()):
            yield from _union_kinds(node.left)
            yield from _union_kinds(node.right)
        case ast.Subscript(value=ast.Name(id="Optional")):
            yield "None"
            yield from _union_kinds(node.slice)
        case ast.Subscript(value=ast.Name(id="Union"), slice=ast.Tuple(elts=items)):
            for item in items:
                yield from _union_kinds(item)


def _parse_annotation(text: str) -> ast.expr | None:
    """Return the tree of an annotation; None when it is not an expression."""
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


class _AnnotationReader(Struct, frozen=True):
    """Reads annotations of one module; ``variables`` are the values of its type variables."""

    library: Library
    location: ModuleLocation
    variables: dict[str, Type]
    depth: int

    def read_text(self, text: str) -> Type:
        node = _parse_annotation(text)
        if node is None or self.depth > MAX_ALIAS_DEPTH:
            return UnknownType(text)
        return self.read(node)

    def read(self, node: ast.expr) -> Type:
        match node:
            case ast.Constant(value=None):
                return NONE
            case ast.Constant(value=str(text)):
                return replace(self, depth=self.depth + 1).read_text(text)
            case ast.BinOp(op=ast.BitOr()):
                return _union_type(self.read(node.left), self.read(node.right))
            case ast.Subscript():
                return self.read_subscript(node)
            case ast.Name() | ast.Attribute():
                return self.read_name(ast.unparse(node))
        return UnknownType(ast.unparse(node))

    def read_subscript(self, node: ast.Subscript) -> Type:
        items = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
        written = ast.unparse(node.value)
        short = self.typing_name(written)
        if short == "Optional":
            return _union_type(self.read(items[0]), NONE)
        if short == "Union":
            return _union_type(*map(self.read, items))
        if short in _WRAPPERS:
            return self.read(items[0])
        if short == "Literal":
            values = [getattr(item, "value", ...) for item in items]
            known = [item for item in values if isinstance(item, str | int | None)]
            return LiteralType(tuple(known)) if known == values else UnknownType(ast.unparse(node))
        if short in ("tuple", "Tuple"):
            return self.read_tuple(items)
        name = _CANONICAL_NAMES.get(short, short)
        if short in SEQUENCE_NAMES:
            return SequenceType(name, self.read(items[0]))
        if short in MAPPING_NAMES:
            return MappingType(name, self.read(items[-1]))
        if short:
            return _bare_type(short, ast.unparse(node))
        return self.read_definition(written, ast.unparse(node), [self.read(item) for item in items])

    def read_tuple(self, items: list[ast.expr]) -> Type:
        last = items[-1]
        if isinstance(last, ast.Constant) and last.value is Ellipsis:
            return SequenceType("tuple", self.read(items[0]))
        if isinstance(last, ast.Tuple) and not last.elts:
            return TupleType(())
        return TupleType(tuple(map(self.read, items)))

    def read_name(self, written: str) -> Type:
        if written in self.variables:
            return self.variables[written]
        short = self.typing_name(written)
        if short:
            return _bare_type(short, written)
        return self.read_definition(written, written, [])

    def typing_name(self, written: str) -> str:
        """Return the short name of a type of ``typing`` or the like, otherwise an empty text."""
        full = definitions.full_name(self.library, self.location, written)
        home, _, name = full.rpartition(".")
        if not home and name in _BUILT_IN:
            return name
        return _SPECIAL_TYPES.get(full) or (name if home in _TYPING_MODULES else "")

    def read_definition(self, name: str, written: str, items: list[Type]) -> Type:
        """Return the type of a class or alias that the code defines."""
        found = resolve_name.find_in(self.library, self.location, name)
        if isinstance(found, BuiltinFound):
            return _bare_type(found.name, written)
        if isinstance(found, ClassFound):
            return _class_type(self.library, found) or UnknownType(written)
        if not isinstance(found, ValueFound) or found.binding.kind != "expression":
            return UnknownType(written)
        inner = _parse_annotation(found.binding.value)
        variables = _type_variables(self.library, inner, found.location) if inner else []
        values = dict(zip(variables, items, strict=False))
        reader = _AnnotationReader(self.library, found.location, values, self.depth + 1)
        return reader.read_text(found.binding.value)


def _bare_type(short: str, written: str) -> Type:
    """Return the type of a name of ``typing`` or ``builtins`` without brackets."""
    name = _CANONICAL_NAMES.get(short, short)
    if short in SEQUENCE_NAMES:
        return SequenceType(name, ANY)
    if short in MAPPING_NAMES:
        return MappingType(name, ANY)
    if short in ("tuple", "Tuple"):
        return SequenceType("tuple", ANY)
    if short in _SIMPLE_NAMES or short in _SPECIAL_TYPES.values():
        return SimpleType(name)
    return UnknownType(written)


def _union_type(*options: Type) -> Type:
    parts = [item.options if isinstance(item, UnionType) else (item,) for item in options]
    return UnionType(tuple(dict.fromkeys(chain.from_iterable(parts))))


def _type_variables(library: Library, node: ast.expr, location: ModuleLocation) -> list[str]:
    """Return the type variables of an alias, in order."""
    module = library.module(location)
    found: list[str] = []
    for item in ast.walk(node):
        if module and isinstance(item, ast.Name):
            bindings = module.bindings.get(item.id, ())
            if bindings and bindings[-1].kind == "call" and "TypeVar" in bindings[-1].value:
                found.append(item.id)
    return list(dict.fromkeys(found))


def _class_type(library: Library, found: ClassFound) -> Type | None:
    """Return the type of a class; None where a literal may be an object of it."""
    order = resolve_name.resolution_order(library, found)
    parents = [item for item in order if isinstance(item, ClassFound)]
    if any(classes.is_enumeration(library, item) for item in parents):
        names = [name for item in parents for name in item.summary.members]
        values = [str(value) for item in parents for value in item.summary.literals.values()]
        return EnumType(found.name, tuple(dict.fromkeys([*names, *values])))
    bases = [base for item in parents for base in definitions.base_names(library, item)]
    others = [item for item in order if not isinstance(item, ClassFound)]
    is_readable = all("compiled" in getattr(item, "reason", "") for item in others)
    if not is_readable or any(base.endswith(_STRUCTURAL_BASES) for base in bases):
        return None
    module = any(classes.is_torch_module(item) for item in parents)
    return InstanceType(found.name, module and found.name not in classes.MODULE_COLLECTIONS)
