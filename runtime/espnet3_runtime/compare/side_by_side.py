"""Two runs side by side: settings, scores and utterances."""

from collections.abc import Iterator, Mapping
from typing import Any

from espnet3_runtime.compare.read_runs import ComparedRun
from espnet3_runtime.compare.settings import as_text, differing_keys
from espnet3_runtime.compare.utterances import ChangedUtterance, changed_utterances
from espnet3_runtime.metrics.table import as_text as text_table

_SHOWN = 10


def compare_pair(first: ComparedRun, second: ComparedRun) -> dict[str, Any]:
    """Return what differs between two runs, as plain data."""
    return {
        "settings": {
            key: [first.settings.get(key), second.settings.get(key)]
            for key in differing_keys([first.settings, second.settings])
        },
        "scores": {
            name: [score.value, second.scores[name].value]
            for name, score in first.scores.items()
            if name in second.scores
        },
        "utterances": {
            test: [_as_plain(one) for one in changed]
            for test, changed in _changes_by_test(first, second)
        },
    }


def _changes_by_test(
    first: ComparedRun, second: ComparedRun
) -> Iterator[tuple[str, list[ChangedUtterance]]]:
    for test, path in first.utterances.items():
        if test in second.utterances:
            yield test, changed_utterances(path, second.utterances[test])


def _as_plain(one: ChangedUtterance) -> dict[str, Any]:
    return {
        "utt_id": one.utt_id,
        "reference": one.reference,
        "errors": [one.first.errors, one.second.errors],
        "hypotheses": [one.first.hypothesis, one.second.hypothesis],
    }


def pair_text(labels: tuple[str, str], pair: Mapping[str, Any]) -> str:
    """Return two runs side by side for a terminal.

    Args:
        labels: Their names.
        pair: What :func:`compare_pair` returned.
    """
    blocks = [f"A {labels[0]}\nB {labels[1]}"]
    if pair["scores"]:
        rows = [
            [n, f"{a:.6g}", f"{b:.6g}", f"{b - a:+.3g}"] for n, (a, b) in pair["scores"].items()
        ]
        blocks.append(text_table([["score", "A", "B", "B - A"], *rows]))
    settings = [[key, *map(_shown, values)] for key, values in pair["settings"].items()]
    if settings:
        blocks.append(text_table([["setting", "A", "B"], *settings]))
    else:
        blocks.append("no setting differs")
    for test, changed in pair["utterances"].items():
        blocks += _utterance_blocks(test, changed)
    return "\n\n".join(blocks)


def _shown(value: Any) -> str:
    return "-" if value is None else as_text(value)


def _utterance_blocks(test: str, changed: list[dict[str, Any]]) -> Iterator[str]:
    better = [one for one in changed if one["errors"][1] < one["errors"][0]]
    worse = [one for one in reversed(changed) if one["errors"][1] > one["errors"][0]]
    for word, found in (("better", better), ("worse", worse)):
        more = f", the first {_SHOWN}" if len(found) > _SHOWN else ""
        yield "\n".join(
            [
                f"{test}: {len(found)} utterances got {word} in B{more}",
                *map(_utterance_lines, found[:_SHOWN]),
            ]
        )


def _utterance_lines(one: Mapping[str, Any]) -> str:
    (first, second), (heard, heard_later) = one["errors"], one["hypotheses"]
    return (
        f"  {one['utt_id']}  errors {first} -> {second}\n"
        f"    said  {one['reference']}\n    A     {heard}\n    B     {heard_later}"
    )
