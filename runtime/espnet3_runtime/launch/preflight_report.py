"""Say what the preflight found, as the compiler says it."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import chdir
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, TypeGuard

from espnet3_runtime.build.lock import Build
from espnet3_runtime.launch import console
from espnet3_runtime.launch.arguments import Arguments
from espnet3_runtime.process.redact import redact, secret_values
from espnet3_runtime.system import StageContractError, System
from espnet3_schemas.exit_codes import CLEAN, MISTAKES

Answer = Mapping[str, Any]
_SYSTEM = {"owner": ["recipe", "system"], "path": [], "stage": None}
_DERIVE = "derive it from espnet3_runtime.systems.base.BaseSystem, or write base or asr"


class Report(Protocol):
    """The compiler's report of findings."""

    def __call__(
        self,
        build: Path,
        config_files: Mapping[str, Path],
        sets: Sequence[str],
        answers: Sequence[Answer],
        form: str,
    ) -> str:
        """Return the report in a format, with each finding at its place."""


@dataclass(frozen=True)
class AnswerReport:
    """Says what the preflight answers.

    Attributes:
        build: The compiled recipe.
        arguments: The command line.
        render: The compiler's report; without it there are no places.
        start: The directory that ``run.py`` was started in, from which the report names files.
    """

    build: Build
    arguments: Arguments
    render: Report | None
    start: Path

    def show(self, answers: Sequence[Answer]) -> int:
        """Print what stops the stages, for ``--preflight`` all answers; return the exit code."""
        asked = self.arguments.preflight
        for answer in answers:
            if answer["kind"] == "unfinished" or (answer["kind"] == "note" and asked):
                print(f"  not looked at: {answer['text']}", file=sys.stderr)
        found = [answer for answer in answers if answer["kind"] == "finding"]
        code = CLEAN if all(answer["warns"] for answer in found) else MISTAKES
        if code or asked:
            self._show_findings(found)
        return code

    def _show_findings(self, found: Sequence[Answer]) -> None:
        if self.render is None:
            for answer in found:
                lines = [f"error: {answer['message']}", *(f"  help: {x}" for x in answer["help"])]
                console.print_problem("\n".join(lines))
            return
        given, form = self.arguments, self.arguments.format
        with chdir(self.start):
            text = self.render(self.build.directory, given.config_files, given.sets, found, form)
        sys.stdout.flush()
        stream = sys.stdout if form == "json" else sys.stderr
        stream.write(redact(text, secret_values()))
        stream.flush()


def is_system(found: type[System] | Exception) -> TypeGuard[type[System]]:
    """Say whether what ``build/system.py`` gave is a System."""
    return isinstance(found, type) and issubclass(found, System)


def system_answer(found: type | Exception, build: Build) -> Answer:
    """Return the finding about what ``build/system.py`` gave, which is no System."""
    from espnet3_runtime.preflight.origin.error_origin import find_origin

    code, help_, place = "R206", [_DERIVE], None
    text = f'"{build.system}" is no System'
    if isinstance(found, StageContractError):
        text, help_ = str(found), []
    elif isinstance(found, Exception) and not _stands_in_system(found, build):
        origin = find_origin(found, build.recipe_dir)
        code, help_ = "R901", []
        text = f"importing {build.system} fails: {origin.text}"
        place = asdict(origin.place) if origin.place else None
    about = {"message": text, "label": "", "help": help_, "notes": [], "numbers": []}
    is_own = place is not None and Path(place["file"]).resolve().parent != build.directory
    where = {"place": place if is_own else None, "in_code": True, "warns": False}
    return {"kind": "finding", "code": code, **about, **where, **_SYSTEM}


def _stands_in_system(error: Exception, build: Build) -> bool:
    """Say whether Python cannot derive a class from what is named."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    code = frame.tb_frame.f_code if frame is not None else None
    is_there = code is not None and Path(code.co_filename).resolve().parent == build.directory
    return isinstance(error, TypeError) and is_there
