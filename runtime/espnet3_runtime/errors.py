"""Errors of a run, and how their messages name a setting and a way out."""

import errno
import os
import re
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


class UserError(Exception):
    """A mistake in the recipe, its data or its environment; printed as one message.

    Raise it with a sentence that names the wrong value in double quotes and says what was
    expected.  A traceback is shown only of code of the recipe that caused it (``raise … from``).

    Attributes:
        message: The sentence.
        where: The key path of the config it is about, for example ``training.optimizer.lr``.
        hint: What to do about it.
    """

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        lines = [self.message]
        if self.where:
            lines.append(f"  config: {self.where}")
        if self.hint:
            lines.append(f"  help: {self.hint}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        """Keep every part when the error crosses a process boundary (Dask, DataLoader)."""
        return _rebuild_error, (type(self), self.message, self.where, self.hint)


class UsageError(UserError):
    """The command line is wrong; ``run.py`` exits with 2."""


class BuildError(UserError):
    """The build does not fit its sources, or a file of it is unreadable; compile again."""


class InstantiateError(UserError):
    """A ``_target_`` node could not become an object; ``__cause__`` is the original exception."""


class Stopped(Exception):  # noqa: N818 - it is no error
    """A stage saved its state and stopped on request (SIGTERM, Ctrl-C).

    A stage that polls ``context.stop_requested`` raises this after its checkpoint is on disk.
    The next run of the same command goes on from there.
    """


class UndeclaredRead(RuntimeError):  # noqa: N818 - a fault of this package
    """A stage reads a config key that its kind does not declare.

    The fingerprint of a stage covers exactly what it may read; add the key to ``reads`` there.
    """


def _rebuild_error(kind: type[UserError], message: str, where: str, hint: str) -> UserError:
    return kind(message, where=where, hint=hint)


@contextmanager
def no_early_end(what: str) -> Iterator[None]:
    """Make a :class:`UserError` of a ``StopIteration``, which a loop would take for its end."""
    try:
        yield
    except StopIteration as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        raise UserError(
            f'{what} raised StopIteration in "{frame.filename}", line {frame.lineno}',
            hint="next(…) of something empty raises it, and next(…, None) does not",
        ) from error


def exception_chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and what led to it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def find_refusal(error: BaseException | None) -> OSError | None:
    """Return the error of a full or read-only disk, a quota or a limit in what a library raised.

    Its number is 0 where the library tells only that a part was written.
    """
    found = None
    for one in exception_chain(error):
        if isinstance(one, OSError) and one.errno in REFUSALS:
            return one
        for code, words in REFUSALS.items():
            if found is None and re.search(words, str(one)):
                found = OSError(code, os.strerror(code) if code else "a part was written")
    return found


_TOO_LARGE = re.escape(os.strerror(errno.EFBIG))
REFUSALS = {
    errno.ENOSPC: re.escape(os.strerror(errno.ENOSPC)) + "|database or disk is full",
    errno.EDQUOT: re.escape(os.strerror(errno.EDQUOT)),
    errno.EROFS: re.escape(os.strerror(errno.EROFS)),
    # alone it may be about an upload; Python, torch and libraries in Rust add this
    errno.EFBIG: rf"\[Errno \d+\] {_TOO_LARGE}|failed with {_TOO_LARGE}|{_TOO_LARGE} \(os error",
    0: r"PytorchStreamWriter failed writing|unexpected pos \d+ vs \d+"
    r"|\d+ requested and \d+ written",
}
"""Numbers of such errors, and texts in which libraries (torch, numpy, sqlite, …) hide them."""


def nearest(name: str, candidates: Sequence[str]) -> str | None:
    """Return the candidate that ``name`` was probably meant to be, or None."""
    from difflib import get_close_matches

    lowered = {candidate.lower(): candidate for candidate in candidates}
    close = get_close_matches(name.lower(), lowered, n=1, cutoff=0.6)
    return lowered[close[0]] if close else None


def did_you_mean(name: str, candidates: Sequence[str]) -> str:
    """Return a hint: the nearest candidate, otherwise all of them."""
    close = nearest(name, candidates)
    if close is not None:
        return f'did you mean "{close}"?'
    return f"choose from: {', '.join(candidates)}" if candidates else ""
