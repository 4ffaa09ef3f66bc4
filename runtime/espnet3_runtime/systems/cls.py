"""The stages of classification."""

from espnet3_runtime.stage import Outputs, StageContext
from espnet3_runtime.systems.base import BaseSystem


class ClassificationSystem(BaseSystem):
    """The stages of any recipe, and a list of labels."""

    def prepare_labels(self, context: StageContext) -> Outputs:
        """List the labels of the training data, and count them."""
        from espnet3_runtime.stages.prepare_labels import prepare_labels

        return prepare_labels(context)
