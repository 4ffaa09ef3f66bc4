"""All runs of a comparison, the best first, and what differs between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from espnet3_runtime.compare.find_experiments import LeftOut, find_experiments
from espnet3_runtime.compare.read_runs import ComparedRun, read_runs, run_labels
from espnet3_runtime.compare.scores import Score, best_scores
from espnet3_runtime.compare.settings import differing_keys, short_names
from espnet3_runtime.compare.side_by_side import compare_pair

_PAIR = 2


@dataclass(frozen=True)
class Comparison:
    """What a comparison shows.

    Attributes:
        runs: The runs, the best by the first score first.
        labels: A name for each.
        scores: Names of the scores, those of test sets first.
        best: The best value of each; None where nothing says which is better.
        keys: The settings that differ, with their short names.
        left_out: What is not compared, and why.
    """

    runs: Sequence[ComparedRun]
    labels: Sequence[str]
    scores: Sequence[str]
    best: Mapping[str, float | None]
    keys: Mapping[str, str]
    left_out: Sequence[LeftOut]


def make_comparison(names: Sequence[str]) -> Comparison:
    """Read all runs below the names of a command line.

    Raises:
        UsageError: A name leads nowhere.
    """
    experiments, left_out = find_experiments(names)
    runs: list[ComparedRun] = []
    for experiment in experiments:
        found, missing = read_runs(experiment)
        runs += found
        left_out += missing
        if not found and not missing:
            left_out.append(LeftOut(str(experiment.directory), "has no training and no scores"))
    scores = _score_names(runs)
    best = best_scores(run.scores for run in runs)
    if len(runs) > _PAIR:  # two are shown side by side, as they were named
        runs.sort(key=lambda run: _sort_key(run, scores))
    keys = differing_keys([run.settings for run in runs])
    return Comparison(
        runs, run_labels(runs), scores, best, short_names(keys), list(dict.fromkeys(left_out))
    )


def _score_names(runs: Sequence[ComparedRun]) -> list[str]:
    """Return the names of all scores: what was measured on test sets before what was validated."""
    names = dict.fromkeys(name for run in runs for name in run.scores)
    return sorted(names, key=lambda name: "/" in name)


def _sort_key(run: ComparedRun, names: Sequence[str]) -> list[tuple[int, float]]:
    return [_score_key(run.scores.get(name)) for name in names]


def _score_key(score: Score | None) -> tuple[int, float]:
    if score is None:
        return 1, 0.0
    return 0, -score.value if score.higher_is_better else score.value


def as_plain(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison as plain data, for ``--format json``; of two runs with their details."""
    runs = [
        {
            "name": label,
            "experiment": str(run.experiment),
            "stage": run.stage,
            "measured_by": run.measured_by or None,
            "scores": {name: score.value for name, score in run.scores.items()},
            "settings": {key: run.settings.get(key) for key in comparison.keys},
            "seconds": run.seconds,
            "parameters": run.parameters,
            "finished": run.finished or None,
            "commit": run.commit or None,
        }
        for run, label in zip(comparison.runs, comparison.labels, strict=True)
    ]
    two = comparison.runs if len(comparison.runs) == _PAIR else ()
    return {
        "schema_version": 1,
        "runs": runs,
        "best": dict(comparison.best),
        "pair": compare_pair(*two) if two else None,
        "left_out": [{"path": one.path, "reason": one.reason} for one in comparison.left_out],
    }
