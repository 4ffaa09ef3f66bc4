"""Equal error rate of a detection, such as the verification of speakers."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from espnet3_runtime.errors import UserError
from espnet3_runtime.metrics.item_scores import ItemScores

_WORDS = {"1": 1, "target": 1, "true": 1, "0": 0, "nontarget": 0, "non-target": 0, "false": 0}

Rates = NDArray[np.float64]


class EER:
    """Equal error rate in %: where as many targets are missed as others are accepted.

    Args:
        target_prior: Share of targets for the smallest detection cost (minDCF).
    """

    unit = "%"
    higher_is_better = False
    texts_only = True

    def __init__(self, target_prior: float = 0.05) -> None:
        if not 0 < target_prior < 1:
            raise ValueError(f"target_prior is between 0 and 1, not {target_prior}")
        self.target_prior = target_prior

    def __call__(
        self,
        label: Sequence[str],
        score: Sequence[str],
        *,
        item_scores: ItemScores | None = None,
    ) -> dict[str, float]:
        """Compare scores of trials with what the trials are.

        Args:
            label: 1 or ``target``, and 0 or ``nontarget``.
            score: Numbers, higher for targets.
            item_scores: Gets by how much each score is on the wrong side of the threshold; what is
                negative is on the right one.

        Returns:
            eer in %, the threshold at it, min_dcf (costs of 1 for both errors, normalised), and the
            numbers of targets and nontargets.

        Raises:
            UserError: A label or score is none, or there are only targets or none.
        """
        is_target = np.array([_read_label(text) for text in label], dtype=bool)
        scores = np.array([_read_score(text) for text in score])
        targets, others = int(is_target.sum()), int((~is_target).sum())
        if not targets or not others:
            problem = (
                f"there are {targets} targets and {others} nontargets, and some of each must be"
            )
            raise UserError(problem)
        missed, accepted, thresholds = _error_rates(is_target, scores)
        rate, threshold = _equal_rate(missed, accepted, thresholds)
        if item_scores is not None:
            beyond = np.where(is_target, threshold - scores, scores - threshold)
            item_scores.add("wrong_by", beyond.round(6), unit="")
        prior = self.target_prior
        costs = prior * missed + (1 - prior) * accepted
        return {
            "eer": round(100 * rate, 4),
            "threshold": round(threshold, 6),
            "min_dcf": round(float(costs.min()) / min(prior, 1 - prior), 6),
            "targets": targets,
            "nontargets": others,
        }


def _read_label(text: str) -> int:
    found = _WORDS.get(text.strip().lower())
    if found is None:
        raise UserError(f'"{text}" is no label of a trial; it is 1, target, 0 or nontarget')
    return found


def _read_score(text: str) -> float:
    try:
        score = float(text)
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        raise UserError(f'"{text}" is no score of a trial, which is a finite number')
    return score


def _error_rates(is_target: NDArray[np.bool_], scores: Rates) -> tuple[Rates, Rates, Rates]:
    """Return the rates of missed targets and accepted others at every threshold, ascending.

    At a threshold, scores from it on are accepted; the last one accepts nothing.
    """
    thresholds = np.unique(scores)
    wanted, others = np.sort(scores[is_target]), np.sort(scores[~is_target])
    missed = np.append(np.searchsorted(wanted, thresholds) / len(wanted), 1.0)
    accepted = np.append(1 - np.searchsorted(others, thresholds) / len(others), 0.0)
    return missed, accepted, np.append(thresholds, thresholds[-1])


def _equal_rate(missed: Rates, accepted: Rates, thresholds: Rates) -> tuple[float, float]:
    """Return the rate at which both are equal, between two thresholds, and the upper of them."""
    after = int(np.argmax(missed >= accepted))
    before = max(after - 1, 0)
    gaps = accepted[[before, after]] - missed[[before, after]]
    part = gaps[0] / (gaps[0] - gaps[1]) if gaps[0] != gaps[1] else 0.0
    rate = missed[before] + part * (missed[after] - missed[before])
    return float(rate), float(thresholds[after])
