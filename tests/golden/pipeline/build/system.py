"""The system of golden/pipe-line.2: its stages in their order.

Generated from recipe.yaml by espnet3-compile; do not edit, compile again.
Value of the manifest: sha256 d2ceb4aef7e77dbbba428120e47be75d1f2cb59586883d3b20f848a5377331b3
"""

from espnet3_runtime.config import ConfigView
from espnet3_runtime.stage import Outputs, StageContext, StageSpec
from espnet3_runtime.systems.asr import ASRSystem


class GoldenPipeLine2System(ASRSystem):
    """The stages of golden/pipe-line.2, each with the configs that it reads."""

    stages = (
        StageSpec(
            name="create_dataset",
            run="create_dataset",
            configs={
                "training": "full",
                "inference": "inference",
            },
        ),
        StageSpec(
            name="train_tokenizer",
            run="train_tokenizer",
            configs={"training": "full"},
            needs=("create_dataset",),
        ),
        StageSpec(
            name="collect_stats",
            run="collect_stats",
            configs={"training": "full"},
            model="ctc",
            needs=(
                "create_dataset",
                "train_tokenizer",
            ),
        ),
        StageSpec(
            name="train_easy",
            run="train",
            configs={"training": "easy"},
            model="ctc",
            needs=(
                "create_dataset",
                "train_tokenizer",
                "collect_stats",
            ),
            description=(
                'A first phase on short utterances, with "quotes", it\'s long enough that '
                "it must be cut into several literals — and it holds ünïcödé, 日本語, a "
                "backslash \\ and braces {x}"
            ),
        ),
        StageSpec(
            name="train_full",
            run="train",
            configs={"training": "full"},
            model="ctc",
            init_from="train_easy",
            needs=(
                "create_dataset",
                "train_tokenizer",
                "collect_stats",
                "train_easy",
            ),
        ),
        StageSpec(
            name="infer",
            run="infer",
            configs={"inference": "inference"},
            model="ctc",
            needs=(
                "create_dataset",
                "train_tokenizer",
                "collect_stats",
                "train_full",
            ),
        ),
        StageSpec(
            name="measure",
            run="measure",
            configs={
                "metrics": "metrics",
                "inference": "inference",
            },
            needs=(
                "create_dataset",
                "infer",
            ),
        ),
        StageSpec(
            name="export",
            call="src.export.to_file",
            needs=(
                "train_full",
                "measure",
            ),
            description='Says "it\'s done"',
        ),
    )

    def __init__(
        self,
        *,
        full_config: ConfigView,
        easy_config: ConfigView,
        inference_config: ConfigView,
        metrics_config: ConfigView,
        shared_config: ConfigView,
    ) -> None:
        super().__init__(
            configs={
                "full": full_config,
                "easy": easy_config,
                "inference": inference_config,
                "metrics": metrics_config,
                "shared": shared_config,
            },
        )

    def train_easy(self, context: StageContext) -> Outputs:
        """Run ``train`` with the config easy."""
        return self.train(context)

    def train_full(self, context: StageContext) -> Outputs:
        """Run ``train`` with the config full."""
        return self.train(context)

    def export(self, context: StageContext) -> Outputs:
        """Call ``src.export.to_file``."""
        return self.call("src.export.to_file", context)
