"""Findings about a value of a config: shown where it is used, with where it came from."""

from collections.abc import Iterable

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.diagnostics.suggest import closest_match, is_certain_match
from espnet3_compiler.schema.hints import quoted_like
from espnet3_compiler.syntax.provenance import is_fixable, provenance_labels, use_location
from espnet3_compiler.syntax.tree import Node, Scalar
from espnet3_compiler.syntax.unknown_name import did_you_mean, format_names


def value_finding(
    code: str,
    message: str,
    node: Node,
    label: str,
    *,
    related: tuple[Label, ...] = (),
    advice: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
    fix: Fix | None = None,
) -> Diagnostic:
    """Return a finding about a value, with a label for every location that it came through.

    Args:
        code: The code of the finding.
        message: One sentence.
        node: The value.
        label: What is wrong with it, in few words.
        related: Other locations.
        advice: What to write instead.
        notes: Facts.
        fix: Edits that correct it.
    """
    labels = (*provenance_labels(node), *related)
    return Diagnostic(code, message, Label(use_location(node), label), labels, advice, notes, fix)


def unknown_value(
    code: str,
    message: str,
    node: Scalar,
    known: Iterable[str],
    *,
    label: str | None = None,
    related: tuple[Label, ...] = (),
    hints: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
) -> Diagnostic:
    """Return a finding about a text that is none of the known names.

    Args:
        code: The code of the finding.
        message: The sentence, without the suggestion.
        node: The text as written.
        known: The names that would have been right.
        label: What is wrong with it; which names are known, unless given.
        related: Other locations.
        hints: What to do where no known name is near.
        notes: Facts.
    """
    names = list(known)
    near = closest_match(str(node.value), names)
    return value_finding(
        code,
        message,
        node,
        label or f"not in ({format_names(names)})",
        related=related,
        advice=did_you_mean(near, *hints),
        notes=notes,
        fix=name_fix(node, near, names),
    )


def name_fix(
    node: Scalar, near: str | None, known: Iterable[str], *, sure: bool = True
) -> Fix | None:
    """Return the fix that writes a name in place of another one, certain for a plain misspelling.

    Args:
        node: The wrong name.
        near: The right one, if there is one.
        known: All names that would have been right.
        sure: Whether the name is certainly wrong.
    """
    if near is None or not is_fixable(node):
        return None
    edit = Edit(node.span, quoted_like(node, near))
    certain = sure and is_certain_match(str(node.value), known)
    return Fix(f'write "{near}"', (edit,), certain=certain)
