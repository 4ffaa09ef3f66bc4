"""Find the layers of a recipe's models that get tensors of another size than they take."""

import ast
from collections.abc import Iterable

from espnet3_compiler.checks.shapes.torch_layers import Mismatch
from espnet3_compiler.checks.shapes.values import Place
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.syntax.span_key import first_per_location, span_key


def layer_findings(found: Iterable[Mismatch]) -> list[Diagnostic]:
    """Return R524, once for each layer."""
    return first_per_location(map(_finding, found))


def _finding(found: Mismatch) -> Diagnostic:
    """Return the finding about a layer that gets another size than it takes."""
    wrong, got = found.argument, found.got
    place = _place_to_change(found)
    others = [*wrong.places, *(got.argument.places if got.argument else ())]
    spans = {span_key(one.span): one for one in reversed(others)}
    spans.pop(span_key(place.span), None)
    return Diagnostic(
        "R524",
        _message(found),
        Label(place.span, f"{wrong.number}, not {got.value}"),
        tuple(Label(one.span, _role(one, found)) for one in reversed(spans.values())),
        (_advice(found, place),),
    )


def _message(found: Mismatch) -> str:
    number, got = found.argument.number, found.got
    giver = f" from {got.layer.shown}" if got.layer else ""
    giver = f' in "{got.field}" of each item' if got.field else giver
    if found.added:
        return f"{found.layer.shown} gives a size of {number}, and is added to {got.value}{giver}"
    return f"{found.layer.shown} takes a size of {number}, and gets {got.value}{giver}"


def _role(place: Place, found: Mismatch) -> str:
    """Return what a place is for a mismatch."""
    own = any(one.key == place.key for one in found.argument.places)
    return f"the {found.argument.number if own else found.got.value} comes from here"


def _place_to_change(found: Mismatch) -> Place:
    """Return where the two sizes part: in what makes both layers, or in the recipe."""
    given = found.got.argument.places if found.got.argument else ()
    scopes = {one.scope for one in given}
    own = found.argument.places
    if found.got.field:
        return next((one for one in own if one.body is None), own[0])
    common = next((one for one in own if one.scope in scopes), None)
    return common or (own[-1] if given and own[-1].body is None else own[0])


def _advice(found: Mismatch, place: Place) -> str:
    """Return what to write at a place: the other size, by its name where that is known there."""
    got = found.got
    given = got.argument.place if got.argument else None
    text = str(got.value)
    whole = got.argument and got.argument.number == got.value // got.factor
    if given is not None and whole and given.scope == place.scope and _is_steady(given):
        text = given.text if got.factor == 1 else f"{got.factor} * {_in_product(given)}"
    call, node = found.layer.call, place.node
    if call is None or node not in (*call.args, *(one.value for one in call.keywords)):
        return f"write {text} there"
    return f"write {_rewritten(call, node, text)}"


def _is_steady(place: Place) -> bool:
    """Return whether an expression has the same value in all of its function."""
    if place.body is None or not isinstance(place.node, ast.expr):
        return False
    every = list(ast.walk(place.body.node))
    loops = [one.target for one in every if isinstance(one, ast.For | ast.comprehension)]
    stored = [one.id for one in every if isinstance(one, ast.Name) and _is_stored(one)]
    stored += [one.arg for one in every if isinstance(one, ast.arg)]
    changing = {one.id for loop in loops for one in ast.walk(loop) if isinstance(one, ast.Name)}
    names = {one.id for one in ast.walk(place.node) if isinstance(one, ast.Name)}
    return changing.isdisjoint(names) and all(stored.count(name) <= 1 for name in names)


def _is_stored(node: ast.Name) -> bool:
    return not isinstance(node.ctx, ast.Load)


def _rewritten(call: ast.Call, node: object, text: str) -> str:
    """Return a call with another text in the place of an argument."""
    positional = [text if one is node else ast.unparse(one) for one in call.args]
    named = [
        f"{one.arg}={text if one.value is node else ast.unparse(one.value)}"
        for one in call.keywords
    ]
    return f"{ast.unparse(call.func)}({', '.join([*positional, *named])})"


def _in_product(place: Place) -> str:
    return f"({place.text})" if isinstance(place.node, ast.BinOp) else place.text
