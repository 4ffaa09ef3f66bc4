"""From an exception of user code to one sentence, the location in that code, and its sizes."""

import re
from dataclasses import dataclass
from pathlib import Path

from espnet3_runtime.errors import InstantiateError, UserError, exception_chain
from espnet3_runtime.preflight.origin.code_place import place_of_error
from espnet3_runtime.preflight.protocol import Answers, CodePlace, UnprobedError

FAILURES = (Exception, SystemExit)
"""What user code may raise; Ctrl-C is no failure of it."""

_NUMBER = re.compile(r"(?<![\w.])\d+(?:x\d+)*(?![\w.]*\w)")
_LEAST = 4
_LONGEST = 300
_MEMORY = ("can't allocate memory", "Cannot allocate memory", "not enough memory")
_OFFLINE = re.compile(
    r"OfflineModeIsEnabled|LocalEntryNotFoundError|HF_HUB_OFFLINE|offline mode"
    r"|couldn't connect to '?https?://|Couldn't reach .* on the Hub|cannot find the requested files"
)
"""What libraries say that may download nothing here and found no copy."""


@dataclass(frozen=True)
class ErrorOrigin:
    """What went wrong.

    Attributes:
        text: Class and message of the original exception, one line.
        place: Where it was raised, in the recipe's code.
        help: What a message of the runtime advises.
        where: The key path that a message of the runtime names.
        numbers: Sizes that the message names.
    """

    text: str
    place: CodePlace | None
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
    places = (place_of_error(link, recipe_dir) for link in exception_chain(cause))
    sizes = (int(part) for match in _NUMBER.findall(line) for part in match.split("x"))
    numbers = tuple(dict.fromkeys(size for size in sizes if size >= _LEAST))
    place = next(filter(None, places), None)
    return ErrorOrigin(text, place, (hint,) if hint else (), where, numbers)


def raise_unprobed(error: BaseException, answers: Answers) -> None:
    """Raise :class:`UnprobedError` where the failure of a step says nothing about the recipe."""
    if isinstance(error, UnprobedError):
        raise error
    if answers.network.refused > answers.refused_before:
        raise UnprobedError(f"{answers.current_step}: {answers.network.need}") from error
    links = exception_chain(error)
    if any(_OFFLINE.search(f"{type(link).__name__}: {link}") for link in links):
        raise UnprobedError(f"{answers.current_step}: it needs the network") from error
    excuse = answers.excuse(error)
    if excuse:
        raise UnprobedError(f"{answers.current_step}: {excuse}") from error
    if needs_memory(error):
        message = f"{answers.current_step}: it needs more memory than is allowed"
        raise UnprobedError(message) from error


def needs_memory(error: BaseException) -> bool:
    """Return whether something failed for lack of memory."""
    return any(
        isinstance(link, MemoryError) or any(text in str(link) for text in _MEMORY)
        for link in exception_chain(error)
    )
