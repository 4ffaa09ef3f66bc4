"""Diarization error rate, by the package simpleder."""

import math
from collections.abc import Sequence

from espnet3_runtime.errors import UserError
from espnet3_runtime.metrics.inputs.segments import read_segments
from espnet3_runtime.metrics.item_scores import ItemScores
from espnet3_runtime.metrics.optional_packages import require_package

_PARTS = ("miss", "false_alarm", "confusion")


class DER:
    """Diarization error rate in %: time that is missed, made up or given to another speaker.

    Speakers of reference and hypothesis are matched one to one, in each recording, so that they
    share the most time.

    Args:
        collar: Seconds before and after each boundary of the reference that do not count.
        skip_overlap: Whether time does not count in which the reference has several speakers.
    """

    unit = "%"
    higher_is_better = False
    reads_segments = True

    def __init__(self, *, collar: float = 0.0, skip_overlap: bool = False) -> None:
        if not 0 <= collar < math.inf:
            raise ValueError(f"collar is a number of seconds, not {collar}")
        self._corpus_der = require_package("simpleder", "metrics").corpus_der
        self.collar = float(collar)
        self.skip_overlap = skip_overlap

    def __call__(
        self,
        ref: Sequence[str],
        hyp: Sequence[str],
        *,
        utt_ids: Sequence[str] | None = None,
        item_scores: ItemScores | None = None,
    ) -> dict[str, float]:
        """Compare who speaks when with who spoke when.

        Args:
            ref: For each recording RTTM, JSON, or the path of a file with one of them.
            hyp: The same of the hypotheses, in the same order.
            utt_ids: Names of the recordings, for messages; None numbers them.
            item_scores: Gets the rate of each recording in which somebody speaks.

        Returns:
            der and its parts miss, false_alarm and confusion, all in % of the speech of the
            references, which speech_seconds is, each speaker counted; and recordings.

        Raises:
            UserError: Segments cannot be read, or there is no speech in the references.
        """
        names = [str(n) for n in range(len(ref))] if utt_ids is None else utt_ids
        columns = [
            dict(zip(names, map(read_segments, side, names), strict=True)) for side in (ref, hyp)
        ]
        found = self._corpus_der(
            *columns, collar=self.collar, skip_overlap=self.skip_overlap, detailed=True
        )
        if not found["ref_length"]:
            raise UserError("the references have no speech that counts, and so there is no rate")
        if item_scores is not None:
            recordings = [found["per_recording"][name] for name in names]
            rates_of = [100 * one["der"] if one["ref_length"] else None for one in recordings]
            item_scores.add("der", rates_of)
        parts = {name: 100 * found[name] / found["ref_length"] for name in _PARTS}
        rates = {name: round(rate, 4) for name, rate in parts.items()}
        return {
            "der": round(sum(parts.values()), 4),
            **rates,
            "speech_seconds": round(found["ref_length"], 3),
            "recordings": len(names),
        }
