"""From an exception of user code to one sentence, the place in that code, and its sizes."""

import re
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from espnet3_runtime.deep.protocol import Answers, RecipeLocation, UnprobedError
from espnet3_runtime.errors import InstantiateError, UserError

FAILURES = (Exception, SystemExit)
"""What user code may raise; Ctrl-C is no failure of it."""

_NUMBER = re.compile(r"(?<![\w.])\d+(?:x\d+)*(?![\w.]*\w)")
_LEAST = 4
_LONGEST = 300
_MEMORY = ("can't allocate memory", "Cannot allocate memory", "not enough memory")


@dataclass(frozen=True)
class ErrorOrigin:
    """What went wrong.

    Attributes:
        text: Class and message of the original exception, one line.
        notes: Where it was raised, in the recipe's code.
        help: What a message of the runtime advises.
        where: The key path that a message of the runtime names.
        numbers: Sizes that the message names.
    """

    text: str
    notes: tuple[str, ...]
    help: tuple[str, ...]
    where: str
    numbers: tuple[int, ...]


def find_origin(error: BaseException, recipe_dir: Path) -> ErrorOrigin:
    """Take an exception apart."""
    cause = error
    where, hint = "", ""
    while isinstance(cause, UserError):
        where, hint = cause.where or where, cause.hint or hint
        if not isinstance(cause, InstantiateError) or cause.__cause__ is None:
            break
        cause = cause.__cause__
    told = cause.message if isinstance(cause, UserError) else str(cause)
    line = " ".join(told.split())[:_LONGEST]
    text = line if isinstance(cause, UserError) else f"{type(cause).__name__}: {line}".rstrip(": ")
    frames = (_recipe_frame(link, recipe_dir) for link in exception_chain(cause))
    place = next(filter(None, frames), "")
    return ErrorOrigin(
        text, (place,) if place else (), (hint,) if hint else (), where, _find_sizes(line)
    )


def raise_unprobed(error: BaseException, answers: Answers, before: int, what: str) -> None:
    """Raise :class:`UnprobedError` where an exception says nothing about the recipe.

    Args:
        error: The exception.
        answers: Knows of refused connections.
        before: How many there were before the attempt.
        what: What was attempted.
    """
    if isinstance(error, UnprobedError):
        raise error
    if answers.network.refused > before:
        raise UnprobedError(f"{what}: it needs the network") from error
    for link in exception_chain(error):
        if isinstance(link, MemoryError) or any(text in str(link) for text in _MEMORY):
            raise UnprobedError(f"{what}: it needs more memory than is allowed") from error


def exception_chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and what led to it."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _recipe_frame(error: BaseException, recipe_dir: Path) -> str:
    """Return the last frame that is code of the recipe."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_absolute() and path.is_relative_to(recipe_dir):
            shown = path.relative_to(recipe_dir).as_posix()
            return f"raised at {shown}:{frame.lineno} in {frame.name}"
    if isinstance(error, SyntaxError) and error.filename:
        return f"raised at {error.filename}:{error.lineno}"
    return ""


def _find_sizes(text: str) -> tuple[int, ...]:
    found = (int(part) for match in _NUMBER.findall(text) for part in match.split("x"))
    return tuple(dict.fromkeys(number for number in found if number >= _LEAST))


def report_error(
    answers: Answers,
    code: str,
    place: RecipeLocation,
    what: str,
    found: ErrorOrigin,
    label: str = "",
) -> None:
    """Report an error that was taken apart.

    Args:
        answers: Takes the finding.
        code: The number of the finding, for example ``R909``.
        place: The setting that it is about.
        what: What was attempted and failed.
        found: The error, taken apart.
        label: What stands below the marked setting.
    """
    answers.report_finding(
        code,
        place,
        f"{what}: {found.text}",
        label=label,
        help_=found.help,
        notes=found.notes,
        numbers=found.numbers,
    )
