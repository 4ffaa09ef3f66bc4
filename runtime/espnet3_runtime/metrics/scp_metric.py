"""Metric classes written for ESPnet3: they read SCP files."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ScpFunction = Callable[[dict[str, Path], str, Path], Mapping[str, float]]
"""``metric(data, test_name, output_dir)``: SCP files by input, numbers by name."""


class ScpMetric:
    """Calls a metric class of ESPnet3 as its stage ``measure`` does.

    ESPnet3, or whatever else the class needs, must be installed where it runs.

    Args:
        metric: The metric, for example ``{_target_: src.metrics.BLEU}``.
    """

    def __init__(self, metric: ScpFunction) -> None:
        self.metric = metric

    def __call__(
        self, utt_ids: Sequence[str], directory: Path, **columns: Sequence[str]
    ) -> dict[str, float]:
        """Write a file for each input, and return what the metric makes of them.

        Args:
            utt_ids: Ids of the utterances.
            directory: Where the metric may write, and where the files are.
            **columns: The values of each input, in the order of the ids.
        """
        data = {name: directory / f"{name}.scp" for name in columns}
        for name, values in columns.items():
            rows = (f"{key} {value}\n" for key, value in zip(utt_ids, values, strict=True))
            data[name].write_text("".join(rows), encoding="utf-8")
        found = self.metric(data, directory.parent.name, directory)
        return {name: float(value) for name, value in found.items()}
