"""The plan of digits/asr, spoken almost without noise: the clean side of each pair."""

from dataclasses import replace

from .plan import plan as plan_digits
from .utterance import Utterance

CLEAN = 60.0
"""Speech to noise of the clean recordings, in dB."""


def plan(split: str, count: int, seed: int, longest: int) -> list[Utterance]:
    """Return the utterances of a split (train, valid or test), of up to ``longest`` words.

    Args:
        split: The voices of the three are disjoint, as in digits/asr.
        count: How many.
        seed: With that of digits/asr, what is said and by whom is what is said there.
        longest: Words in the longest utterances.
    """
    return [replace(one, snr=CLEAN) for one in plan_digits(split, count, seed, longest)]
