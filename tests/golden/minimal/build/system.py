"""The system of golden/minimal: its stages in their order.

Generated from recipe.yaml by espnet3-compile; do not edit, compile again.
Value of the manifest: sha256 cebaf97720701213c047ff81f6f9c17995b971b7c087a3afe4e6b6ed701d1cd1
"""

from espnet3_runtime.config import ConfigView
from espnet3_runtime.stage import StageSpec
from espnet3_runtime.systems.base import BaseSystem


class GoldenMinimalSystem(BaseSystem):
    """The stages of golden/minimal, each with the configs that it reads."""

    stages = (
        StageSpec(
            name="train",
            run="train",
            configs={"training": "training"},
            model="net",
        ),
    )

    def __init__(
        self,
        *,
        training_config: ConfigView,
    ) -> None:
        super().__init__(configs={"training": training_config})
