"""Names that the rows of a matrix give, and findings that every row would repeat."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.matrix_values import fill_text
from espnet3_compiler.syntax.placeholder import is_placeholder
from espnet3_compiler.syntax.span_key import SpanKey, span_key
from espnet3_compiler.syntax.tree import Mapping as Tree
from espnet3_compiler.syntax.tree import Scalar

_VALUE = re.compile(r'"[^"]*"|\d\S*')


def is_repeated(name: Scalar, rows: tuple[Tree, ...], found: list[Diagnostic]) -> bool:
    """Return whether several rows give the same name, and report it.

    Args:
        name: The name as it is written, with its ``${matrix.…}``.
        rows: The rows of the matrix.
        found: Collects the finding.
    """
    names = [fill_text(name, row, []) for row in rows]
    if any(map(is_placeholder, names)):
        return False
    values = [str(each.value) for each in names]
    repeated = next((value for value in values if values.count(value) > 1), None)
    if repeated is not None:
        found.append(_repeated_name(name, repeated, rows[0]))
    return repeated is not None


def _repeated_name(name: Scalar, value: str, row: Tree) -> Diagnostic:
    unused = [entry.name for entry in row if f"matrix.{entry.name}" not in str(name.value)]
    hint = "let every row of the matrix have other values"
    if unused:
        example = f"{name.value}_${{matrix.{unused[0]}}}"
        hint = f'write a value of the matrix into it, for example "{example}"'
    return Diagnostic(
        "R201",
        f'several rows of a matrix give the name "{value}"',
        Label(name.span, "the same for several rows"),
        help=(hint,),
    )


def duplicate_name(block: str, name: Scalar, first: Scalar) -> Diagnostic:
    """R201: a stage, config or model that has the name of another one.

    Args:
        block: ``stages``, ``configs`` or ``models``.
        name: The second name.
        first: Where the name is used first.
    """
    return Diagnostic(
        "R201",
        f'two {block} are called "{name.value}"',
        Label(name.span, "used again here"),
        related=(Label(first.span, "first used here"),),
        help=(f'give one of them another name, for example "{name.value}_2"',),
    )


def merge_row_findings(
    findings: Iterable[Diagnostic], templates: Mapping[str, str]
) -> tuple[Diagnostic, ...]:
    """Report once what every row of a matrix repeats, without a fix that would end the pattern.

    Args:
        findings: All findings.
        templates: The names that rows gave, and the texts that they were made from.
    """
    if not templates:
        return tuple(findings)
    words = "|".join(re.escape(name) for name in sorted(templates, key=len, reverse=True))
    names = re.compile(rf"(?<!\w)(?:{words})(?!\w)")
    first: dict[tuple[str, SpanKey, str], Diagnostic] = {}
    for finding in findings:
        message = names.sub(lambda match: templates[match[0]], finding.message)
        if "${matrix." in finding.primary.span.text:
            message = _VALUE.sub("", message)
        if finding.fix and any("${matrix." in edit.span.text for edit in finding.fix.edits):
            finding = replace(finding, fix=None)  # noqa: PLW2901
        first.setdefault((finding.code, span_key(finding.primary.span), message), finding)
    return tuple(first.values())
