"""The bodies of functions and methods of a recipe, and whether they give anything back."""

import ast
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from espnet3_compiler.checks.targets.datasets import DatasetEntry, dataset_entries, is_available
from espnet3_compiler.diagnostics.source import Span, line_span
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import is_custom_kind
from espnet3_compiler.signature import classes, definitions, resolve_name
from espnet3_compiler.signature.classes import ResolvedMethod
from espnet3_compiler.signature.definitions import ClassFound, FunctionFound
from espnet3_compiler.signature.flow import FunctionNode, own_nodes, own_returns
from espnet3_compiler.signature.library import Library, ModuleFile
from espnet3_compiler.signature.locate import ModuleLocation
from espnet3_compiler.signature.module_summary import Binding, Decorator

_PLAIN_DECORATORS = (
    *definitions.TRANSPARENT_DECORATORS,
    definitions.DATACLASS,
    "staticmethod",
)
"""Decorators that leave what a function returns, or the methods of a class, as they are."""

LAYERS = "torch.nn.modules."
"""How the modules are called that define the layers of PyTorch."""


class FunctionBody(Struct, frozen=True):
    """A function of the recipe.

    Attributes:
        node: Its syntax tree, whose lines count from the line before the function.
        module: The dotted name of its module.
        file: The file of that.
        shift: What its lines lack to those of the file.
    """

    node: FunctionNode
    module: str
    file: ModuleFile
    shift: int

    def span_in(self, item: ast.expr, word: str = "") -> Span:
        """Return where an expression stands, or the word that ends it, for example an attribute."""
        return self.file.expression_span(item, word, self.shift)

    def span_of(self, node: ast.stmt, word: str) -> Span:
        """Return where a word stands in the first line of a statement."""
        return self.file.span_of(node.lineno + self.shift, word)

    def argument_span(self, name: str) -> Span:
        """Return where an argument stands among those of the function; else its ``def``."""
        arguments = self.node.args
        for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            if one.arg == name:
                line = one.lineno + self.shift
                return line_span(self.file.source, line, one.col_offset + 1, len(name))
        return self.span_of(self.node, "def ")


def entries_of(stage: StageDecl, recipe: Recipe, resolved: Resolved) -> list[DatasetEntry]:
    """Return the data sets of a stage's configs; none for one that the recipe defines itself.

    Args:
        stage: A stage of the recipe.
        recipe: The recipe.
        resolved: The values of its configs.
    """
    if is_custom_kind(stage, recipe):
        return []
    names = [one.config for one in stage.configs if one.role in ("training", "inference")]
    configs = [resolved.configs[name] for name in names if name in resolved.configs]
    library = recipe.library
    return [one for config in configs for one in dataset_entries(library, config, certain=True)]


def first_entries(
    stages: Iterable[StageDecl], recipe: Recipe, resolved: Resolved
) -> list[DatasetEntry]:
    """Return the first data set of each module, of those that are there: all have one class.

    Args:
        stages: Stages of the recipe.
        recipe: The recipe.
        resolved: The values of its configs.
    """
    first: dict[tuple[Library, str], DatasetEntry] = {}
    for stage in stages:
        for data in filter(is_available, entries_of(stage, recipe, resolved)):
            first.setdefault((data.library, data.module), data)
    return list(first.values())


def class_of(library: Library, path: str) -> ClassFound | None:
    """Return the class that a dotted path names, if it is one."""
    found = resolve_name.find_definition(library, path) if all(path.split(".")) else None
    return found if isinstance(found, ClassFound) else None


def dataset_class(data: DatasetEntry) -> ClassFound | None:
    """Return the class ``Dataset`` of an entry, if it can be read."""
    return class_of(data.library, f"{data.module}.Dataset") if is_available(data) else None


def method_body(library: Library, path: str, name: str) -> FunctionBody | None:
    """Return a method of a class as the recipe defines it; None where that is not known.

    Args:
        library: Reads modules.
        path: The dotted path of the class.
        name: The method.
    """
    key = ("method", path, name)
    if key not in library.memo:  # several checks ask for it
        library.memo[key] = _find_method_body(library, path, name)
    body: FunctionBody | None = library.memo[key]
    return body


def _find_method_body(library: Library, path: str, name: str) -> FunctionBody | None:
    placed = placed_method(library, path, name)
    return placed.body if placed else None


class PlacedBody(Struct, frozen=True):
    """A method of an object.

    Attributes:
        body: Its statements.
        position: The index of its class in the resolution order of the object's.
    """

    body: FunctionBody
    position: int


def placed_method(library: Library, path: str, name: str, after: int = -1) -> PlacedBody | None:
    """Return a method of a class as the recipe defines it, and where; None if that is not known.

    Args:
        library: Reads modules.
        path: The dotted path of the class.
        name: The method.
        after: Only classes behind this index count, as for ``super()``.
    """
    found = class_of(library, path)
    if found is None:
        return None
    order = resolve_name.resolution_order(library, found)
    giver = classes.find_method(library, order, name, after)
    if not isinstance(giver, ResolvedMethod):
        return None
    passed = [one for one in order[: giver.position + 1] if isinstance(one, ClassFound)]
    if not all(_is_plain(library, one.location, one.summary.decorators) for one in passed):
        return None
    body = _read_body(library, giver.method)
    return PlacedBody(body, giver.position) if body else None


def constructor_of(
    library: Library, path: str, after: int = -1, *, anywhere: bool = False
) -> PlacedBody | None:
    """Return the constructor of a class of the recipe or of a layer of PyTorch; None for others.

    Args:
        library: Reads modules.
        path: The dotted path of the class.
        after: Only classes behind this index count, as for ``super()``.
        anywhere: Whether that of a class of another package is wanted, too.
    """
    key = ("constructor", path, after, anywhere)
    if key not in library.memo:  # several checks ask for it, and for each layer
        library.memo[key] = _find_constructor(library, path, after, anywhere=anywhere)
    constructor: PlacedBody | None = library.memo[key]
    return constructor


def _find_constructor(
    library: Library, path: str, after: int, *, anywhere: bool
) -> PlacedBody | None:
    found = class_of(library, path)
    order = resolve_name.resolution_order(library, found) if found else ()
    giver = classes.find_method(library, order, "__init__", after)
    if not isinstance(giver, ResolvedMethod):
        return None
    passed = [one for one in order[after + 1 : giver.position + 1] if isinstance(one, ClassFound)]
    if not all(_is_plain(library, one.location, one.summary.decorators) for one in passed):
        return None
    layer = anywhere or passed[-1].location.name.startswith(LAYERS)
    foreign = layer and not classes.is_torch_module(passed[-1])
    if anywhere and not _may_refuse(library, giver.method):
        return None
    body = _read_body(library, giver.method, foreign=foreign)
    return PlacedBody(body, giver.position) if body else None


def _may_refuse(library: Library, found: FunctionFound) -> bool:
    """Return whether a constructor, or one that it calls, may raise something, by its text."""
    file, piece = library.file(found.location), found.pieces[-1]
    text = file.text.lines(piece.first, piece.last) if file else ""
    return found.location.local or any(word in text for word in ("raise ", "assert ", "super("))


def foreign_body(library: Library, found: FunctionFound) -> FunctionBody | None:
    """Return the body of a method, wherever its class is from; None with decorators."""
    return _read_body(library, found, foreign=True)


def function_body(library: Library, path: str) -> FunctionBody | None:
    """Return a function of the recipe; None where a path names something else."""
    found = resolve_name.find_definition(library, path) if all(path.split(".")) else None
    return _read_body(library, found) if isinstance(found, FunctionFound) else None


def full_name_in(library: Library, body: FunctionBody, name: str) -> str:
    """Return what a dotted name in a function leads to; empty where it cannot be found.

    Args:
        library: Reads the module.
        body: The function.
        name: The name.
    """
    place = library.find_module(body.module)
    return definitions.full_name(library, place, name) if place and name else ""


def bindings_of(library: Library, body: FunctionBody, name: str) -> tuple[Binding, ...] | None:
    """Return what gives the first word of a dotted name its value in the module of a function.

    None where the module cannot be read.

    Args:
        library: Reads the module.
        body: The function.
        name: The name.
    """
    place = library.find_module(body.module)
    summary = library.module(place) if place else None
    return tuple(summary.bindings.get(name.partition(".")[0], ())) if summary else None


def _read_body(
    library: Library, found: FunctionFound, *, foreign: bool = False
) -> FunctionBody | None:
    if not found.location.local and not foreign:
        return None
    key = ("body", found.location.file, found.pieces[-1])
    if key not in library.memo:  # several checks ask for it
        library.memo[key] = _parse_body(library, found)
    body: FunctionBody | None = library.memo[key]
    return body


def _parse_body(library: Library, found: FunctionFound) -> FunctionBody | None:
    piece = found.pieces[-1]
    file, summary = library.file(found.location), library.function(found.location, piece)
    if file is None or summary is None:
        return None
    if not _is_plain(library, found.location, summary.decorators):
        return None
    node = file.function_node(piece)
    return FunctionBody(node, found.location.name, file, summary.line - node.lineno)


def _is_plain(
    library: Library, location: ModuleLocation, decorators: tuple[Decorator, ...]
) -> bool:
    """Return whether all decorators are known; one that only passes arguments on may return more.

    Args:
        library: Reads the module.
        location: The module of the decorators.
        decorators: The decorators.
    """
    names = [definitions.full_name(library, location, item.name) for item in decorators]
    return all(name in _PLAIN_DECORATORS for name in names)


def default_values(body: FunctionBody) -> Iterator[tuple[str, ast.expr]]:
    """Yield the arguments of a function that have a default, each with it."""
    args = body.node.args
    last = zip(reversed([*args.posonlyargs, *args.args]), reversed(args.defaults), strict=False)
    named = zip(args.kwonlyargs, args.kw_defaults, strict=True)
    yield from ((one.arg, value) for one, value in (*last, *named) if value is not None)


def returned_values(node: FunctionNode) -> list[ast.expr]:
    """Return the values of the ``return`` statements of a function."""
    return [item.value for item in own_returns(node) if item.value is not None]


def gives_nothing(node: FunctionNode) -> bool:
    """Return whether a function certainly returns None: it ends without a value.

    One without a body, or that raises an exception at its end, may be meant to be replaced.
    """
    kinds = (ast.Yield, ast.YieldFrom)
    if isinstance(node, ast.AsyncFunctionDef) or returned_values(node):
        return False
    if any(isinstance(item, kinds) for item in own_nodes(node)):
        return False
    return not _is_stub(node) and _reaches_end(node.body)


def _reaches_end(body: Sequence[ast.stmt]) -> bool:
    """Return whether statements certainly do not all end by an exception."""
    last = body[-1]
    if isinstance(last, ast.If) and last.orelse:
        return _reaches_end(last.body) or _reaches_end(last.orelse)
    return not isinstance(last, ast.Raise | ast.While | ast.With | ast.Try | ast.Match)


def _is_stub(node: FunctionNode) -> bool:
    return all(
        isinstance(item, ast.Pass)
        or (isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant))
        for item in node.body
    )
