"""The phones of an utterance and when each ends, as eSpeak NG says while it speaks.

Interface: ``espeak_EVENT`` in ``speak_lib.h`` of eSpeak NG 1.52.
"""

import ctypes
from dataclasses import dataclass
from itertools import pairwise

from .synthesis import ENGINE_RATE, SAMPLE_RATE, speak
from .utterance import Utterance

BOUNDARY = "|"
PAUSE = "_"
_LAST, _WORD, _PHONE = 0, 1, 7


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("phone", ctypes.c_char * 8),  # of a union: the name of a phone
    )


@dataclass(frozen=True)
class Phones:
    """What was said when.

    Attributes:
        text: The phones with ``|`` between words; a pause ``_`` before the first word and after
            the last one.
        durations: Of each phone, in samples at 16 kHz; as long as the audio together.
    """

    text: str
    durations: list[int]


def align(utterance: Utterance, samples: int) -> Phones:
    """Return the phones of an utterance.

    Args:
        utterance: What is spoken.
        samples: Length of its audio at 16 kHz, silence before and after included.
    """
    words: list[list[str]] = []
    starts: list[int] = []
    for event in _listen(utterance):
        name = event.phone.decode()
        if event.type == _WORD:
            words.append([])
        elif event.type == _PHONE and words and not name.startswith(PAUSE):
            words[-1].append(name)
            starts.append(_at_16_khz(event.sample, utterance))
        elif event.type == _PHONE and len(starts) == sum(map(len, words)):
            starts.append(_at_16_khz(event.sample, utterance))  # the pause at the end
    spoken = sum(map(len, words))
    edges = [0, *starts[: spoken + 1], samples]
    durations = [end - start for start, end in pairwise(edges)]
    text = f" {BOUNDARY} ".join(" ".join(word) for word in [[PAUSE], *words, [PAUSE]])
    return Phones(text, durations)


def _listen(utterance: Utterance) -> list[_Event]:
    found: list[_Event] = []

    def hear(address: int) -> None:
        size = ctypes.sizeof(_Event)
        while (event := _Event.from_buffer_copy(ctypes.string_at(address, size))).type != _LAST:
            found.append(event)
            address += size

    speak(utterance, hear)
    return found


def _at_16_khz(sample: int, utterance: Utterance) -> int:
    return round(utterance.lead * SAMPLE_RATE) + sample * SAMPLE_RATE // ENGINE_RATE
