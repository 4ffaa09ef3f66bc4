"""Who speaks when: segments with speakers, as RTTM or JSON, in a text or in a file."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from espnet3_runtime.errors import UserError

_RTTM_FIELDS = 8
"""Of a line of a speaker, up to the name; what follows it says nothing about who speaks when."""
_RTTM_SUFFIX, _JSON_SUFFIX = ".rttm", ".json"


class Segment(NamedTuple):
    """A piece of speech: the speaker, and its start and end in seconds."""

    speaker: str
    start: float
    end: float


def read_segments(value: str, utt_id: str) -> list[Segment]:
    """Return the segments of one recording.

    Args:
        value: RTTM, whose lines may stand in one line; JSON, a list of ``[start, end, speaker]`` or
            of mappings with these keys; or the path of a file with one of them (``.rttm``,
            ``.json``).  An empty text has no segments.
        utt_id: The recording; of an RTTM file with several, only its lines are read.

    Raises:
        UserError: The value is none of these, or a segment has no speaker or no possible times.
    """
    text = value.strip()
    if text.endswith((_RTTM_SUFFIX, _JSON_SUFFIX)) and not text.startswith("SPEAKER "):
        text = _read_file(Path(text), utt_id)
    is_json = text.startswith("[")
    try:
        return list(_read_json(text) if is_json else _read_rttm(text, utt_id))
    except (ValueError, TypeError) as error:
        kind = "JSON" if is_json else "RTTM"
        raise UserError(
            f'the segments of "{utt_id}" cannot be read as {kind}: {error}',
            hint="give RTTM lines, JSON such as [[0.0, 1.5, A]] with quoted names, "
            "or the path of an .rttm or .json file",
        ) from error


def _read_file(path: Path, utt_id: str) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f'the segments of "{utt_id}" cannot be read: {error}') from error


def _read_json(text: str) -> Iterator[Segment]:
    for item in json.loads(text):
        if isinstance(item, Mapping):
            missing = {"start", "end", "speaker"} - item.keys()
            if missing:
                raise ValueError(f"a segment has no {', '.join(sorted(missing))}")
            yield _checked(item["start"], item["end"], item["speaker"])
        else:
            start, end, speaker = item
            yield _checked(start, end, speaker)


def _read_rttm(text: str, utt_id: str) -> Iterator[Segment]:
    found = [line.split() for line in re.split(r"\s+(?=SPEAKER\s)|\n", text) if line.strip()]
    if found and found[0][0] not in ("SPEAKER", "SPKR-INFO") and not found[0][0].startswith(";"):
        raise ValueError(f'"{" ".join(found[0])[:40]}" is no line of it')
    lines = [fields for fields in found if fields[0] == "SPEAKER"]
    for fields in lines:
        if len(fields) < _RTTM_FIELDS:
            raise ValueError(f'"{" ".join(fields)}" has fewer than {_RTTM_FIELDS} fields')
    recordings = {fields[1] for fields in lines}
    if len(recordings) > 1 and utt_id not in recordings:
        raise ValueError(f"it has {len(recordings)} recordings, and this one is not among them")
    for _, recording, _, start, duration, _, _, speaker, *_ in lines:
        if len(recordings) == 1 or recording == utt_id:
            yield _checked(start, float(start) + float(duration), speaker)


def _checked(start: Any, end: Any, speaker: Any) -> Segment:
    if speaker is None or not str(speaker).strip():
        raise ValueError("a segment has no speaker")
    segment = Segment(str(speaker), float(start), float(end))
    if not 0 <= segment.start <= segment.end < math.inf:
        raise ValueError(f"a segment goes from {segment.start} s to {segment.end} s")
    return segment
