"""What of an item's outputs can be drawn: an alignment with time, and a matrix (attention).

An output is taken for what it looks like: a JSON file with a list of segments, as CTC alignments
and the turns of speakers are, or a ``.npy`` file with two axes.  A segment is
``[start, end, label]`` or a mapping with start, end, and text or speaker; times are in seconds.
"""

import base64
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MOST_SEGMENTS = 400
_MOST_ROWS, _MOST_COLUMNS = 80, 240
"""Cells of a drawn matrix; a larger one is thinned by taking the largest value of each cell."""
_AXES = 2


def read_pictures(directory: Path, files: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the outputs of an item that can be drawn.

    Args:
        directory: The results of ``infer`` for a test set.
        files: The files of the item by output, relative to the directory.

    Returns:
        For each the ``name`` of the output, and ``segments``, or the ``shape`` of a matrix that may
        be thinned, its ``values`` (bytes row by row in base64, 255 the largest) and the ``range``
        that they stand for.
    """
    drawn = ((name, _read_picture(directory / file)) for name, file in sorted(files.items()))
    return [{"name": name, **picture} for name, picture in drawn if picture]


def _read_picture(path: Path) -> dict[str, Any]:
    """Return what a file shows; nothing where it cannot be read or is nothing to draw."""
    try:
        if path.suffix == ".json":
            segments = _read_segments(json.loads(path.read_text(encoding="utf-8")))
            return {"segments": segments} if segments else {}
        if path.suffix == ".npy":
            return _draw_matrix(np.load(path, allow_pickle=False, mmap_mode="r"))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        pass
    return {}


def _read_segments(value: Any) -> list[tuple[float, float, str]]:
    if not isinstance(value, list):
        return []
    segments = [_read_segment(one) for one in value]
    fits = all(0 <= start <= end < math.inf for start, end, _ in segments)
    return segments[:_MOST_SEGMENTS] if fits else []


def _read_segment(one: Any) -> tuple[float, float, str]:
    if isinstance(one, Mapping):
        label = one.get("text", one.get("speaker", ""))
        return float(one["start"]), float(one["end"]), str(label)
    start, end, label = one
    return float(start), float(end), str(label)


def _draw_matrix(values: NDArray[Any]) -> dict[str, Any]:
    if values.ndim != _AXES or not values.size or values.dtype.kind not in "fiub":
        return {}
    cells = _thin(_thin(np.asarray(values, np.float64), 0, _MOST_ROWS), 1, _MOST_COLUMNS)
    if not np.isfinite(cells).all():
        return {}
    low, high = float(cells.min()), float(cells.max())
    grey = np.rint((cells - low) * (255 / ((high - low) or 1))).astype(np.uint8)
    return {
        "shape": list(cells.shape),
        "range": [low, high],
        "values": base64.b64encode(grey.tobytes()).decode(),
    }


def _thin(cells: NDArray[np.float64], axis: int, most: int) -> NDArray[np.float64]:
    length = cells.shape[axis]
    if length <= most:
        return cells
    starts: Sequence[int] = [number * length // most for number in range(most)]
    return np.maximum.reduceat(cells, starts, axis=axis)
