"""Run ``--from-espnet3 DIR``: read, convert, check, write and report."""

import sys
from collections.abc import Iterable
from pathlib import Path

from espnet3_compiler.convert.files import MAIN_MANIFEST, OUTPUT_FOLDER, manifest_name, render_files
from espnet3_compiler.convert.load import RecipeReader
from espnet3_compiler.convert.notes import MOVED, Notes, render_notes, render_notes_json
from espnet3_compiler.convert.prune import (
    check_manifests,
    prune_refused_keys,
    unlisted_configs,
    write_files,
)
from espnet3_compiler.convert.recipe import ConvertedRecipe, read_recipe
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.filesystem import refusal
from espnet3_compiler.output.summary import plural
from espnet3_compiler.pipeline import display_name
from espnet3_compiler.result import is_error, sort_findings
from espnet3_schemas.exit_codes import CLEAN, MISTAKES, USAGE


def convert(directory: Path, *, force: bool, form: str) -> int:
    """Write a recipe of ours beside the files of an ESPnet3 recipe; return the exit code.

    Args:
        directory: The recipe, with ``conf/`` and ``run.py``.
        force: Whether existing files may be replaced.
        form: ``human``, or ``json`` for a report on stdout.
    """
    if form not in ("human", "json"):
        return _report_error(f"--from-espnet3 reports as human or json, not as {form}", USAGE)
    if not (directory / "conf").is_dir():
        return _report_error(f'"{directory}" is no ESPnet3 recipe: it has no directory conf', USAGE)
    directory = directory.resolve()
    notes = Notes()
    reader = RecipeReader(directory, notes)
    found = read_recipe(directory, notes, reader)
    if reader.found:
        _report_findings(reader.found)
        return _report_error("nothing was written", MISTAKES)
    if not found.trainings:
        return _report_error("there is no training config in conf: a recipe needs one", MISTAKES)
    try:
        return _write_recipe(found, directory, notes, force=force, form=form)
    except OSError as error:
        path = error.filename or directory
        return _report_error(f'cannot write "{path}": {refusal(error, Path(path))}', MISTAKES)


def _write_recipe(
    found: ConvertedRecipe, directory: Path, notes: Notes, *, force: bool, form: str
) -> int:
    existing = [name for name in render_files(found) if (directory / name).exists()]
    if existing and not force:
        more = f" and {len(existing) - 3} more" if len(existing) > 3 else ""  # noqa: PLR2004
        names = ", ".join(existing[:3])
        return _report_error(f"{names}{more} would be replaced; --force does so", USAGE)
    files = prune_refused_keys(found, directory, notes)
    write_files(directory, files)
    checked = [outcome for _, outcome in check_manifests(found, directory)]
    every = (finding for outcome in checked for finding in outcome.diagnostics)
    findings = sort_findings(every, display_name(checked[0].path))
    clean = not any(map(is_error, findings))
    listed = notes.in_order()
    if form == "json":
        sys.stdout.write(render_notes_json(listed, list(files), clean=clean))
    shown = display_name(directory)
    manifests = [manifest_name(found, training) for training in found.trainings]
    configs = f"{len(files) - len(manifests)} configs in {OUTPUT_FOLDER}"
    _print_stderr(f"wrote {', '.join(manifests)} and {configs}, in {shown}")
    _print_stderr(render_notes(note for note in listed if note.kind != MOVED).rstrip("\n"))
    if moved := sum(note.kind == MOVED for note in listed):
        _print_stderr(f"\n{moved} more keys are elsewhere now; --format json lists them")
    _report_findings(findings)
    unchecked = max(outcome.counts.not_checked for outcome in checked)
    _print_stderr("\n" + "\n".join(_closing_lines(found, shown, unchecked, clean=clean)))
    return CLEAN if clean else MISTAKES


def _closing_lines(found: ConvertedRecipe, shown: str, unchecked: int, *, clean: bool) -> list[str]:
    lines = []
    if others := unlisted_configs(found):
        lines.append("configs that no manifest names are given by a flag:")
        lines += [f"  python build/run.py --{role}_config {name}" for role, name in others]
    if found.others["publication"] or found.others["demo"]:
        lines.append("uploads are dry runs until you take dry_run: true out of their configs")
    if unchecked:
        targets = f"{plural(unchecked, 'target')} could not be checked"
        lines.append(f"{targets} (is ESPnet importable here?); check again where it is")
    manifest = MAIN_MANIFEST if shown == "." else f"{shown}/{MAIN_MANIFEST}"
    command = f"next: espnet3-compile {manifest}"
    return [*lines, command if clean else "not clean yet: correct what is reported above"]


def _report_findings(findings: Iterable[Diagnostic]) -> None:
    from espnet3_compiler.output import human

    for finding in findings:
        _print_stderr("\n" + human.render_one(finding))


def _report_error(message: str, code: int) -> int:
    _print_stderr(f"error: {message}")
    return code


def _print_stderr(text: str) -> None:
    if text:
        print(text, file=sys.stderr)
