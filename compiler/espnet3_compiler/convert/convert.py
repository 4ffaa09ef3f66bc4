"""Run ``--from-espnet3 DIR``: read, convert, check, write and report."""

import sys
from collections.abc import Iterable
from pathlib import Path

from espnet3_compiler.convert.files import (
    MAIN_MANIFEST,
    OUTPUT_FOLDER,
    manifest_configs,
    manifest_name,
    render_files,
)
from espnet3_compiler.convert.key_lists import sort_keys
from espnet3_compiler.convert.notes import NOT_CARRIED, Notes
from espnet3_compiler.convert.prune import (
    check_manifests,
    prune_refused_keys,
    unlisted_configs,
    write_files,
)
from espnet3_compiler.convert.recipe import ConvertedRecipe, read_recipe
from espnet3_compiler.convert.report import render_json, render_text
from espnet3_compiler.convert.side_by_side import render_side_by_side
from espnet3_compiler.convert.stage_entries import SYSTEM_MODULE
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.filesystem import refusal
from espnet3_compiler.output.summary import plural
from espnet3_compiler.pipeline import display_name
from espnet3_compiler.result import is_error, sort_findings
from espnet3_schemas.exit_codes import CLEAN, MISTAKES, USAGE


def convert(directory: Path, *, force: bool, form: str, diff: bool = False) -> int:
    """Write a recipe of ours beside the files of an ESPnet3 recipe; return the exit code.

    Args:
        directory: The recipe, with ``conf/`` and ``run.py``.
        force: Whether existing files may be replaced.
        form: ``human``, or ``json`` for a report on stdout.
        diff: Whether to show both recipes side by side on stdout, and to write nothing.
    """
    if form not in ("human", "json"):
        return _report_error(f"--from-espnet3 reports as human or json, not as {form}", USAGE)
    if not (directory / "conf").is_dir():
        return _report_error(f'"{directory}" is no ESPnet3 recipe: it has no directory conf', USAGE)
    directory = directory.resolve()
    notes = Notes()
    found = read_recipe(directory, notes)
    if found.found:
        _report_findings(found.found)
        return _report_error("nothing was written", MISTAKES)
    if not found.every_config():
        return _report_error("there is no config in conf whose role is known", MISTAKES)
    try:
        if diff:
            return _show_side_by_side(found, directory, notes)
        return _write_recipe(found, directory, notes, force=force, form=form)
    except OSError as error:
        path = error.filename or directory
        return _report_error(f'cannot write "{path}": {refusal(error, Path(path))}', MISTAKES)


def _show_side_by_side(found: ConvertedRecipe, directory: Path, notes: Notes) -> int:
    prune_refused_keys(found, directory, notes)
    listed = sort_keys(notes.trees, notes)
    sys.stdout.write(render_side_by_side(found, notes, listed))
    return MISTAKES if any(note.outcome.list == NOT_CARRIED for note in listed) else CLEAN


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
    listed = sort_keys(notes.trees, notes)
    lost = sum(note.outcome.list == NOT_CARRIED for note in listed)
    if form == "json":
        sys.stdout.write(render_json(listed, list(files), clean=clean))
    shown = display_name(directory)
    manifests = [manifest_name(found, training) for training in manifest_configs(found)]
    others = plural(len(files) - len(manifests), "other file")
    where = f"in {shown} and its {OUTPUT_FOLDER}"
    _print_stderr(f"wrote {', '.join(manifests)} and {others} {where}")
    _print_stderr(render_text(listed).rstrip("\n"))
    _report_findings(findings)
    unchecked = max(outcome.counts.not_checked for outcome in checked)
    lines = _closing_lines(found, shown, unchecked)
    _print_stderr("\n" + "\n".join([*lines, _last_line(shown, lost, clean=clean)]))
    return CLEAN if clean and not lost else MISTAKES


def _last_line(shown: str, lost: int, *, clean: bool) -> str:
    manifest = MAIN_MANIFEST if shown == "." else f"{shown}/{MAIN_MANIFEST}"
    if not clean:
        return "not clean yet: correct what is reported above"
    if lost:
        what = "1 thing is" if lost == 1 else f"{lost} things are"
        return f"{what} not carried: see above, then: espnet3-compile {manifest}"
    return f"next: espnet3-compile {manifest}"


def _closing_lines(found: ConvertedRecipe, shown: str, unchecked: int) -> list[str]:
    lines = []
    if others := unlisted_configs(found):
        lines.append("configs that no manifest names are given by a flag:")
        lines += [f"  python build/run.py --{role}_config {name}" for role, name in others]
    if found.others["publication"] or found.others["demo"]:
        lines.append("uploads are dry runs until you take dry_run: true out of their configs")
    if unchecked:
        targets = f"{plural(unchecked, 'target')} could not be checked"
        lines.append(f"{targets} (is ESPnet importable here?); check again where it is")
    if found.has_own_stages:
        where = f"{shown}/" if shown != "." else ""
        lines.append(f"{where}{SYSTEM_MODULE}.py runs methods that need ESPnet3 where they run")
    return lines


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
