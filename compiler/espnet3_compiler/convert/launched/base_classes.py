"""Read a class and its bases as text, in the order in which Python looks for a method."""

import ast
from collections.abc import Container

from msgspec import Struct

from espnet3_compiler.convert.launched.modules import ModuleFinder, ParsedModule
from espnet3_compiler.diagnostics.source import Span

ClassText = tuple[ast.ClassDef, ParsedModule]
MAX_BASES = 20
PLAIN_BASES = ("object", "abc.ABC", "typing.Generic", "typing.Protocol")


class ClassOrder(Struct, frozen=True):
    """A class and its bases.

    Attributes:
        classes: Those that can be read, the most derived one first.
        known: The dotted paths of those whose text is not needed.
        unknown: The names of those that cannot be read, and where they are named.
        left: Those that were not looked at: they lead back, or are too many.
    """

    classes: list[ClassText]
    known: list[str]
    unknown: list[tuple[Span, str]]
    left: list[tuple[Span, str]]


def class_order(
    finder: ModuleFinder, module: ParsedModule, text: str, known: Container[str] = ()
) -> ClassOrder:
    """Return a class with its bases, from left to right, mixins too.

    Args:
        finder: Reads other modules.
        module: Where the class is named.
        text: Its name there.
        known: The dotted paths of classes whose text is not needed.
    """
    classes: dict[str, ClassText] = {}
    names: list[str] = []
    unknown: list[tuple[Span, str]] = []
    waiting = [(module, text, module.span(module.tree))]
    for _ in range(MAX_BASES):
        if not waiting:
            break
        module, text, span = waiting.pop(0)
        path = module.imported_path(text)
        found = path if path in known else finder.find_class(module, text)
        name = found if isinstance(found, str) else f"{found[1].name}.{found[0].name}"
        if name in known:
            names.append(name)
        elif isinstance(found, str):
            unknown += [(span, found)] if found not in PLAIN_BASES else []
        else:
            cls, module = found
            classes.pop(name, None)  # it stands behind all that derive from it
            classes[name] = found
            above = [(module, _name_of(base), module.span(cls)) for base in cls.bases]
            waiting = [*above, *waiting]
    left = [(span, text) for _, text, span in waiting]
    return ClassOrder([*classes.values()], names, unknown, left)


def _name_of(base: ast.expr) -> str:
    """Return the name of a base, without parameters as in ``Generic[T]``."""
    return ast.unparse(base.value if isinstance(base, ast.Subscript) else base)
