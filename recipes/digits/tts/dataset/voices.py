"""One voice, and what it says: a corpus plan that is a pure function of its seed."""

import random

from .utterance import Utterance

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SHORTEST_TEST = 5
"""Words in the shortest test texts; shorter ones would often be training texts too."""


def plan(split: str, count: int, seed: int, longest: int) -> list[Utterance]:
    """Return the utterances of a split (train, valid or test), of up to ``longest`` words."""
    rng = random.Random(f"{seed} {split}")
    shortest = min(SHORTEST_TEST, longest) if split == "test" else 1
    return [_draw(split, index, rng.randint(shortest, longest), rng) for index in range(count)]


def _draw(split: str, index: int, words: int, rng: random.Random) -> Utterance:
    return Utterance(
        utt_id=f"f2_{split}{index:05d}",
        text=" ".join(rng.choice(DIGITS) for _ in range(words)),
        accent="en-us",
        variant="f2",
        rate=160,
        pitch=50,
        pitch_range=50,
        word_gap=0,
        lead=0.1,
        tail=0.1,
        snr=40.0,
        seed=rng.getrandbits(31),
    )
