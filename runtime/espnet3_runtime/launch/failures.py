"""The report of a failed stage: message, location, and the recipe's frames of the traceback."""

import errno
import os
import re
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import espnet3_runtime
from espnet3_runtime.atomic import free_bytes, is_full
from espnet3_runtime.errors import UserError, exception_chain, find_refusal

Locate = Callable[[Path, str], str | None]
"""Gives the location of a stage in the manifest, ``recipe.yaml:31:5``, from a build and a name."""

_OURS = Path(espnet3_runtime.__file__).parent
_STANDARD = Path(os.__file__).parent
_INSTALLED = {"site-packages", "dist-packages"}


def summarize_error(error: BaseException) -> str:
    """Return one line for receipts and tables."""
    known = _environment_error(error)
    if known is not None:
        return known.message
    if isinstance(error, UserError):
        return error.message.splitlines()[0]
    worker = _IN_WORKER.search(str(error))
    if worker:
        return worker["message"]
    text = str(error).splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__


def explain_error(error: BaseException, build: Path) -> str:
    """Return the message, and the traceback of code that is not ours where there is some.

    Args:
        error: What a stage raised.
        build: The build directory; its ``system.py`` counts as ours.

    A mistake in the recipe and a full disk are reported without a traceback; an exception from the
    recipe's code, or from a library that it called, with the frames of the recipe's code, or where
    there are none with those below ours.
    """
    known = _environment_error(error)
    if known is not None:
        return str(known)
    if isinstance(error, UserError):
        frames = _foreign_frames(error.__cause__, build)
        return f"{error}\n{frames}" if frames else str(error)
    frames = _foreign_frames(error, build)
    if frames:
        return f"{summarize_error(error)}\n{frames}"
    return "".join(traceback.format_exception(error)).rstrip()


def _environment_error(error: BaseException) -> UserError | None:
    """Return the message about an error of the machine or another process; None for others."""
    return disk_error(error) or _worker_error(error) or _peer_error(error)


class DiskError(UserError):
    """A disk is full, or a quota or a limit of file sizes is reached."""


def disk_error(error: BaseException, places: Sequence[Path] = ()) -> UserError | None:
    """Return the message for a disk that refused to write, whichever error a library raised.

    Args:
        error: What was raised.
        places: Where the stage writes.  Where the error names no file, the disk with the least room
            is meant, and if one of these is full, an error that gives no reason comes from that.
    """
    if isinstance(error, DiskError):
        return error
    found, why = find_refusal(error), ""
    if found is None:
        mute = isinstance(error, RuntimeError) or (isinstance(error, OSError) and not error.errno)
        full = [place for place in places if mute and is_full(place)]
        if not full and "No usable temporary directory" in str(error):
            full = [place for place in _SHARED if is_full(place)]
            if not full:
                hint = "set TMPDIR to one that can be written"
                return UserError("no directory takes temporary files", hint=hint)
        if not full:
            return None
        found = OSError(errno.ENOSPC, f"{type(error).__name__}: {error}".partition("\n")[0])
    name = found.filename2 or found.filename
    name = None if isinstance(name, int) else os.fsdecode(name or "")
    if found.errno in (errno.ENOSPC, 0):
        near = [Path(name).absolute().parent] if name else [*places, *_SHARED]
        disk = min(near, key=free_bytes).resolve()
        free = free_bytes(disk)
        while not disk.is_mount():
            disk = disk.parent
        why = f' (the disk at "{disk}" has {free} bytes free)'
    path = f' "{name}"' if name else ""
    way = _WAYS.get(found.errno or 0, "free some space")
    return DiskError(
        f"the disk refused to write{path}: {found.strerror}{why}",
        hint=f"{way}; no incomplete file is left, and the same command goes on",
    )


_WAYS = {errno.EFBIG: "raise the limit (ulimit -f)", errno.EROFS: "name another directory"}


def lost_a_worker(error: BaseException | None) -> bool:
    """Say whether an exception came from the death of a worker process."""
    return error is not None and _worker_error(error) is not None


def lost_a_rank(error: BaseException) -> bool:
    """Say whether an exception came from the end of another rank, which reports why."""
    return _peer_error(error) is not None


def _peer_error(error: BaseException) -> UserError | None:
    """Return the message for a training process that ended while this one waited for it."""
    errors = [one for one in exception_chain(error) if isinstance(one, RuntimeError)]
    if any(_NO_PEER.search(str(one)) for one in errors):
        return UserError(
            "another process of this training has ended",
            hint="its message, or the end of its log (…_rank1.log), says why",
        )
    return None


def _worker_error(error: BaseException) -> UserError | None:
    """Return the message for a killed or hanging worker process of a loader or a pool."""
    for one in exception_chain(error):
        late = _LATE_LOADER.match(str(one)) if isinstance(one, RuntimeError) else None
        if late:
            return UserError(
                f"no worker process of the loader made a batch within {late[1]} s",
                where="dataloader.timeout",
                hint="reading an item hangs, or takes longer: num_workers: 0 shows where",
            )
        found = _DEAD_LOADER.match(str(one)) if isinstance(one, RuntimeError) else None
        if found or type(one).__name__ == "BrokenProcessPool":
            how = f" by signal {found['signal']}" if found and found["signal"] else ""
            return UserError(
                f"a worker process was killed{how}",
                hint="often there is not enough memory: ask for fewer workers or smaller batches; "
                "the same command goes on from what was saved",
            )
    return None


_DEAD_LOADER = re.compile(
    r"DataLoader worker \(pid(\(s\))? [\d, ]+\) "
    r"(is killed by signal: (?P<signal>[^.]+)|exited unexpectedly)"
)
_LATE_LOADER = re.compile(r"DataLoader timed out after ([\d.]+) seconds")
_NO_PEER = re.compile(
    r"gloo.*(Connection (closed|reset) by peer|Connection refused|Broken pipe)"
    r"|NCCL.*(remote (process|peer)|aborted)|DDP.*(peer|rank).*(exited|died)",
    re.DOTALL,
)
_SHARED = (Path(os.environ.get("TMPDIR", "/tmp")), Path("/dev/shm"))  # noqa: S108 - only looked at


def stopped_by_signal(error: BaseException) -> bool:
    """Say whether an exception came from Ctrl-C or SIGTERM, directly or while cleaning up."""
    return any(isinstance(one, KeyboardInterrupt) for one in exception_chain(error))


def find_code_place(error: BaseException, build: Path, recipe_dir: Path) -> str | None:
    """Return the innermost line of the recipe's code that an exception went through.

    Args:
        error: What a stage raised.
        build: The build directory; its ``system.py`` counts as ours.
        recipe_dir: The start of the path that is returned, as in ``src/model.py:31``.
    """
    for link in (error, error.__cause__):
        frames = traceback.extract_tb(link.__traceback__) if link else []
        found = [frame for frame in frames if _is_of_user(frame.filename, build)]
        names = [f'File "{one.filename}", line {one.lineno}' for one in found[-1:]]
        for name, number in reversed(_FRAME.findall("\n".join([*names, *str(link).splitlines()]))):
            if _is_of_user(name, build):
                file = Path(name).resolve()
                inside = file.is_relative_to(recipe_dir.resolve())
                return f"{file.relative_to(recipe_dir.resolve()) if inside else file}:{number}"
    return None


_FRAME = re.compile(r'File "([^"]+)", line (\d+)')
_IN_WORKER = re.compile(
    r"^Caught (\w+) in .*worker process \d+\.\n(?P<frames>.*?^)(?P<message>\S*\1\b[^\n]*)",
    re.DOTALL | re.MULTILINE,
)
"""What torch makes of the message of an error in a worker: with all the frames there."""


def _foreign_frames(error: BaseException | None, build: Path) -> str:
    """Return the frames of the recipe's code, otherwise those below ours; empty without any."""
    if error is None:
        return ""
    worker = _IN_WORKER.search(str(error))
    if worker:
        return "".join([*_worker_frames(worker["frames"], build), worker["message"]]).rstrip()
    found = error.__traceback__
    while found is not None and _is_ours(found.tb_frame.f_code.co_filename, build):
        found = found.tb_next
    if found is None:
        return ""
    shown = traceback.TracebackException(type(error), error, found, compact=True)
    hidden = _hide_frames(shown, build)
    text = "".join(shown.format(chain=error.__cause__ is not None)).rstrip()
    frames = "1 other frame" if hidden == 1 else f"{hidden} other frames"
    return f"{text}\n  {frames}: see the log" if hidden else text


def _worker_frames(text: str, build: Path) -> Iterator[str]:
    """Yield the lines of a traceback, of its frames those of the recipe's code."""
    keep = True
    for line in text.splitlines(keepends=True):
        frame = _FRAME.match(line.strip())
        if frame or not line.startswith("    "):
            keep = frame is None or _is_of_user(frame[1], build)
        if keep:
            yield line.replace("Original Traceback", "Traceback")


def _hide_frames(shown: traceback.TracebackException, build: Path) -> int:
    """Leave only frames of the recipe's code, where there are some; return how many went."""
    kept = [frame for frame in shown.stack if _is_of_user(frame.filename, build)]
    if not kept:
        return 0
    hidden = len(shown.stack) - len(kept)
    shown.stack = traceback.StackSummary.from_list(kept)
    return hidden + (_hide_frames(shown.__cause__, build) if shown.__cause__ else 0)


def _is_of_user(name: str, build: Path) -> bool:
    """Return whether a file is code of the recipe, or of a package that is not installed."""
    if name.startswith("<") or _is_ours(name, build):
        return False
    path = Path(name)
    return not (_INSTALLED & set(path.parts) or path.is_relative_to(_STANDARD))


def _is_ours(name: str, build: Path) -> bool:
    file = Path(name)
    if name.startswith("<frozen importlib") or file.parent.name == "importlib":
        return True  # on the way to a module of the recipe, or to none
    return file.is_relative_to(_OURS) or file.resolve() in (build / "system.py", build / "run.py")
