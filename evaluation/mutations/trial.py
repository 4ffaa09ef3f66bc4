"""Plant a mistake in a copy of a recipe, check it, and judge the report."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.pipeline import compile_manifest
from evaluation.mutations.model import GoodRecipe, Mutation
from evaluation.recipes import copy_recipe


@dataclass(frozen=True)
class Verdict:
    """What the checker said to one planted mistake.

    Attributes:
        mutation: The mistake.
        caught: Some finding has one of its codes and lies on its line.
        exact: That finding's primary place is exactly the expected one.
        right_fix: Its fix or its first help restores the good text; None where none is known.
        findings: How many findings the recipe got.
    """

    mutation: Mutation
    caught: bool
    exact: bool
    right_fix: bool | None
    findings: tuple[Diagnostic, ...]


@contextmanager
def workspace(recipe: GoodRecipe) -> Iterator[Path]:
    """Give a scratch copy of a recipe, beside links to its sibling recipes."""
    with tempfile.TemporaryDirectory() as folder:
        yield copy_recipe(recipe.directory, Path(folder))


def judge(recipe: GoodRecipe, copy: Path, mutation: Mutation) -> Verdict:
    """Plant a mutation, check, judge, and restore the copy."""
    good = next(d.source.text for d in recipe.documents if d.name == mutation.file)
    file = copy / mutation.file
    file.write_text(good[: mutation.start] + mutation.text + good[mutation.end :], "utf-8")
    try:
        found = compile_manifest(copy / recipe.manifest).diagnostics
    finally:
        file.write_text(good, encoding="utf-8")
    return _verdict(mutation, found, good)


def _verdict(mutation: Mutation, found: tuple[Diagnostic, ...], good: str) -> Verdict:
    start, end = mutation.start + mutation.place[0], mutation.start + mutation.place[1]
    exact, near = [], []
    for finding in found:
        span = finding.primary.span
        if finding.code not in mutation.codes or not _same_file(span.source.name, mutation.file):
            continue
        line = span.source.line_column(min(max(start, 0), len(span.source.text)))[0]
        if span.start == start and (end <= start or span.end == end):
            exact.append(finding)
        elif span.source.line_column(span.start)[0] == line:
            near.append(finding)
    chosen = (exact or near or [None])[0]
    right = None if mutation.right is None else bool(chosen and _restores(chosen, mutation, good))
    return Verdict(mutation, chosen is not None, bool(exact), right, found)


def _same_file(shown: str, file: str) -> bool:
    return shown == file or shown.endswith("/" + file)


def _restores(finding: Diagnostic, mutation: Mutation, good: str) -> bool:
    if finding.fix is not None and len(finding.fix.edits) == 1:
        edit = finding.fix.edits[0]
        text = edit.span.source.text
        if text[: edit.span.start] + edit.text + text[edit.span.end :] == good:
            return True
    return bool(finding.help) and f'"{mutation.right}"' in finding.help[0]
