"""Slips of the finger."""

import random

_KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def typo(rng: random.Random, word: str) -> str:
    """Return a word with one slip: letters swapped, dropped, doubled or hit beside."""
    slips = (_swap, _drop, _double, _beside)
    while True:
        slipped = rng.choice(slips)(rng, word)
        if slipped != word and all(part.isidentifier() for part in slipped.split(".")):
            return slipped


def _swap(rng: random.Random, word: str) -> str:
    if len(word) < 3:
        return word + word[-1]
    i = rng.randrange(len(word) - 1)
    return word[:i] + word[i + 1] + word[i] + word[i + 2 :]


def _drop(rng: random.Random, word: str) -> str:
    if len(word) < 4:
        return word + word[-1]
    i = rng.randrange(len(word))
    return word[:i] + word[i + 1 :]


def _double(rng: random.Random, word: str) -> str:
    i = rng.randrange(len(word))
    return word[: i + 1] + word[i:]


def _beside(rng: random.Random, word: str) -> str:
    i = rng.randrange(len(word))
    row = next((r for r in _KEYBOARD if word[i] in r), None)
    if row is None:
        return _swap(rng, word)
    at = row.index(word[i])
    return word[:i] + row[at + 1 if at == 0 else at - 1] + word[i + 1 :]
