"""The stages of speech recognition."""

from espnet3_runtime.stage import Outputs, StageContext
from espnet3_runtime.systems.base import BaseSystem


class ASRSystem(BaseSystem):
    """The stages of any recipe, and a tokenizer."""

    def train_tokenizer(self, context: StageContext) -> Outputs:
        """Train a SentencePiece tokenizer on the training text."""
        from espnet3_runtime.stages.train_tokenizer import train_tokenizer

        return train_tokenizer(context)
