"""The system of golden/own: its stages in their order.

Generated from recipe.yaml by espnet3-compile; do not edit, compile again.
Value of the manifest: sha256 a142251076211ad650df7f66bba3c4b2036c0dddb9399dd15431f7aa8692ce85
"""

from espnet3_runtime.config import ConfigView
from espnet3_runtime.stage import Outputs, StageContext, StageSpec

from src.system import GoldenOwnSystem as ParentSystem


class GoldenOwnSystem(ParentSystem):
    """The stages of golden/own, each with the configs that it reads."""

    stages = (
        StageSpec(
            name="polish",
            run="polish",
            configs={"polish": "polish"},
        ),
        StageSpec(
            name="polish_again",
            run="polish",
            configs={"polish": "polish"},
        ),
        StageSpec(
            name="mark",
            call="src.marks.write_mark",
            needs=("polish",),
        ),
    )

    def __init__(
        self,
        *,
        polish_config: ConfigView,
    ) -> None:
        super().__init__(configs={"polish": polish_config})

    def polish_again(self, context: StageContext) -> Outputs:
        """Run ``polish`` with the config polish."""
        return self.polish(context)

    def mark(self, context: StageContext) -> Outputs:
        """Call ``src.marks.write_mark``."""
        return self.call("src.marks.write_mark", context)
