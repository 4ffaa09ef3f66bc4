"""The name that somebody probably meant.

The distance is the optimal string alignment distance (Damerau 1964; Levenshtein 1966): insertion,
deletion, substitution and the exchange of two neighbours cost one each.
"""

from collections.abc import Iterable

LIMIT_SHARE = 3
SHORTEST_PREFIX = 3


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that ``name`` is most probably a misspelling of, or None.

    Args:
        name: What was written.
        candidates: What could have been written; ``name`` itself is not considered.
    """
    ranked = _ranked(name, candidates)
    return ranked[0][1] if ranked else None


def is_sure(name: str, candidates: Iterable[str]) -> bool:
    """Tell whether ``nearest`` is a plain slip of the pen with no second explanation.

    True for one slip (or a difference in case and underscores only), in a name of at least three
    letters, when every other candidate is farther away.
    """
    ranked = _ranked(name, candidates)
    if not ranked or len(name) < SHORTEST_PREFIX or ranked[0][0] > 1:
        return False
    return len(ranked) == 1 or ranked[1][0] > ranked[0][0]


def _ranked(name: str, candidates: Iterable[str]) -> list[tuple[float, str]]:
    scored = [
        (score, -_common_prefix(name, other), abs(len(name) - len(other)), index, other)
        for index, other in enumerate(dict.fromkeys(candidates))
        if other != name and (score := _score(name, other)) is not None
    ]
    return [(score, other) for score, *_, other in sorted(scored)]


def _score(name: str, other: str) -> float | None:
    """Return how far ``name`` is from ``other`` in slips, or None when it is too far."""
    mine, theirs = _folded(name), _folded(other)
    if not mine or not theirs:
        return None
    if mine == theirs:
        return 0.0
    words, other_words = _words(name), _words(other)
    if len(words) > 1 and sorted(words) == sorted(other_words):
        return 0.5
    distance = _distance(mine, theirs)
    longest = max(len(mine), len(theirs))
    if distance <= max(1, longest // LIMIT_SHARE) and distance < min(len(mine), len(theirs)):
        return float(distance)
    shorter, longer = sorted((mine, theirs), key=len)
    if len(shorter) >= SHORTEST_PREFIX and longer.startswith(shorter):
        return 2.0 + (longest - len(shorter)) / longest
    if set(words) < set(other_words) or set(other_words) < set(words):
        return 3.0 + abs(len(words) - len(other_words)) / longest
    return None


def _folded(name: str) -> str:
    return "".join(char for char in name.casefold() if char not in "_- .")


def _words(name: str) -> list[str]:
    for separator in "- .":
        name = name.replace(separator, "_")
    return [word for word in name.casefold().split("_") if word]


def _common_prefix(first: str, second: str) -> int:
    length = 0
    for mine, theirs in zip(first, second, strict=False):
        if mine != theirs:
            break
        length += 1
    return length


def _distance(first: str, second: str) -> int:
    before: list[int] = []
    above = list(range(len(second) + 1))
    for i, mine in enumerate(first, 1):
        row = [i]
        for j, theirs in enumerate(second, 1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (mine != theirs))
            if i > 1 and j > 1 and mine == second[j - 2] and first[i - 2] == theirs:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, above = above, row
    return above[-1]
