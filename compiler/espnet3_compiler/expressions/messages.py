"""The texts of findings about references."""

import re
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.expressions.nodes import KNOWN_RESOLVERS, Call, Key
from espnet3_compiler.syntax.core_schema import describe_type
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Scalar
from espnet3_compiler.syntax.unknown_name import unknown_name
from espnet3_schemas import habits


def unknown_key(
    reference: Span, key: Key, problem: str, known: Iterable[str], rows: str | None = None
) -> Diagnostic:
    """R301: a step of a path that does not exist.

    Args:
        reference: The ``${…}``.
        key: The step; its span may hold a reference that gave the name.
        problem: The end of the message.
        known: The names that exist.
        rows: Advice where a group has the name once for every row.
    """
    message = f'"{reference.text}" names nothing: {problem}'
    names = [name for name in known if name]
    found = unknown_name("R301", message, Scalar(str(key.name), key.span), names, rows=rows)
    return found if key.span.text == key.name else replace(found, fix=None)


def above_root(reference: Span) -> Diagnostic:
    """R301: more leading dots than there are levels."""
    return Diagnostic(
        "R301",
        f'"{reference.text}" leads above the top',
        Label(reference, "too many leading dots"),
        help=("one dot stands for the mapping in which the value is, two for the one around it",),
    )


def incomplete_path(reference: Span, form: str, example: str) -> Diagnostic:
    """R301: a namespace without the names that must follow.

    Args:
        reference: The ``${…}``.
        form: The expected form, for example ``matrix.NAME``.
        example: A reference of this form.
    """
    return Diagnostic(
        "R301",
        f'"{reference.text}" is not complete',
        Label(reference, f"expected {form}"),
        help=(f'write for example "{example}"',),
    )


def no_matrix(reference: Span) -> Diagnostic:
    """R301: a value of a matrix outside a group."""
    return Diagnostic(
        "R301",
        f'"{reference.text}" names nothing: only a group of stages has a matrix',
        Label(reference, "not in a group"),
        help=("write it in a group: - {matrix: {round: [1, 2]}, configs: …, stages: …}",),
    )


def not_in_row(
    reference: Span, keys: Sequence[Key], row: Mapping, others: Sequence[Mapping] = ()
) -> Diagnostic | None:
    """R301: ``${matrix.NAME}`` with a name that a row of the matrix does not have.

    Args:
        reference: The ``${…}``.
        keys: The steps after ``matrix``.
        row: The row of the matrix.
        others: Its other rows, as far as they are known.
    """
    if len(keys) != 1:
        return incomplete_path(reference, "matrix.NAME", "${matrix.round}")
    name = str(keys[0].name)
    if row.entry(name) or not has_certain_keys(row):
        return None
    listed = _listed_row(row)
    given = [entry for one in others if (entry := one.entry(name))]
    if listed and given:
        alone = [one for one in row if not any(other.entry(one.name) for other in others)]
        near = closest_match(name, [one.name for one in alone])
        place = next((one.key.span for one in alone if one.name == near), listed[0].span)
        return _incomplete_row(reference, name, place, given[0])
    known = [entry.name for entry in row]
    found = unknown_key(reference, keys[0], f'the row of the matrix has no "{name}"', known)
    return replace(found, related=(*listed, *found.related))


def _incomplete_row(reference: Span, name: str, row: Span, other: Entry) -> Diagnostic:
    """Return R301 for a row without a name that another row has.

    Args:
        reference: The ``${…}``.
        name: The name.
        row: Where the row begins, or the name in it that may be misspelt.
        other: The name in another row.
    """
    return Diagnostic(
        "R301",
        f'"{reference.text}" names nothing: a row of the matrix has no "{name}"',
        Label(row, "this row"),
        related=(Label(reference, "read here"), Label(other.key.span, "another row has it")),
        help=(f"give the row a value: {name}: …",),
    )


def _listed_row(row: Mapping) -> tuple[Label, ...]:
    """Return a label at a row that is written as one, not made of lists of values."""
    key, value = row.entries[0].key.span, row.entries[0].value.span
    between = key.source.text[key.end : value.start] if value.source is key.source else ""
    return (Label(key, "this row"),) if between.strip(" \"'") == ":" else ()


def reference_cycle(members: list[tuple[str, Span]]) -> Diagnostic:
    """R302: references that lead back to where they started, from the first in the text."""
    spans = [span for _, span in members]
    start = min(range(len(spans)), key=lambda i: (spans[i].source.name, spans[i].start))
    ordered = members[start:] + members[:start]
    names = [name for name, _ in ordered]
    if len(members) == 1:
        return Diagnostic("R302", f'"{names[0]}" refers to itself', Label(ordered[0][1], "itself"))
    return Diagnostic(
        "R302",
        f"references lead in a circle: {' -> '.join([*names, names[0]])}",
        Label(ordered[0][1], "the circle begins here"),
        related=tuple(Label(place, "and goes on here") for _, place in ordered[1:]),
        help=("write one of the values out",),
    )


_PATH_ARGUMENT = r"[A-Za-z_][\w.]*"


def unknown_resolver(call: Call) -> Diagnostic:
    """R303: ``${name:…}`` with a name that is no resolver."""
    message = f'"{call.name}" is no resolver'
    argument = call.arguments[0].span.text if call.arguments else ""
    advice = habits()["resolvers"].get(call.name)
    if advice is None:
        name = Scalar(call.name, call.name_span)
        found = unknown_name("R303", message, name, KNOWN_RESOLVERS)
        if found.fix is None and re.fullmatch(_PATH_ARGUMENT, argument):
            dotted = f'for a part of "{call.name}" write "${{{call.name}.{argument}}}"'
            found = replace(found, help=(dotted,))
        return found
    return Diagnostic(
        "R303",
        message,
        Label(call.span, "of another tool"),
        help=(advice.replace("ARGUMENT", argument or "NAME"),),
    )


def environment_variable(reference: Span, name: str) -> Diagnostic:
    """R301: ``${HOME}`` or ``${oc.env.HOME}``, a variable of the environment."""
    return Diagnostic(
        "R301",
        f'"{reference.text}" names nothing: a variable of the environment is written otherwise',
        Label(reference, "as in a shell"),
        help=(f'write "${{oc.env:{name}}}"',),
    )


def wrong_arguments(call: Call, form: str) -> Diagnostic:
    """R304: a resolver with too many, too few or unfit arguments; ``form`` shows the right ones."""
    return Diagnostic(
        "R304",
        f'the resolver "{call.name}" does not take these arguments',
        Label(call.span, f"expected {form}"),
        help=(f'write "{form}"',),
    )


def not_text(place: Span, node: Node) -> Diagnostic:
    """R307: a mapping or list in the middle of a text."""
    line_end = node.span.source.text.find("\n", node.span.start, node.span.end)
    end = node.span.end if line_end < 0 else line_end
    return Diagnostic(
        "R307",
        f'"{place.text}" is {describe_type(node)} and cannot stand inside a text',
        Label(place, f"fetches {describe_type(node)}"),
        related=(Label(replace(node.span, end=end), "the value is here"),),
        help=("refer to one of its parts, or let the reference be the whole value",),
    )


def known_at_runtime(place: Span, why: str, hint: str | None = None) -> Diagnostic:
    """R310: a value known only at run time where it is needed at compile time.

    Args:
        place: The ``${…}``.
        why: Why it is needed at compile time, as the end of a sentence.
        hint: Advice in place of the usual one.
    """
    return Diagnostic(
        "R310",
        f'"{place.text}" is known only when a stage runs, but {why}',
        Label(place, "known only at run time"),
        help=(hint or "write the value out; another can be given with --set",),
    )


def too_large(place: Span, what: str) -> Diagnostic:
    """R105: references that expand beyond a limit."""
    return Diagnostic("R105", f"references {what}", Label(place, "the limit is reached here"))
