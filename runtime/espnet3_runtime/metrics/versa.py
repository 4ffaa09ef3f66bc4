"""Scorers of VERSA, a toolkit of metrics of speech and audio, by its own functions."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from espnet3_runtime.errors import UserError
from espnet3_runtime.metrics.inputs.waves import read_wave
from espnet3_runtime.metrics.item_scores import ItemScores
from espnet3_runtime.metrics.optional_packages import require_package

_INSTALL = (
    "pip install git+https://github.com/wavlab-speech/versa.git (versa on PyPI is another package)"
)


class VERSA:
    """What scorers of VERSA say of recordings, each the mean over items as VERSA computes it.

    Args:
        scores: What VERSA's ``score_config`` lists, for example ``[{name: signal_metric}, {name:
            pseudo_mos, predictor_types: [utmos]}]``.
        headline: The number that comes first; None takes the first by name.
        higher_is_better: Whether more of it is better, for the report; None where it is not known.
        use_gpu: Whether scorers that can use a GPU do.
        sample_rate: In Hz, where the files do not say it: arrays in ``.npy``.
    """

    reads_audio = True

    def __init__(
        self,
        scores: Sequence[Mapping[str, Any]],
        *,
        headline: str | None = None,
        higher_is_better: bool | None = None,
        use_gpu: bool = False,
        sample_rate: int | None = None,
    ) -> None:
        if not scores or not all(isinstance(one, Mapping) and "name" in one for one in scores):
            raise ValueError("scores lists the scorers of VERSA, each with its name")
        self._versa = require_package("versa.scorer_shared", install=_INSTALL)
        self.scores = [dict(one) for one in scores]
        self.higher_is_better = higher_is_better
        self.headline, self.use_gpu, self.sample_rate = headline, use_gpu, sample_rate

    def __call__(
        self,
        generated: Sequence[str],
        ref: Sequence[str] | None = None,
        text: Sequence[str] | None = None,
        *,
        utt_ids: Sequence[str],
        directory: Path,
        item_scores: ItemScores | None = None,
    ) -> dict[str, float]:
        """Score recordings.

        Args:
            generated: Files of what is scored.
            ref: Files of references, for scorers that compare.
            text: What is said, for scorers that recognise it.
            utt_ids: Names of the items.
            directory: Gets ``scores.jsonl``, what VERSA writes of each item.
            item_scores: Gets each number that VERSA gave of single items.

        Returns:
            The finite numbers of VERSA's summary, items that were scored, and not_scored: those
            that VERSA passed over, for example because they are too short.

        Raises:
            UserError: VERSA has not got a scorer, or none gave a number.
        """
        scorers = self._load(has_ref=ref is not None, has_text=text is not None)
        audio = directory / "audio"
        found = self._versa.list_scoring(
            self._as_files(generated, utt_ids, audio / "generated"),
            scorers,
            None if ref is None else self._as_files(ref, utt_ids, audio / "ref"),
            text_info=None if text is None else dict(zip(utt_ids, text, strict=True)),
            output_file=str(directory / "scores.jsonl"),
            io="soundfile",
        )
        scored = [one for one in found if any(map(_is_finite, one.values()))]
        numbers = self._numbers(self._versa.load_summary(scored) if scored else {})
        by_id = {str(one.get("key")): one for one in found}
        if item_scores is not None:
            for name in numbers:
                values = [by_id.get(utt_id, {}).get(name) for utt_id in utt_ids]
                item_scores.add(name, [one if _is_finite(one) else None for one in values])
        return {**numbers, "items": len(scored), "not_scored": len(utt_ids) - len(scored)}

    def _load(self, *, has_ref: bool, has_text: bool) -> Any:
        """Return the scorers; VERSA passes over those that it cannot load, and we do not."""
        loaded = self._versa.load_score_modules(
            self.scores, use_gt=has_ref, use_gt_text=has_text, use_gpu=self.use_gpu
        )
        names = [str(one["name"]) for one in self.scores]
        known = list(getattr(loaded, "metrics", loaded))
        if len(known) < len(names):
            missing = [name for name in names if name not in known]
            raise UserError(
                f"VERSA has not loaded {', '.join(missing)}; its log says why",
                hint="a scorer may need a package of its own, ref or text among the inputs, "
                "or score a corpus and not its items",
            )
        return loaded

    def _numbers(self, summary: Mapping[str, Any]) -> dict[str, float]:
        numbers = {str(name): float(v) for name, v in summary.items() if _is_finite(v)}
        first = self.headline or next(iter(sorted(numbers)), None)
        if first not in numbers:
            given = ", ".join(sorted(numbers)) or "no number"
            raise UserError(f"VERSA gave {given}" + (f', and no "{first}"' if first else ""))
        return {first: numbers.pop(first), **dict(sorted(numbers.items()))}

    def _as_files(
        self, paths: Sequence[str], utt_ids: Sequence[str], directory: Path
    ) -> dict[str, str]:
        files = (self._as_audio(Path(path), directory) for path in paths)
        return dict(zip(utt_ids, files, strict=True))

    def _as_audio(self, path: Path, directory: Path) -> str:
        """Return a file that VERSA can read: an array becomes a WAV file of the same numbers."""
        import soundfile

        if path.suffix != ".npy":
            return str(path)
        if self.sample_rate is None:
            raise UserError(f'"{path}" does not say its sample rate; give the metric sample_rate')
        directory.mkdir(parents=True, exist_ok=True)
        samples = read_wave(path)[0].T.astype(np.float32)
        target = directory / f"{path.stem}.wav"
        soundfile.write(target, samples, self.sample_rate, subtype="FLOAT")
        return str(target)


def _is_finite(value: Any) -> bool:
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return bool(is_number and math.isfinite(value))
