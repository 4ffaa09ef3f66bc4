"""Two runs side by side: settings, scores and utterances."""

from collections.abc import Iterator
from typing import Any

from espnet3_runtime.compare.read_runs import ComparedRun
from espnet3_runtime.compare.settings import as_text, differing_keys
from espnet3_runtime.compare.utterances import (
    ERRORS,
    ChangedUtterance,
    Changes,
    UtteranceScore,
    compare_utterances,
)
from espnet3_runtime.metrics.table import as_text as text_table

_SHOWN = 10


def compare_pair(first: ComparedRun, second: ComparedRun) -> dict[str, Any]:
    """Return what differs between two runs, as plain data."""
    return {
        "settings": _differing_settings(first, second),
        "scores": _common_scores(first, second),
        "utterances": {
            test: [
                _as_plain(changes.score, one) for one in (*changes.better, *reversed(changes.worse))
            ]
            for test, changes in _changes_by_test(first, second)
        },
    }


def _differing_settings(first: ComparedRun, second: ComparedRun) -> dict[str, list[Any]]:
    return {
        key: [first.settings.get(key), second.settings.get(key)]
        for key in differing_keys([first.settings, second.settings])
    }


def _common_scores(first: ComparedRun, second: ComparedRun) -> dict[str, list[float]]:
    return {
        name: [score.value, second.scores[name].value]
        for name, score in first.scores.items()
        if name in second.scores
    }


def _changes_by_test(first: ComparedRun, second: ComparedRun) -> Iterator[tuple[str, Changes]]:
    for test, files in first.utterances.items():
        changes = compare_utterances(files, second.utterances.get(test, ()))
        if changes is not None:
            yield test, changes


def _as_plain(score: UtteranceScore, one: ChangedUtterance) -> dict[str, Any]:
    values = [one.first.value, one.second.value]
    about = {
        "metric": score.metric,
        "score": score.name,
        "unit": score.unit,
        "higher_is_better": score.higher_is_better,
        "values": values,
    }
    return {
        "utt_id": one.utt_id,
        "reference": one.first.reference,
        **({"errors": values} if score == ERRORS else about),
        "hypotheses": [one.first.hypothesis, one.second.hypothesis],
    }


def pair_text(labels: tuple[str, str], first: ComparedRun, second: ComparedRun) -> str:
    """Return two runs side by side for a terminal.

    Args:
        labels: Their names.
        first: The run that is A.
        second: The run that is B.
    """
    blocks = [f"A {labels[0]}\nB {labels[1]}"]
    scores = _common_scores(first, second)
    if scores:
        rows = [[n, f"{a:.6g}", f"{b:.6g}", f"{b - a:+.3g}"] for n, (a, b) in scores.items()]
        blocks.append(text_table([["score", "A", "B", "B - A"], *rows]))
    differing = _differing_settings(first, second)
    settings = [[key, *map(_shown, values)] for key, values in differing.items()]
    if settings:
        blocks.append(text_table([["setting", "A", "B"], *settings]))
    else:
        blocks.append("no setting differs")
    for test, changes in _changes_by_test(first, second):
        blocks += _utterance_blocks(test, changes)
    return "\n\n".join(blocks)


def _shown(value: Any) -> str:
    return "-" if value is None else as_text(value)


def _utterance_blocks(test: str, changes: Changes) -> Iterator[str]:
    for word, found in (("better", changes.better), ("worse", changes.worse)):
        more = f", the first {_SHOWN}" if len(found) > _SHOWN else ""
        head = f"{test}: {len(found)} utterances got {word} in B{more}"
        yield "\n".join([head, *(_utterance_lines(changes.score, one) for one in found[:_SHOWN])])


def _utterance_lines(score: UtteranceScore, one: ChangedUtterance) -> str:
    first, second = one.first, one.second
    values = f"{score.name} {first.value:.6g} -> {second.value:.6g} {score.unit}".rstrip()
    texts = {score.said: first.reference, "A": first.hypothesis, "B": second.hypothesis}
    lines = [f"    {name:<4}  {text}" for name, text in texts.items() if text is not None]
    return "\n".join([f"  {one.utt_id}  {values}", *lines])
