"""Files of frame labels: ``utt_id 17 17 4 …``, one item a line."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from espnet3_runtime.atomic import atomic_file
from espnet3_runtime.data.batching import Ints
from espnet3_runtime.errors import UserError

SUFFIX = ".txt"


def write_frame_labels(path: Path, items: Iterable[tuple[str, Ints]]) -> None:
    """Write the labels of a split, complete or not at all.

    Args:
        path: The file, ``<split>.txt``.
        items: ``(utt_id, labels)`` pairs; labels are of shape ``(frames,)``.

    Raises:
        UserError: An id has white space in it, or appears twice.
    """
    seen = set[str]()
    with atomic_file(path) as file:
        for utt_id, labels in items:
            if utt_id.split() != [utt_id] or utt_id in seen:
                raise UserError(
                    f'"{utt_id}" appears twice, or is no word: labels could not be found by it',
                    hint='give every sample a "utt_id" of its own, one word',
                )
            seen.add(utt_id)
            file.write(f"{utt_id} {' '.join(map(str, labels.tolist()))}\n")


def read_frame_labels(directory: Path) -> dict[str, str]:
    """Return the labels in all files of a directory by utterance id, as they are written there.

    Raises:
        UserError: There are none, or two files have other labels for one id.
    """
    lines: dict[str, str] = {}
    for path in sorted(directory.glob(f"*{SUFFIX}")):
        with path.open(encoding="utf-8") as file:
            for line in file:
                utt_id, _, labels = line.rstrip("\n").partition(" ")
                if lines.setdefault(utt_id, labels) != labels:
                    raise UserError(
                        f'{path} has other labels for "{utt_id}" than a file before it',
                        hint='give every sample of all splits a "utt_id" of its own',
                    )
    if not lines:
        raise UserError(f'there are no labels in "{directory}"', hint="run the stage cluster first")
    return lines


def parse_labels(text: str) -> Ints:
    """Return the labels of an item, shape ``(frames,)``."""
    return np.array(text.split(), dtype=np.int64)
