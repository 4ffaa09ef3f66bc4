"""The classes of a recipe whose objects can be followed: no attribute comes from elsewhere."""

import ast
import re
from collections.abc import Iterator
from functools import partial

from msgspec import Struct

from espnet3_compiler.checks.data.bodies import FunctionBody, class_of, method_body
from espnet3_compiler.signature.classes import LIGHTNING_PACKAGES, is_torch_module
from espnet3_compiler.signature.definitions import ClassFound
from espnet3_compiler.signature.flow import all_nodes
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.resolve_name import resolution_order

_DYNAMIC = frozenset(
    ("__getattr__", "__getattribute__", "__slots__", "__setattr__", "__new__", "__call__")
)
_OF_DATA = ("torch.utils.data.", "typing", "abc", "collections.abc")
"""Modules whose classes have no attributes that objects of the recipe would have from them."""

GROWING = ("append", "extend", "insert", "add_module", "pop", "clear", "update")
_STORES = re.compile(
    r"\bself\.\w+[^=()\n]*=(?!=)|\b(?:for|as|del)\s+self\."
    rf"|\bself\.\w+\s*\.(?:{'|'.join(GROWING)})\("
)


class ModelClass(Struct, frozen=True):
    """A class of the recipe.

    Attributes:
        constructor: Its ``__init__``; None where it has none of its own.
        unsure: The attributes that something else than its constructor sets.
        steps: Whether it is a ``LightningModule``.
        called: The method that runs when an object is called.
    """

    constructor: FunctionBody | None
    unsure: frozenset[str]
    steps: bool
    called: str = "forward"


def model_class(library: Library, path: str, *, plain: bool = False) -> ModelClass | None:
    """Return a module of PyTorch that the recipe defines; None where it cannot be followed.

    Args:
        library: Reads the class.
        path: Its dotted path.
        plain: Whether it may be a class of another kind, too: a data set, a preprocessor.
    """
    key = ("followed class", path, plain)  # objects of it are made and called in several runs
    return library.remember(key, None, partial(_find_model_class, library, path, plain=plain))


def _find_model_class(library: Library, path: str, *, plain: bool) -> ModelClass | None:
    found = class_of(library, path)
    own = _own_classes(library, found) if found and found.location.local else None
    called = "forward"
    if plain and own is None and found and found.location.local:
        own, called = _plain_classes(library, found), "__call__"
    if found is None or own is None:
        return None
    constructor = method_body(library, path, "__init__")
    if constructor is None and any("__init__" in one.summary.members for one in own):
        return None
    node = constructor.node if constructor else None
    unsure = frozenset(name for one in own for name in _set_by(library, one, node))
    order = resolution_order(library, found)
    return ModelClass(constructor, unsure, any(_is_lightning(one) for one in order), called)


def _plain_classes(library: Library, found: ClassFound) -> list[ClassFound] | None:
    """Return a class and its bases, where all are of the recipe, or data sets of PyTorch."""
    own: list[ClassFound] = []
    for item in resolution_order(library, found):
        if not isinstance(item, ClassFound):
            return None
        if item.location.name.startswith(_OF_DATA):
            continue
        summary = item.summary
        if not item.location.local or summary.open or summary.decorators or summary.metaclass:
            return None
        if not (_DYNAMIC - {"__call__"}).isdisjoint(summary.members):
            return None
        own.append(item)
    return own


def _own_classes(library: Library, found: ClassFound) -> list[ClassFound] | None:
    """Return a class and its bases in the recipe, which all that it has comes from."""
    own: list[ClassFound] = []
    for item in resolution_order(library, found):
        if not isinstance(item, ClassFound):
            return None
        if is_torch_module(item):
            return own
        if item.location.local:
            summary = item.summary
            if summary.open or summary.decorators or summary.metaclass:
                return None
            if not _DYNAMIC.isdisjoint(summary.members):
                return None
            own.append(item)
        elif not _is_lightning(item):
            return None
    return None


def _is_lightning(item: object) -> bool:
    if not isinstance(item, ClassFound):
        return False
    return item.location.name.partition(".")[0] in LIGHTNING_PACKAGES


def _set_by(library: Library, item: ClassFound, constructor: ast.AST | None) -> Iterator[str]:
    """Yield the attributes that the methods of a class set or grow, but for one of them."""
    file = library.file(item.location)
    for name, pieces in item.summary.members.items() if file else ():
        for piece in pieces:
            if file is None or piece is None or piece.kind != "def":
                continue
            if name != "__init__" and not _STORES.search(file.text.lines(piece.first, piece.last)):
                continue
            node = file.function_node(piece)
            for one in all_nodes(node) if node is not constructor else ():
                match one:
                    case ast.Attribute(attr=attr, ctx=ast.Store() | ast.Del()):
                        yield attr
                    case ast.Call(func=ast.Attribute(value=ast.Attribute(attr=attr), attr=how)) if (
                        how in GROWING
                    ):
                        yield attr
