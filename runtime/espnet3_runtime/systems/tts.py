"""The stages of speech synthesis."""

from espnet3_runtime.stage import Outputs, StageContext
from espnet3_runtime.systems.base import BaseSystem


class TTSSystem(BaseSystem):
    """The stages of any recipe, and the symbols that are spoken."""

    def prepare_tokens(self, context: StageContext) -> Outputs:
        """List the symbols of the training data, and how its words are pronounced."""
        from espnet3_runtime.stages.prepare_tokens import prepare_tokens

        return prepare_tokens(context)
