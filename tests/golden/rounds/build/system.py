"""The system of golden/rounds: its stages in their order.

Generated from recipe.yaml by espnet3-compile; do not edit, compile again.
Value of the manifest: sha256 48f77bb7c553296c9f009a6b24506d9d39d1ddb2d76b431ce1163e79a19d93ac
"""

from espnet3_runtime.config import ConfigView
from espnet3_runtime.stage import Outputs, StageContext, StageSpec
from espnet3_runtime.systems.base import BaseSystem


class GoldenRoundsSystem(BaseSystem):
    """The stages of golden/rounds, each with the configs that it reads."""

    stages = (
        StageSpec(
            name="pretrain",
            run="train",
            configs={"training": "training"},
            model="encoder",
        ),
        StageSpec(
            name="targets_1",
            call="src.targets.learn",
            needs=("pretrain",),
        ),
        StageSpec(
            name="label_1",
            run="infer",
            configs={"inference": "labels_1"},
            model="encoder",
            needs=(
                "pretrain",
                "targets_1",
            ),
        ),
        StageSpec(
            name="tune_1",
            run="train",
            configs={"training": "tune_1"},
            model="encoder",
            init_from="pretrain",
            needs=(
                "pretrain",
                "label_1",
            ),
            description="Round 1, from pretrain",
        ),
        StageSpec(
            name="targets_2",
            call="src.targets.learn",
            needs=("tune_1",),
        ),
        StageSpec(
            name="label_2",
            run="infer",
            configs={"inference": "labels_2"},
            model="encoder",
            needs=(
                "tune_1",
                "targets_2",
            ),
        ),
        StageSpec(
            name="tune_2",
            run="train",
            configs={"training": "tune_2"},
            model="encoder",
            init_from="tune_1",
            needs=(
                "tune_1",
                "label_2",
            ),
            description="Round 2, from tune_1",
        ),
        StageSpec(
            name="targets_3",
            call="src.targets.learn",
            needs=("tune_2",),
        ),
        StageSpec(
            name="label_3",
            run="infer",
            configs={"inference": "labels_3"},
            model="encoder",
            needs=(
                "tune_2",
                "targets_3",
            ),
        ),
        StageSpec(
            name="tune_3",
            run="train",
            configs={"training": "tune_3"},
            model="encoder",
            init_from="tune_2",
            needs=(
                "tune_2",
                "label_3",
            ),
            description="Round 3, from tune_2",
        ),
        StageSpec(
            name="last",
            call="src.targets.learn",
            needs=("tune_3",),
        ),
    )

    def __init__(
        self,
        *,
        training_config: ConfigView,
        labels_1_config: ConfigView,
        tune_1_config: ConfigView,
        labels_2_config: ConfigView,
        tune_2_config: ConfigView,
        labels_3_config: ConfigView,
        tune_3_config: ConfigView,
    ) -> None:
        super().__init__(
            configs={
                "training": training_config,
                "labels_1": labels_1_config,
                "tune_1": tune_1_config,
                "labels_2": labels_2_config,
                "tune_2": tune_2_config,
                "labels_3": labels_3_config,
                "tune_3": tune_3_config,
            },
        )

    def pretrain(self, context: StageContext) -> Outputs:
        """Run ``train`` with the config training."""
        return self.train(context)

    def targets_1(self, context: StageContext) -> Outputs:
        """Call ``src.targets.learn``."""
        return self.call("src.targets.learn", context)

    def label_1(self, context: StageContext) -> Outputs:
        """Run ``infer`` with the config labels_1."""
        return self.infer(context)

    def tune_1(self, context: StageContext) -> Outputs:
        """Run ``train`` with the config tune_1."""
        return self.train(context)

    def targets_2(self, context: StageContext) -> Outputs:
        """Call ``src.targets.learn``."""
        return self.call("src.targets.learn", context)

    def label_2(self, context: StageContext) -> Outputs:
        """Run ``infer`` with the config labels_2."""
        return self.infer(context)

    def tune_2(self, context: StageContext) -> Outputs:
        """Run ``train`` with the config tune_2."""
        return self.train(context)

    def targets_3(self, context: StageContext) -> Outputs:
        """Call ``src.targets.learn``."""
        return self.call("src.targets.learn", context)

    def label_3(self, context: StageContext) -> Outputs:
        """Run ``infer`` with the config labels_3."""
        return self.infer(context)

    def tune_3(self, context: StageContext) -> Outputs:
        """Run ``train`` with the config tune_3."""
        return self.train(context)

    def last(self, context: StageContext) -> Outputs:
        """Call ``src.targets.learn``."""
        return self.call("src.targets.learn", context)
