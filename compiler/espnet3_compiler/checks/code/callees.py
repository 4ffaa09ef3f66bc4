"""Find what a call in the recipe's code calls, where that is certain."""

import re
import sys
from collections.abc import Iterator, Sequence

from msgspec import Struct

from espnet3_compiler.checks.code.modules import RecipeModule
from espnet3_compiler.signature.classes import ResolvedMethod, find_method, opaque_decorator
from espnet3_compiler.signature.definitions import (
    DATACLASS,
    CallFound,
    ClassFound,
    FunctionFound,
    absolute_module,
    full_name,
)
from espnet3_compiler.signature.module_summary import CodeCall
from espnet3_compiler.signature.read import read_given_method, signature_of
from espnet3_compiler.signature.resolve_name import find_in, resolution_order
from espnet3_compiler.signature.result import Signature, SignatureResult

_COMPILED = ("torch", "numpy")
"""Packages whose own functions are compiled: reading all their stubs takes longer than a check."""


class Callee(Struct, frozen=True):
    """What a call calls.

    Attributes:
        signature: What it takes.
        own: Whether it is of the recipe, or what a class of the recipe derives from.
        method: The class of the recipe whose method it is, and how that is found.
    """

    signature: Signature
    own: bool
    method: tuple[ClassFound, ResolvedMethod] | None = None


def callee_of(module: RecipeModule, call: CodeCall) -> Callee | None:
    """Return what a call calls; None where it is not known, or not worth reading.

    Args:
        module: The module of the call.
        call: The call.
    """
    if call.owner:
        return _method(module, call)
    library = module.library
    if not call.keywords and not _leads_to_recipe(module, call):
        return None
    name = full_name(library, module.location, call.callee)
    if name.rpartition(".")[0] in _COMPILED or name.partition(".")[0] in sys.stdlib_module_names:
        return None
    found = find_in(library, module.location, call.callee)
    if not isinstance(found, ClassFound | FunctionFound | CallFound):
        return None
    if isinstance(found, FunctionFound) and found.bound:
        return None
    key = ("signature", name)
    if key not in library.memo:
        library.memo[key] = signature_of(library, found, name)
    signature: SignatureResult = library.memo[key]
    return _judged(signature, found.location.local)


def _judged(
    signature: SignatureResult, own: bool, method: tuple[ClassFound, ResolvedMethod] | None = None
) -> Callee | None:
    """Return a callee whose signature is known; stubs of what is compiled are not always right."""
    if not isinstance(signature, Signature) or signature.origin.file.endswith(".pyi"):
        return None
    return Callee(signature, own, method)


def _leads_to_recipe(module: RecipeModule, call: CodeCall) -> bool:
    """Return whether the first word of a callee may lead to code of the recipe."""
    rows = module.file.module.bindings[call.callee.partition(".")[0]] if module.file.module else ()
    if any(row.kind not in ("import", "module") for row in rows):
        return True
    tops = {absolute_module(module.location, row.source).partition(".")[0] for row in rows}
    places = map(module.library.find_module, tops)
    return any(place is not None and place.local for place in places)


def _method(module: RecipeModule, call: CodeCall) -> Callee | None:
    """Return the method that ``self.NAME(…)`` or ``super().NAME(…)`` calls."""
    library = module.library
    kind, _, name = call.callee.partition(":")
    found = find_in(library, module.location, call.owner)
    if not isinstance(found, ClassFound):
        return None
    order = resolution_order(library, found)
    giver = find_method(library, order, name, 0 if kind == "super" else -1)
    if not isinstance(giver, ResolvedMethod):
        return None
    own = kind == "super" or giver.method.location.local
    if not own and not call.keywords:
        return None
    key = ("method", call.callee, found.location.name, found.name)
    if key not in library.memo:
        shown = f"{giver.method.location.name}.{giver.method.name}"
        library.memo[key] = read_given_method(library, order, giver, shown)
    signature: SignatureResult = library.memo[key]
    return _judged(signature, own, (found, giver))


def is_replaced(
    modules: Sequence[RecipeModule], module: RecipeModule, call: CodeCall, callee: Callee
) -> bool:
    """Return whether an object may have another method than the class of a call has.

    That is: a subclass has its own, or finds another one above the class; a decorator may make
    another class of it; code gives an object a function of its own under the method's name.

    Args:
        modules: The modules of the recipe.
        module: The module of the call.
        call: The call.
        callee: The method.
    """
    if callee.method is None:
        return False
    kind, _, name = call.callee.partition(":")
    found, giver = callee.method
    library = module.library
    classes = [item for item in resolution_order(library, found) if isinstance(item, ClassFound)]
    if kind == "self" and opaque_decorator(
        library, found.location, found.summary.decorators, DATACLASS
    ):
        return True
    for other, item in _subclasses(modules, found):
        order = resolution_order(other.library, item)
        after = order.index(found) if kind == "super" else -1
        theirs = find_method(other.library, order, name, after)
        if not isinstance(theirs, ResolvedMethod) or theirs.method != giver.method:
            return True
        classes.append(item)
    files = [library.file(item.location) for item in classes]
    sets = re.compile(rb"\.%b\s*=[^=]" % name.encode())
    return kind == "self" and any(file and sets.search(file.content) for file in files)


def _subclasses(
    modules: Sequence[RecipeModule], found: ClassFound
) -> Iterator[tuple[RecipeModule, ClassFound]]:
    for module in modules:
        for item, _ in module.classes:
            if found in resolution_order(module.library, item)[1:]:
                yield module, item
