"""Keep summaries of Python files between runs; the folder is safe to delete at any time.

There is one small file for each Python file, named by the hash of its path: lines of JSON, one for
each name that the module binds, as few of them are asked for. It is used only for the bytes that it
was made from (their number, and the hash by which Python knows a source, PEP 552), this version of
the format and this version of Python; all other files in the folder, and those that a checksum
finds damaged, are ignored and written over.

The folder is ``$ESPNET3_COMPILE_CACHE`` (``off`` keeps nothing), else ``espnet3-compile`` in the
user's cache folder: ``$XDG_CACHE_HOME`` or ``~/.cache``, ``~/Library/Caches`` on macOS,
``%LOCALAPPDATA%`` on Windows.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import source_hash
from pathlib import Path
from zlib import crc32

from msgspec.json import decode, encode

from espnet3_compiler.filesystem import read_bytes, write_atomically

CACHE_VARIABLE = "ESPNET3_COMPILE_CACHE"
MAX_RECORDS = 4096
"""How many records are kept; with more, the oldest are removed down to three quarters."""

_FORMAT = f"11-py{sys.version_info[0]}.{sys.version_info[1]}"


def default_folder(environment: Mapping[str, str], platform: str = sys.platform) -> Path | None:
    """Return the cache folder for an environment; None where caching is off."""
    own = environment.get(CACHE_VARIABLE)
    if own is not None:
        return None if own.strip().lower() in ("", "0", "off") else Path(own).absolute()
    home = environment.get("HOME") or environment.get("USERPROFILE")
    base = environment.get("LOCALAPPDATA" if platform == "win32" else "XDG_CACHE_HOME")
    if not base and not home:
        return None
    if base and Path(base).is_absolute():
        return Path(base, "espnet3-compile")
    tail = ("Library", "Caches") if platform == "darwin" else (".cache",)
    return Path(home, *tail, "espnet3-compile") if home else None


def digest(content: bytes) -> str:
    """Return the key of a file's content."""
    return source_hash(content).hex()


def load(folder: Path, file: str, key: str, size: int) -> list[bytes] | None:
    """Return the lines that are kept of a file with that content, or None.

    Args:
        folder: The cache folder.
        file: The path of the Python file.
        key: The digest of its content.
        size: The size of the file in bytes.
    """
    try:
        head, _, body = read_bytes(_record_path(folder, file)).partition(b"\n")
        known = decode(head) == [_FORMAT, file, key, size, crc32(body)]
    except (OSError, ValueError, RecursionError):
        return None
    return body.split(b"\n") if known else None


def save(folder: Path, file: str, key: str, size: int, lines: Sequence[bytes]) -> None:
    """Write lines about a file atomically; do nothing where the folder cannot be written.

    Args:
        folder: The cache folder.
        file: The path of the Python file.
        key: The digest of its content.
        size: The size of the file in bytes.
        lines: What is kept.
    """
    body = b"\n".join(lines)
    target = Path(_record_path(folder, file))
    with suppress(OSError, UnicodeEncodeError):  # the name of the file may be no text
        head = encode([_FORMAT, file, key, size, crc32(body)])
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, head + b"\n" + body)


def prune(folder: Path, limit: int = MAX_RECORDS) -> None:
    """Remove the oldest records when there are more than ``limit``."""
    try:
        files = [item for item in (folder / "signatures").iterdir() if item.is_file()]
        if len(files) <= limit:
            return
        files.sort(key=lambda item: item.stat().st_mtime_ns)
        for item in files[: len(files) - limit * 3 // 4]:
            item.unlink(missing_ok=True)
    except OSError:
        return


def _record_path(folder: Path, file: str) -> str:
    name = source_hash(os.fsencode(file)).hex()
    return f"{folder}{os.sep}signatures{os.sep}{name}.json"
