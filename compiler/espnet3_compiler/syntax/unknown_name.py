"""Findings about unknown names, with the likely name and a fix that writes it."""

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
    """Return the fix that writes another name.

    Args:
        scalar: The wrong name.
        name: The right one.
        certain: Whether ``--fix`` may write it without a question.
    """
    return Fix(f'write "{name}"', (Edit(scalar.span, name),), certain=certain)


def did_you_mean(near: str | None, *hints: str) -> tuple[str, ...]:
    """Return the advice to write a similar name; other advice where there is none."""
    return (f'did you mean "{near}"?',) if near else hints


def spelling_fix(span: Span, name: str, near: str | None, known: Iterable[str]) -> Fix | None:
    """Return the fix that writes a similar name, certain where it is a plain misspelling.

    Args:
        span: Where the wrong name stands.
        name: The wrong name.
        near: The similar one; None gives no fix.
        known: All names that are right.
    """
    if near is None:
        return None
    return Fix(f'write "{near}"', (Edit(span, near),), certain=is_certain_match(name, known))


def unknown_name(
    code: str,
    message: str,
    scalar: Scalar,
    candidates: Iterable[str],
    *hints: str,
    rows: str | None = None,
) -> Diagnostic:
    """Report a name that is none of the candidates.

    Args:
        code: The code of the finding.
        message: The sentence, without the suggestion.
        scalar: The name.
        candidates: All names that are right.
        hints: What to do where none of them is similar.
        rows: What to do where a group has the name once for every row.
    """
    known = list(candidates)
    name = str(scalar.value)
    near = None if rows else closest_match(name, known)
    hints = (rows,) if rows else hints
    label = Label(scalar.span, f"not in ({format_names(known)})" if known else "there are none")
    fix = spelling_fix(scalar.span, name, near, known)
    return Diagnostic(code, message, label, help=did_you_mean(near, *hints), fix=fix)
