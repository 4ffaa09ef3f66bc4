"""From an exception of user code to one sentence, the location in that code, and its sizes."""

import re
import traceback
from dataclasses import dataclass
from pathlib import Path

from espnet3_runtime.errors import InstantiateError, UserError, exception_chain
from espnet3_runtime.preflight.protocol import Answers, UnprobedError

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
    """Follow an exception to its origin."""
    cause = error
    where, hint = "", ""
    while isinstance(cause, UserError):
        where, hint = cause.where or where, cause.hint or hint
        if not isinstance(cause, InstantiateError) or cause.__cause__ is None:
            break
        cause = cause.__cause__
    message = cause.message if isinstance(cause, UserError) else str(cause)
    line = " ".join(message.split())[:_LONGEST]
    text = line if isinstance(cause, UserError) else f"{type(cause).__name__}: {line}".rstrip(": ")
    frames = (_recipe_frame(link, recipe_dir) for link in exception_chain(cause))
    frame = next(filter(None, frames), "")
    sizes = (int(part) for match in _NUMBER.findall(line) for part in match.split("x"))
    numbers = tuple(dict.fromkeys(size for size in sizes if size >= _LEAST))
    return ErrorOrigin(text, (frame,) if frame else (), (hint,) if hint else (), where, numbers)


def raise_unprobed(error: BaseException, answers: Answers) -> None:
    """Raise :class:`UnprobedError` where the failure of a step says nothing about the recipe."""
    if isinstance(error, UnprobedError):
        raise error
    if answers.network.refused > answers.refused_before:
        raise UnprobedError(f"{answers.current_step}: it needs the network") from error
    excuse = answers.excuse(error)
    if excuse:
        raise UnprobedError(f"{answers.current_step}: {excuse}") from error
    for link in exception_chain(error):
        if isinstance(link, MemoryError) or any(text in str(link) for text in _MEMORY):
            message = f"{answers.current_step}: it needs more memory than is allowed"
            raise UnprobedError(message) from error


def recipe_files(error: BaseException, recipe_dir: Path) -> set[str]:
    """Return the files of the recipe that an exception went through."""
    frames = (
        frame
        for link in exception_chain(error)
        for frame in traceback.extract_tb(link.__traceback__)
    )
    return {frame.filename for frame in frames if Path(frame.filename).is_relative_to(recipe_dir)}


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
