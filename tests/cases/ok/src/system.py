"""A System of the recipe's own."""

from espnet3_runtime.stage import Outputs, StageContext
from espnet3_runtime.systems.asr import ASRSystem


class MiniSystem(ASRSystem):
    """Recognition and a stage of its own."""

    def polish(self, context: StageContext) -> Outputs:
        """Make it shine, where a later context has a title."""
        if hasattr(context, "title"):
            context.log.info(context.title)
        return {"shine": context.directory}


class Helper:
    """No System at all."""
