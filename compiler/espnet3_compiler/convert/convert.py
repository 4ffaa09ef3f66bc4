"""``--from-espnet3 DIR`` from start to end."""

import sys
from dataclasses import dataclass
from pathlib import Path

from espnet3_compiler.convert.files import FOLDER, MAIN, manifest_name, texts
from espnet3_compiler.convert.load import Reader
from espnet3_compiler.convert.notes import MOVED, Notes, as_json, as_text
from espnet3_compiler.convert.recipe import Found, read_recipe
from espnet3_compiler.convert.settle import outcomes, settle, spare, write_all
from espnet3_compiler.diagnostic import Diagnostic
from espnet3_compiler.outcome import is_error, tidy
from espnet3_compiler.output.summary import plural
from espnet3_compiler.pipeline import display_name
from espnet3_schemas.exit_codes import CLEAN, MISTAKES, USAGE


@dataclass(frozen=True)
class Verdict:
    """What the checker says about the new recipe.

    Attributes:
        findings: Each once, those of the main manifest first.
        unchecked: Targets whose package is not installed here.
    """

    findings: tuple[Diagnostic, ...]
    unchecked: int

    @property
    def clean(self) -> bool:
        """Whether there is no error."""
        return not any(is_error(finding) for finding in self.findings)


def convert(directory: Path, *, force: bool, form: str) -> int:
    """Write a recipe of ours beside the files of an ESPnet3 recipe; return the exit code.

    Args:
        directory: The recipe, with ``conf/`` and ``run.py``.
        force: Whether files that stand there already may be replaced.
        form: ``human``, or ``json`` for a report on stdout.
    """
    if form not in ("human", "json"):
        return _refuse(f"--from-espnet3 reports as human or json, not as {form}", USAGE)
    if not (directory / "conf").is_dir():
        return _refuse(f'"{directory}" is no ESPnet3 recipe: it has no directory conf', USAGE)
    directory = directory.resolve()
    notes = Notes()
    reader = Reader(directory, notes)
    found = read_recipe(directory, notes, reader)
    if reader.found:
        return _unreadable(reader.found)
    if not found.trainings:
        return _refuse("there is no training config in conf: a recipe needs one", MISTAKES)
    try:
        return _write(found, directory, notes, force=force, form=form)
    except OSError as error:
        place = error.filename or directory
        return _refuse(f'cannot write "{place}": {error.strerror or error}', MISTAKES)


def _write(found: Found, directory: Path, notes: Notes, *, force: bool, form: str) -> int:
    there = [name for name in texts(found) if (directory / name).exists()]
    if there and not force:
        more = f" and {len(there) - 3} more" if len(there) > 3 else ""  # noqa: PLR2004
        return _refuse(f"{', '.join(there[:3])}{more} would be replaced; --force does so", USAGE)
    files = settle(found, directory, notes)
    write_all(directory, files)
    verdict = _check(found, directory)
    if form == "json":
        sys.stdout.write(as_json(notes.sorted(), list(files), clean=verdict.clean))
    _tell(found, directory, files, notes, verdict)
    return CLEAN if verdict.clean else MISTAKES


def _check(found: Found, directory: Path) -> Verdict:
    checked = [outcome for _, outcome in outcomes(found, directory)]
    findings = (finding for outcome in checked for finding in outcome.diagnostics)
    unchecked = max(outcome.counts.not_checked for outcome in checked)
    return Verdict(tidy(findings, display_name(checked[0].path)), unchecked)


def _tell(
    found: Found, directory: Path, files: dict[str, str], notes: Notes, verdict: Verdict
) -> None:
    from espnet3_compiler.output import human

    shown = display_name(directory)
    manifests = [manifest_name(found, training) for training in found.trainings]
    configs = len(files) - len(manifests)
    _say(f"wrote {', '.join(manifests)} and {configs} configs in {FOLDER}, in {shown}")
    every = notes.sorted()
    _say(as_text(note for note in every if note.kind != MOVED).rstrip("\n"))
    moved = sum(note.kind == MOVED for note in every)
    if moved:
        _say(f"\n{moved} more keys stand elsewhere now; --format json lists them")
    for finding in verdict.findings:
        _say("\n" + human.render_one(finding))
    _say("\n" + "\n".join(_remarks(found, shown, verdict)))


def _remarks(found: Found, shown: str, verdict: Verdict) -> list[str]:
    lines = []
    if others := spare(found):
        lines.append("configs that no manifest names go in by flag:")
        lines += [f"  python build/run.py --{role}_config {name}" for role, name in others]
    if found.others["publication"] or found.others["demo"]:
        lines.append("uploads are dry runs until you take dry_run: true out of their configs")
    if verdict.unchecked:
        lines.append(
            f"{plural(verdict.unchecked, 'target')} could not be looked at "
            "(is ESPnet importable here?); check again where it is"
        )
    if not verdict.clean:
        return [*lines, "not clean yet: mend what is reported above"]
    return [*lines, f"next: espnet3-compile {MAIN if shown == '.' else f'{shown}/{MAIN}'}"]


def _unreadable(findings: list[Diagnostic]) -> int:
    from espnet3_compiler.output import human

    for finding in findings:
        _say(human.render_one(finding) + "\n")
    return _refuse("nothing was written", MISTAKES)


def _refuse(message: str, code: int) -> int:
    _say(f"error: {message}")
    return code


def _say(text: str) -> None:
    if text:
        print(text, file=sys.stderr)
