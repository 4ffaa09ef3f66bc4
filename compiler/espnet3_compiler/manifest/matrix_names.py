"""Names that the rows of a matrix give, and findings that every row would repeat."""

import re
from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.matrix_values import fill_text, row_name
from espnet3_compiler.manifest.row_ids import ID
from espnet3_compiler.syntax.placeholder import is_placeholder
from espnet3_compiler.syntax.span_key import SpanKey, span_key
from espnet3_compiler.syntax.tree import Mapping as Tree
from espnet3_compiler.syntax.tree import Scalar

_VALUE = r'"[^"]*"|\d\S*'


def find_repeated(names: Iterable[Scalar], rows: tuple[Tree, ...]) -> Diagnostic | None:
    """Return the finding that several rows of a matrix give the same names, one for all of them.

    Args:
        names: The names as they are written, with their ``${matrix.…}``.
        rows: The rows of the matrix.
    """
    found = [one for name in names if (one := _find_repeated_name(name, rows))]
    for other in found[1:]:
        found[0] = found[0].joined_with(other)
    return found[0] if found else None


def _find_repeated_name(name: Scalar, rows: tuple[Tree, ...]) -> Diagnostic | None:
    names = [fill_text(name, row, []) for row in rows]
    values = [str(each.value) for each in names]
    repeated = next((value for value in values if values.count(value) > 1), None)
    if repeated is None or any(map(is_placeholder, names)):
        return None
    again = [row for row, value in zip(rows, values, strict=True) if value == repeated]
    return _repeated_name(name, repeated, again)


def _repeated_name(name: Scalar, value: str, rows: list[Tree]) -> Diagnostic:
    """Return R201 at the name, with the values that are the same in the rows that give it."""
    given = [entry.name for entry in rows[0] if entry.name != ID]
    used = [key for key in given if f"matrix.{key}" in str(name.value)]
    unused = [key for key in given if key not in used]
    hints = ["let every row of the matrix have other values"]
    if unused:
        example = f"{name.value}_${{matrix.{unused[0]}}}"
        hints = [f'write a value of the matrix into it, for example "{example}"']
    same = [entry.value for row in rows for key in used if (entry := row.entry(key))]
    if len({span_key(node.span) for node in same}) < len(same):  # the rows are made of lists
        same = []
    if unused and same:
        hints.append(f"or give each row another {' and '.join(used)}")
    return Diagnostic(
        "R201",
        f'several rows of a matrix give the name "{value}"',
        Label(name.span, "the same for several rows"),
        related=tuple(Label(node.span, "the same value") for node in same),
        help=tuple(hints),
    )


def find_same_rows(rows: tuple[Tree, ...]) -> Diagnostic | None:
    """Return R201 where two rows of a matrix have one id: short names would be the same, too."""
    first: dict[str, Tree] = {}
    for row in rows:
        name = row_name("", row)
        if name in first:
            return _same_id(name[1:], row, first[name])
        first[name] = row
    return None


def _same_id(name: str, row: Tree, other: Tree) -> Diagnostic:
    pairs = [(entry, other.entry(entry.name)) for entry in row if entry.name != ID]
    different = [(entry, one) for entry, one in pairs if one is None or one.value != entry.value]
    again, before = next(iter(different or pairs))
    related = (Label(before.value.span, "and here"),) if before else ()
    if not different:
        message, hint = "two rows of a matrix are the same", "remove one of the two"
    else:
        message = f'two rows of a matrix have the id "{name}"'
        hint = (
            "write one of the values otherwise, or give every row a value that tells them apart "
            "and write it into the names: train_${matrix.NAME}"
        )
    return Diagnostic("R201", message, Label(again.value.span, "here"), related, help=(hint,))


def duplicate_name(block: str, name: Scalar, first: Scalar) -> Diagnostic:
    """R201: a stage, config or model that has the name of another one.

    Args:
        block: ``stages``, ``configs`` or ``models``.
        name: The second name.
        first: Where the name is used first.
    """
    written = name.span.text.strip("'\"")
    base = written if str(name.value).startswith(f"{written}_") else name.value  # in a group
    return Diagnostic(
        "R201",
        f'two {block} are called "{name.value}"',
        Label(name.span, "used again here"),
        related=(Label(first.span, "first used here"),),
        help=(f'give one of them another name, for example "{base}_2"',),
    )


def merge_row_findings(
    findings: Iterable[Diagnostic], templates: Mapping[str, str]
) -> tuple[Diagnostic, ...]:
    """Report once what every row of a matrix repeats, without a fix that would end the pattern.

    Args:
        findings: All findings.
        templates: The names that rows gave, and the texts that they were made from.
    """
    found = tuple(findings)
    if not templates or not found:
        return found
    words = "|".join(re.escape(name) for name in sorted(templates, key=len, reverse=True))
    names = rf"(?<!\w)(?:{words})(?!\w)"
    first: dict[tuple[str, SpanKey, str], Diagnostic] = {}
    for finding in found:
        message = re.sub(names, lambda match: templates[match[0]], finding.message)
        if "${matrix." in finding.primary.span.text:
            message = re.sub(_VALUE, "", message)
        if finding.fix and any("${matrix." in edit.span.text for edit in finding.fix.edits):
            finding = replace(finding, fix=None)  # noqa: PLW2901
        first.setdefault((finding.code, span_key(finding.primary.span), message), finding)
    return tuple(first.values())
