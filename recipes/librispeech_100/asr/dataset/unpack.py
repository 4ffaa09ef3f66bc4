"""Unpacks an archive of LibriSpeech: only names of its own layout become files."""

import re
import shutil
import tarfile
import zlib
from pathlib import Path

from tqdm import tqdm

from espnet3_runtime.errors import UserError

_NAME = r"(?:\./)?LibriSpeech/{part}/(\d+)/(\d+)/(\d+-\d+(?:-\d+\.flac|\.trans\.txt))"


def unpack(archive: Path, part: str, root: Path) -> None:
    """Write ``<root>/<part>/<speaker>/<chapter>/…``; the part appears whole or not at all.

    Raises:
        UserError: The archive is damaged, or holds nothing of the part.
    """
    work = root / f".unpacking-{part}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        count = _write(archive, re.compile(_NAME.format(part=re.escape(part))), work, part)
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        shutil.rmtree(work, ignore_errors=True)
        raise UserError(f'"{archive}" cannot be unpacked: {error}') from None
    if count == 0:
        raise UserError(f'"{archive}" holds nothing of LibriSpeech/{part}')
    work.replace(root / part)


def _write(archive: Path, name: re.Pattern[str], work: Path, part: str) -> int:
    count = 0
    with tarfile.open(archive, "r:gz") as file:
        for member in tqdm(file, desc=f"unpack {part}", unit="file", mininterval=2.0):
            found = name.fullmatch(member.name)
            if found is None or not member.isreg():
                continue
            stream = file.extractfile(member)
            assert stream is not None
            target = work / found[1] / found[2] / found[3]
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as written:
                shutil.copyfileobj(stream, written)
            count += 1
    return count
