"""Find the name that a misspelt name probably means.

The distance is the optimal string alignment distance (Damerau 1964; Levenshtein 1966): insertion,
deletion, substitution and the exchange of two neighbours cost one each.
"""

from collections.abc import Iterable
from functools import lru_cache
from itertools import takewhile

LIMIT_SHARE = 3
SHORTEST_PREFIX = 3
SHORTEST_SLIP = 5
WORD_ORDER_SCORE = 0.5
PREFIX_SCORE = 1.3
WORD_SUBSET_SCORE = 3.0


def closest_match(name: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that ``name`` is most probably a misspelling of, or None.

    Args:
        name: What was written.
        candidates: What could have been written; ``name`` itself is not considered.
    """
    ranked = _rank_candidates(name, candidates)
    return ranked[0][1] if ranked else None


def equally_close(name: str, candidates: Iterable[str]) -> tuple[str, ...]:
    """Return the candidates that are as near as the nearest one, the likeliest first."""
    ranked = _rank_candidates(name, candidates)
    return tuple(other for score, other in ranked if score == ranked[0][0])


def is_certain_match(name: str, candidates: Iterable[str]) -> bool:
    """Return whether the closest match is a plain misspelling, and no other candidate is as close.

    It is one for a distance of one (or a difference in case and underscores only), in a name of at
    least three letters.  ``tune_2`` is not a misspelt ``tune_1``: names of a series differ in their
    numbers.  ``cer`` is not a misspelt ``wer``.
    """
    ranked = _rank_candidates(name, candidates)
    if not ranked or len(name) < SHORTEST_PREFIX or ranked[0][0] > 1:
        return False
    other = ranked[0][1]
    mine, theirs = _changed_letters(name.casefold(), other.casefold())
    replaced = len(mine) == len(theirs) == 1
    if any(char.isdigit() for char in mine + theirs):
        return False
    if replaced and len(name) < SHORTEST_SLIP and name[0] != other[0]:
        return False
    return len(ranked) == 1 or ranked[1][0] > ranked[0][0]


def is_slip(name: str, other: str) -> bool:
    """Return whether a class or module name is another one with a letter mistyped in it.

    Names of classes and modules lie close together: ``CER`` is no misspelt ``WER``, ``CELoss`` none
    of ``BCELoss`` and ``Conv1d`` none of ``Conv2d``.  What was mistyped must be a small letter, or
    two that were exchanged, and not the first one.
    """
    if _without_separators(name) == _without_separators(other):
        return name[:1].isupper() == other[:1].isupper()
    changed = "".join(_changed_letters(name, other))
    same_start = name[:1] == other[:1]
    return same_start and len(other) >= SHORTEST_SLIP and changed.isalpha() and changed.islower()


def _changed_letters(name: str, other: str) -> tuple[str, str]:
    """Return what two names have between their common beginning and their common end."""
    start = _common_prefix(name, other)
    rest = min(len(name), len(other)) - start
    end = min(rest, _common_prefix(name[::-1], other[::-1]))
    return name[start : len(name) - end], other[start : len(other) - end]


def is_misspelling(name: str, other: str) -> bool:
    """Return whether one name may be the other misspelt, not only a part of it."""
    if name == other or _misspelling_score(name, other) is None:
        return False
    mine, theirs = _without_separators(name), _without_separators(other)
    if mine == theirs or sorted(_split_words(name)) == sorted(_split_words(other)):
        return True
    limit = _max_distance(mine, theirs)
    return _edit_distance(_normalize_name(name), _normalize_name(other), limit) <= limit


def _max_distance(mine: str, theirs: str) -> int:
    shorter, longer = sorted((mine, theirs), key=len)
    return min(max(1, len(longer) // LIMIT_SHARE), len(shorter) - 1)


def _rank_candidates(name: str, candidates: Iterable[str]) -> list[tuple[float, str]]:
    scored = [
        (score, -_common_prefix(name, other), abs(len(name) - len(other)), index, other)
        for index, other in enumerate(dict.fromkeys(candidates))
        if other != name and (score := _misspelling_score(name, other)) is not None
    ]
    return [(score, other) for score, *_, other in sorted(scored)]


@lru_cache(maxsize=1 << 16)  # the keys of a thousand stages are the same few
def _misspelling_score(name: str, other: str) -> float | None:
    """Return the distance of two names, None when it is too large."""
    mine, theirs = _without_separators(name), _without_separators(other)
    if not mine or not theirs:
        return None
    if mine == theirs:
        return 0.0
    words, other_words = _split_words(name), _split_words(other)
    if len(words) > 1 and sorted(words) == sorted(other_words):
        return WORD_ORDER_SCORE
    shorter, longer = sorted((mine, theirs), key=len)
    starts = len(shorter) >= SHORTEST_PREFIX and longer.startswith(shorter)
    missing = (len(longer) - len(shorter)) / len(longer)
    limit = _max_distance(mine, theirs)
    distance = _edit_distance(_normalize_name(name), _normalize_name(other), limit)
    if _are_abbreviated(words, other_words):
        return min(float(distance), PREFIX_SCORE + missing)
    if distance <= limit:
        return min(float(distance), PREFIX_SCORE + missing) if starts else float(distance)
    if starts:
        return PREFIX_SCORE + missing
    if set(words) < set(other_words) or set(other_words) < set(words):
        return WORD_SUBSET_SCORE + missing
    if len(words) > 1 and "".join(word[0] for word in words) == theirs:  # learning_rate for lr
        return WORD_SUBSET_SCORE + missing
    return None


def _are_abbreviated(words: list[str], others: list[str]) -> bool:
    """Return whether two names of several words differ in how much of a word is written out."""
    if len(words) != len(others) or len(words) == 1:
        return False
    pairs = [sorted(pair, key=len) for pair in zip(words, others, strict=True)]
    return all(
        short == long or (len(short) >= SHORTEST_PREFIX and long.startswith(short))
        for short, long in pairs
    )


def _normalize_name(name: str) -> str:
    return name.casefold().replace("-", "_")


def _without_separators(name: str) -> str:
    return "".join(char for char in name.casefold() if char not in "_- .")


def _split_words(name: str) -> list[str]:
    for separator in "- .":
        name = name.replace(separator, "_")
    return [word for word in name.casefold().split("_") if word]


def _common_prefix(first: str, second: str) -> int:
    pairs = zip(first, second, strict=False)
    return len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))


def _edit_distance(first: str, second: str, limit: int) -> int:
    """Return the distance, or a number above the limit if the lengths differ by more."""
    if abs(len(first) - len(second)) > limit:
        return limit + 1
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
