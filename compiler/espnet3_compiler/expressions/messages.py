"""The words of the resolver's findings."""

from collections.abc import Iterable, Sequence

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.syntax.core_schema import describe_type
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar
from espnet3_compiler.syntax.unknown_name import did_you_mean, spelling_fix

MAX_NAMES = 8


def unknown_key(
    reference: Span, segment: Span, name: str, inside: str, known: Iterable[str]
) -> Diagnostic:
    """R301: a step of a path that does not exist.

    Args:
        reference: The whole ``${…}``.
        segment: The step of its path that does not exist.
        name: That step as a name.
        inside: What the step was looked for in, for the message.
        known: The names that are there.
    """
    names = [other for other in known if other]
    near = closest_match(name, names)
    return Diagnostic(
        "R301",
        f'"{reference.text}" names nothing: {inside} has no "{name}"',
        Label(segment, _expected_names(names)),
        help=did_you_mean(near),
        fix=_spelling_fix(segment, name, near, names),
    )


def unknown_root(reference: Span, segment: Span, name: str, known: list[str]) -> Diagnostic:
    """R301: the first step of a path is neither a key of the config nor a name of the manifest.

    Args:
        reference: The whole ``${…}``.
        segment: The first step of its path.
        name: That step as a name.
        known: The names that may begin a path here.
    """
    near = closest_match(name, known)
    return Diagnostic(
        "R301",
        f'"{reference.text}" names nothing: there is no "{name}" here',
        Label(segment, _expected_names(known)),
        help=did_you_mean(near),
        fix=_spelling_fix(segment, name, near, known),
    )


def namespace_missing(reference: Span, segment: Span, namespace: str, name: str) -> Diagnostic:
    """R301: a config, model or stage without its namespace before it.

    Args:
        reference: The whole ``${…}``.
        segment: The first step of its path.
        namespace: ``configs``, ``models`` or ``stages``.
        name: The name that stands in it.
    """
    return Diagnostic(
        "R301",
        f'"{reference.text}" names nothing: "{name}" stands among the {namespace}',
        Label(segment, f'"{namespace}." is missing'),
        help=(f'write "{namespace}.{name}"',),
        fix=Fix(
            f'write "{namespace}.{name}"',
            (Edit(segment, f"{namespace}.{segment.text}"),),
            certain=True,
        ),
    )


def not_a_container(reference: Span, segment: Span, inside: str, node: Node) -> Diagnostic:
    """R301: a path that leads into a text or number.

    Args:
        reference: The whole ``${…}``.
        segment: The step that leads no further.
        inside: What the step was looked for in, for the message.
        node: The text or number that has no parts.
    """
    shown = describe_type(node.value) if isinstance(node, Scalar) else describe_type(node)
    return Diagnostic(
        "R301",
        f'"{reference.text}" names nothing: {inside} is {shown} and has no parts',
        Label(segment, "leads no further"),
        related=(Label(node.span, "this is the value"),),
    )


def not_an_index(reference: Span, segment: Span, inside: str, count: int) -> Diagnostic:
    """R301: a list is asked for something else than one of its items.

    Args:
        reference: The whole ``${…}``.
        segment: The step that is no index of the list.
        inside: What the list is called in the message.
        count: How many items the list has.
    """
    last = f"expected 0 to {count - 1}" if count else "the list is empty"
    return Diagnostic(
        "R301",
        f'"{reference.text}" names nothing: {inside} is a list of {count} items',
        Label(segment, last),
    )


def above_root(reference: Span) -> Diagnostic:
    """R301: more leading dots than there are levels."""
    return Diagnostic(
        "R301",
        f'"{reference.text}" leads above the top',
        Label(reference, "too many leading dots"),
        help=("one dot stands for the mapping in which the value is, two for the one around it",),
    )


def incomplete_path(reference: Span, form: str, example: str) -> Diagnostic:
    """R301: a namespace without what must follow.

    Args:
        reference: The whole ``${…}``.
        form: What was expected, for example ``matrix.NAME``.
        example: A whole reference of this form.
    """
    return Diagnostic(
        "R301",
        f'"{reference.text}" is not complete',
        Label(reference, f"expected {form}"),
        help=(f'write for example "{example}"',),
    )


def no_matrix(reference: Span) -> Diagnostic:
    """R301: a value of a matrix outside of a group."""
    return Diagnostic(
        "R301",
        f'"{reference.text}" names nothing: only a group of stages has a matrix',
        Label(reference, "not in a group"),
        help=("write it in a group: - {matrix: {round: [1, 2]}, configs: …, stages: …}",),
    )


def not_in_row(
    reference: Span, names: tuple[tuple[str, Span], ...], row: Mapping
) -> Diagnostic | None:
    """R301: ``${matrix.NAME}`` with a name that a row of the matrix does not have.

    Args:
        reference: The whole ``${…}``.
        names: The steps behind ``matrix``, each with its place.
        row: The row of the matrix.
    """
    if len(names) != 1:
        return incomplete_path(reference, "matrix.NAME", "${matrix.round}")
    (name, place), known = names[0], [entry.name for entry in row]
    if name in known or not has_certain_keys(row):
        return None
    return unknown_key(reference, place, name, "the row of the matrix", known)


def reference_cycle(members: list[tuple[str, Span]]) -> Diagnostic:
    """R302: references that lead back to where they started, from the first in the text."""
    start = min(range(len(members)), key=lambda i: _span_order(members[i][1]))
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


def unknown_resolver(place: Span, name: str, known: Sequence[str]) -> Diagnostic:
    """R303: ``${name:…}`` with a name that is no resolver.

    Args:
        place: The name where it is written.
        name: The name.
        known: The resolvers that there are.
    """
    near = closest_match(name, known)
    return Diagnostic(
        "R303",
        f'"{name}" is no resolver',
        Label(place, _expected_names(known)),
        help=did_you_mean(near),
        fix=_spelling_fix(place, name, near, known),
    )


def wrong_arguments(place: Span, name: str, form: str) -> Diagnostic:
    """R304: a resolver with too many or too few arguments, or unfit ones.

    Args:
        place: The ``${…}``.
        name: The resolver.
        form: How it is written, for example ``${oc.env:NAME,DEFAULT}``.
    """
    return Diagnostic(
        "R304",
        f'the resolver "{name}" does not take these arguments',
        Label(place, f"expected {form}"),
        help=(f'write "{form}"',),
    )


def not_text(place: Span, node: Node) -> Diagnostic:
    """R307: a mapping or list in the middle of a text."""
    return Diagnostic(
        "R307",
        f'"{place.text}" is {describe_type(node)} and cannot stand inside a text',
        Label(place, f"fetches {describe_type(node)}"),
        related=(Label(_first_line(node.span), "the value is here"),),
        help=("refer to one of its parts, or let the reference be the whole value",),
    )


def known_at_runtime(place: Span, why: str, hint: str | None = None) -> Diagnostic:
    """R310: a value known only at run time where it is needed at compile time.

    Args:
        place: The ``${…}``.
        why: Why it is needed at compile time, as the end of a sentence.
        hint: What to do; None advises to write the value out.
    """
    return Diagnostic(
        "R310",
        f'"{place.text}" is known only when a stage runs, but {why}',
        Label(place, "known only at run time"),
        help=(hint or "write the value out; another can be given with --set",),
    )


def too_large(place: Span, what: str) -> Diagnostic:
    """R105: references that expand without measure."""
    return Diagnostic("R105", f"references {what}", Label(place, "the limit is reached here"))


def _expected_names(names: Sequence[str]) -> str:
    if not names:
        return "nothing is there"
    more = ", ..." if len(names) > MAX_NAMES else ""
    return f"not in ({', '.join(names[:MAX_NAMES])}{more})"


def _spelling_fix(place: Span, name: str, near: str | None, known: Sequence[str]) -> Fix | None:
    return spelling_fix(place, name, near, known) if place.text == name else None


def _first_line(span: Span) -> Span:
    end = span.source.text.find("\n", span.start, span.end)
    return Span(span.source, span.start, span.end if end < 0 else end)


def _span_order(span: Span) -> tuple[str, int]:
    return span.source.name, span.start
