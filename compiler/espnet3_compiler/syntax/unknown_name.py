"""Findings about names, in the same words everywhere."""

from collections.abc import Iterable

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.diagnostics.suggest import closest_match, is_certain_match
from espnet3_compiler.syntax.tree import Scalar


def format_names(names: Iterable[str], limit: int = 8) -> str:
    """Return names as ``a, b, c``, at most ``limit`` of them."""
    every = list(names)
    return ", ".join([*every[:limit], *(["…"] if len(every) > limit else [])])


def rename_fix(scalar: Scalar, name: str, *, certain: bool = True) -> Fix:
    """Return the fix that writes another name in the place of a scalar.

    Args:
        scalar: The wrong name where it is written.
        name: The right one.
        certain: Whether ``--fix`` may write it without a question.
    """
    return Fix(f'write "{name}"', (Edit(scalar.span, name),), certain=certain)


def did_you_mean(near: str | None, *hints: str) -> tuple[str, ...]:
    """Return the advice to write a name that is near; other advice where there is none."""
    return (f'did you mean "{near}"?',) if near else hints


def spelling_fix(place: Span, name: str, near: str | None, known: Iterable[str]) -> Fix | None:
    """Return the fix that writes the nearest name, certain where it is a plain slip of the pen.

    Args:
        place: Where the wrong name stands.
        name: The wrong name.
        near: The name that is written, if there is one.
        known: All names that would have been right.
    """
    if near is None:
        return None
    return Fix(f'write "{near}"', (Edit(place, near),), certain=is_certain_match(name, known))


def unknown_name(
    code: str, message: str, scalar: Scalar, candidates: Iterable[str], *hints: str
) -> Diagnostic:
    """Report a name that is none of the candidates.

    Args:
        code: The code of the finding.
        message: The sentence, without the suggestion.
        scalar: The name as written.
        candidates: What would have been right.
        hints: What to do where no candidate is near.
    """
    known = list(candidates)
    name = str(scalar.value)
    near = closest_match(name, known)
    return Diagnostic(
        code=code,
        message=message,
        primary=Label(
            scalar.span, f"not in ({format_names(known)})" if known else "there are none"
        ),
        help=did_you_mean(near, *hints),
        fix=spelling_fix(scalar.span, name, near, known),
    )
