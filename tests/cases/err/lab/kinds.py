"""A System with stage kinds that are not as its declaration says."""

import json

from espnet3_runtime.stage import Outputs, StageContext
from espnet3_runtime.systems.base import BaseSystem


class Kinds(BaseSystem):
    """Weights for classes, items to look at, and a look at the data."""

    def weigh_classes(self, context: StageContext) -> Outputs:
        """Write weights, under the name of before."""
        context.outputs["class_weights"].write_text(json.dumps([1.0, 2.0]))
        return {"class_weights": context.outputs["class_weights"]}

    def show_items(self, context: StageContext) -> Outputs:
        """Draw some items by a seed that the stage does not see."""
        settings = context.configs["training"]
        rows = settings["create_dataset"]
        context.log.info("%s by %s", rows, settings["seed"])
        return {}

    def create_dataset(self, context: StageContext) -> Outputs:
        """Make the data, and look for an output that nothing makes."""
        outputs = super().create_dataset(context)
        context.log.info("made %s", outputs["manifest"])
        return outputs

    def train(self, context: StageContext) -> Outputs:
        """Train, and add an output."""
        outputs = super().train(context)
        outputs["notes"] = context.directory / "notes.txt"
        context.log.info("noted in %s", outputs["notes"])
        return {"best_checkpoint": outputs["best_checkpoint"]}
