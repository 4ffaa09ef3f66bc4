"""Which attempt the files in a stage's directory belong to.

An attempt that must not continue an earlier one sets a mark before its receipt says that it runs,
and removes the mark once it has cleared away what the earlier one left.  Killed in between, the
next attempt has the very same inputs, and yet what lies there was made from others; the mark says
so.
"""

from pathlib import Path

from espnet3_runtime.atomic import sync_directory

_MARK = ".afresh"


def demand(directory: Path) -> None:
    """Say that what lies in a stage's directory must not be continued."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / _MARK).touch()
    sync_directory(directory)


def is_demanded(directory: Path) -> bool:
    """Say whether what lies in a stage's directory must not be continued."""
    return (directory / _MARK).exists()


def fulfil(directory: Path) -> None:
    """Say that nothing of an earlier attempt is left in a stage's directory."""
    (directory / _MARK).unlink(missing_ok=True)
