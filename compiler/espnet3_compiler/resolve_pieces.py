"""The value of one reference or resolver call."""

from typing import NoReturn

from espnet3_compiler import resolve_findings as findings
from espnet3_compiler.diagnostic import Diagnostic
from espnet3_compiler.expression import Late, render, render_call, typed
from espnet3_compiler.expression_parts import Argument, Call, Joined, Key, Lookup
from espnet3_compiler.ir import Reference
from espnet3_compiler.read_steps import is_stand_in
from espnet3_compiler.resolve_lookup import find, target_of
from espnet3_compiler.resolve_state import Pieces, Place, State, as_pieces
from espnet3_compiler.resolvers import BY_NAME, KNOWN, Request
from espnet3_compiler.source import Span
from espnet3_compiler.tree import Node, Scalar


class GiveUp(Exception):  # noqa: N818 - no error: the mistake, if any, has been reported
    """Leaves the evaluation of a reference that has no value."""


def evaluate(state: State, place: Place, piece: Lookup | Call) -> Node | Late | None:
    """Return the value of a reference.

    Args:
        state: Takes references and mistakes.
        place: The leaf that it stands in.
        piece: The reference.

    Returns:
        A resolved node, or a late reference; None if it has no value, which has been reported.
    """
    outer = state.open.get(place)
    state.open[place] = piece.span
    state.waiting += 1
    try:
        if isinstance(piece, Lookup):
            return _lookup(state, place, piece)
        return _call(state, place, piece)
    except GiveUp:
        return None
    finally:
        state.open[place] = outer
        state.waiting -= 1


def _lookup(state: State, place: Place, piece: Lookup) -> Node | Late:
    keys: list[Key] = []
    for key in piece.keys:
        keys += _plain_keys(state, place, key)
    return _fetch(state, place, piece.dots, keys, piece.span)


def _fetch(state: State, place: Place, dots: int, keys: list[Key], span: Span) -> Node | Late:
    target = target_of(state, place, dots, keys, span)
    if isinstance(target, Diagnostic):
        return _fetch(state, place, dots, _meant(state, place, target, keys), span)
    if target is None:
        raise GiveUp
    path = (*target.owner, *target.path)
    if target.owner == ("stages",):
        return Late(f"${{{'.'.join(str(step) for step in path)}}}", span)
    state.references.append(Reference(*place, path, span))
    node = find(state, target, span)
    if isinstance(node, Diagnostic):
        return _fetch(state, place, dots, _meant(state, place, node, keys), span)
    if node is None or is_stand_in(node):
        raise GiveUp
    return node


def _meant(state: State, place: Place, finding: Diagnostic, keys: list[Key]) -> list[Key]:
    """Report a wrong path; return the one that was certainly meant, so that the rest is judged."""
    state.report(place[0], finding)
    if finding.fix is None or not finding.fix.certain:
        raise GiveUp
    edit = finding.fix.edits[0]
    meant: list[Key] = []
    for key in keys:
        names = edit.text.split(".") if key.span == edit.span else [str(key.name)]
        meant += [Key(name, key.span) for name in names]
    if [key.name for key in meant] == [key.name for key in keys]:
        raise GiveUp
    return meant


def _plain_keys(state: State, place: Place, key: Key) -> list[Key]:
    """Return a key as names; a nested reference may give several, as ``a.b``."""
    if isinstance(key.name, str):
        return [key]
    parts = key.name.parts if isinstance(key.name, Joined) else (key.name,)
    pieces = _argument(state, place, Argument(parts, quoted=False, span=key.span))
    text = _known_now(state, place, pieces, "it chooses what is referred to")
    return [Key(name, key.span) for name in text.split(".")]


def _known_now(state: State, place: Place, pieces: Pieces, why: str) -> str:
    for piece in pieces:
        if isinstance(piece, Late):
            _give_up(state, place, findings.late(piece.span, why))
    return "".join(piece for piece in pieces if isinstance(piece, str))


def _call(state: State, place: Place, call: Call) -> Node | Late:
    if call.name == "oc.env":
        return _environment(state, place, call)
    if call.name == "oc.select":
        return _select(state, place, call)
    resolver = BY_NAME.get(call.name)
    if resolver is None:
        _give_up(state, place, findings.unknown_resolver(call.name_span, call.name, KNOWN))
    why = f'the resolver "{call.name}" needs it now'
    texts = tuple(
        _known_now(state, place, _argument(state, place, argument), why)
        for argument in call.arguments
    )
    if len(texts) != resolver.arguments or "" in texts:
        _give_up(state, place, findings.wrong_arguments(call.span, call.name, resolver.form))
    answer = resolver.function(Request(state.recipe, call.span.source, texts, call.span))
    if answer.finding:
        _give_up(state, place, answer.finding)
    if answer.source:
        state.sources.append(answer.source)
    assert answer.node is not None
    return answer.node


def _argument(state: State, place: Place, argument: Argument) -> Pieces:
    pieces: list[str | Late] = []
    for part in argument.parts:
        if isinstance(part, str):
            pieces.append(part)
            continue
        value = evaluate(state, place, part)
        added = None if value is None else as_pieces(state, place[0], part.span, value)
        if added is None:
            raise GiveUp
        pieces += added
    return tuple(pieces)


def _environment(state: State, place: Place, call: Call) -> Late:
    form = "${oc.env:VARIABLE} or ${oc.env:VARIABLE,default}"
    if not 1 <= len(call.arguments) <= 2:  # noqa: PLR2004 - a name and a default
        _give_up(state, place, findings.wrong_arguments(call.span, call.name, form))
    name = _known_now(
        state, place, _argument(state, place, call.arguments[0]), "it names a variable"
    )
    if not (name.isidentifier() and name.isascii()):
        _give_up(state, place, findings.wrong_arguments(call.span, call.name, form))
    rest = [
        None if _is_null(argument) else _argument(state, place, argument)
        for argument in call.arguments[1:]
    ]
    return Late(render_call("oc.env", [(name,), *rest]), call.span)


def _is_null(argument: Argument) -> bool:
    parts = argument.parts
    if argument.quoted or len(parts) != 1 or not isinstance(parts[0], str):
        return False
    return typed(parts[0]) is None


def _select(state: State, place: Place, call: Call) -> Node | Late:
    """Look a key up; where there is none give the default, ``null`` without one."""
    form = "${oc.select:KEY} or ${oc.select:KEY,default}"
    if not 1 <= len(call.arguments) <= 2:  # noqa: PLR2004 - a key and a default
        _give_up(state, place, findings.wrong_arguments(call.span, call.name, form))
    first = call.arguments[0]
    why = "it chooses what is referred to"
    text = _known_now(state, place, _argument(state, place, first), why)
    names = text.lstrip(".")
    dots = len(text) - len(names)
    keys = [Key(name, first.span) for name in names.replace("]", "").replace("[", ".").split(".")]
    if not names or not all(key.name for key in keys):
        _give_up(state, place, findings.wrong_arguments(call.span, call.name, form))
    if _exists(state, place, dots, keys, call.span):
        return _fetch(state, place, dots, keys, call.span)
    if len(call.arguments) == 1:
        return Scalar(None, call.span)
    return _default(state, place, call)


def _exists(state: State, place: Place, dots: int, keys: list[Key], span: Span) -> bool:
    target = target_of(state, place, dots, keys, span)
    if target is None or isinstance(target, Diagnostic):
        return target is None
    return target.owner == ("stages",) or not isinstance(find(state, target, span), Diagnostic)


def _default(state: State, place: Place, call: Call) -> Node | Late:
    argument = call.arguments[1]
    if len(argument.parts) == 1 and not isinstance(argument.parts[0], str) and not argument.quoted:
        value = evaluate(state, place, argument.parts[0])
        if value is None:
            raise GiveUp
        return value
    pieces = _argument(state, place, argument)
    if all(isinstance(piece, str) for piece in pieces):
        text = "".join(piece for piece in pieces if isinstance(piece, str))
        if not argument.quoted:
            return Scalar(typed(text), argument.span)
    return Scalar(render(pieces), argument.span)


def _give_up(state: State, place: Place, finding: Diagnostic) -> NoReturn:
    state.report(place[0], finding)
    raise GiveUp
