"""Who speaks what: Klatt voices, an accent, and words that digits/asr never had."""

import random
from dataclasses import dataclass

WORDS = (
    *("zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("double", "triple", "hundred"),
)
ACCENT = "en-029"
"""Caribbean English, which the training set of digits/asr does not have."""

VARIANTS = {
    "train": ("klatt", "klatt3", "klatt6"),
    "valid": ("klatt4",),
    "test": ("klatt2", "klatt5"),
}
"""Formant synthesis with another source (Klatt 1980): buzzy, unlike any voice of digits/asr."""


@dataclass(frozen=True)
class Utterance:
    """One utterance to synthesise; the fields are those of digits/asr."""

    utt_id: str
    text: str
    accent: str
    variant: str
    rate: int
    pitch: int
    pitch_range: int
    word_gap: int
    lead: float
    tail: float
    snr: float
    seed: int

    @property
    def speaker(self) -> str:
        """Accent and variant."""
        return f"{self.accent}+{self.variant}"


def plan(split: str, count: int, seed: int, longest: int) -> list[Utterance]:
    """Return the utterances of a split, of up to ``longest`` words; no voice is in two splits."""
    rng = random.Random(f"{seed} klatt {split}")
    return [_draw(split, index, longest, rng) for index in range(count)]


def _draw(split: str, index: int, longest: int, rng: random.Random) -> Utterance:
    variant = rng.choice(VARIANTS[split])
    return Utterance(
        utt_id=f"{ACCENT}_{variant}_{split}{index:05d}",
        text=" ".join(rng.choice(WORDS) for _ in range(rng.randint(1, longest))),
        accent=ACCENT,
        variant=variant,
        rate=rng.randint(130, 220),
        pitch=rng.randint(25, 75),
        pitch_range=rng.randint(20, 80),
        word_gap=rng.randint(0, 8),
        lead=rng.uniform(0.05, 0.3),
        tail=rng.uniform(0.05, 0.3),
        snr=rng.uniform(15.0, 40.0),
        seed=rng.getrandbits(31),
    )
