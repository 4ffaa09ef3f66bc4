"""Arguments of ``super().__init__(…)`` that stand in each other's places.

Passes: ``super().__init__(optimizer, factor)`` for ``LambdaLR(optimizer, lr_lambda)``;
``super().__init__(out_channels, in_channels)``, which a layer that goes the other way means.
Fails: ``super().__init__(factor, optimizer)``.

Told is a variable that stands in the place of one argument and is called exactly as another one,
whose place has another variable.  Of 870 such calls of installed packages, three were that, all of
them mistakes; calls of functions are left out, as there it often is meant (``gcd(b, a)``).
"""

import ast
import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from espnet3_compiler.checks.code.callees import Callee, callee_of, is_replaced
from espnet3_compiler.checks.code.modules import RecipeModule
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.signature.module_summary import CodeCall
from espnet3_compiler.syntax.provenance import use_location

_INIT = "super:__init__"
_LIKELY = rb"super\([^()]*\)\s*\.\s*__init__\(\s*\w+\s*,\s*\w"
_LEAST = 2


class _Swap(Struct, frozen=True):
    """A variable in the place of another argument.

    Attributes:
        node: The variable.
        place: The argument that gets it.
        right: The order in which the variables should stand, as far as it is known.
    """

    node: ast.Name
    place: str
    right: tuple[str, ...]


def check_swapped_arguments(modules: Sequence[RecipeModule]) -> Iterator[Diagnostic]:
    """Yield R504, once for each call."""
    for module in modules:
        calls = [one for one in module.file.calls if one.callee == _INIT and not one.unpacks]
        several = [one for one in calls if one.positional >= _LEAST and module.time != "maybe"]
        likely = several and re.search(_LIKELY, module.file.content)
        for call in several if likely else ():
            callee = callee_of(module, call)
            node = _node_of(module, call) if callee else None
            swap = _find_swap(node, callee) if callee and node else None
            if callee and swap and not is_replaced(modules, module, call, callee):
                yield _finding(module, callee, swap)


def _node_of(module: RecipeModule, call: CodeCall) -> ast.Call | None:
    """Return the call in the tree of its module."""
    place = (call.word.line, call.word.column)
    calls = (one for one in ast.walk(module.file.tree) if isinstance(one, ast.Call))
    found = (one for one in calls if isinstance(one.func, ast.Attribute))
    return next((one for one in found if (one.func.lineno, one.func.col_offset) == place), None)


def _find_swap(node: ast.Call, callee: Callee) -> _Swap | None:
    places = [item.name for item in callee.signature.positional]
    given = [one.id if isinstance(one, ast.Name) else "" for one in node.args]
    for index, (item, place) in enumerate(zip(node.args, places, strict=False)):
        name = given[index]
        other = places.index(name) if name in places else -1
        if not isinstance(item, ast.Name) or name == place or not 0 <= other < len(given):
            continue
        stands = given[other]
        if stands and stands != name and _are_unlike(name, place) and _are_unlike(name, stands):
            right = list(given)
            right[index], right[other] = stands, name
            return _Swap(item, place, tuple(right) if all(right) else ())
    return None


def _are_unlike(name: str, other: str) -> bool:
    """Return whether two names share no word, as ``in_channels`` and ``out_channels`` do."""
    return set(name.split("_")).isdisjoint(other.split("_"))


def _finding(module: RecipeModule, callee: Callee, swap: _Swap) -> Diagnostic:
    name, shown = swap.node.id, callee.signature.name
    order = f"write super().__init__({', '.join(swap.right)})"
    plain = f"write {name} where {shown} takes {name}"
    return Diagnostic(
        "R504",
        f'{shown} gets "{name}" for "{swap.place}", and has an argument "{name}"',
        Label(module.file.expression_span(swap.node), f"{swap.place} stands here"),
        (Label(use_location(module.name), "imported for this"),),
        (order if swap.right else plain,),
        (f"defined at {callee.signature.origin}",),
    )
