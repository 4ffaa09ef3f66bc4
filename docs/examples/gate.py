"""A System with a gate: a poor model is measured, but goes no further."""

import json

from espnet3_runtime.errors import UserError
from espnet3_runtime.stage import Outputs, StageContext
from espnet3_runtime.systems.asr import ASRSystem

LIMIT = 50


class GatedSystem(ASRSystem):
    """``system: src.gate.GatedSystem`` in the manifest."""

    def measure(self, context: StageContext) -> Outputs:
        """Score as usual, then stop the recipe if the word error rate is too high."""
        outputs = super().measure(context)
        scores = json.loads(outputs["metrics"].read_text())["metrics"]["wer"]
        worst = max(score["wer"] for score in scores.values())
        context.result("worst WER", worst)
        if worst > LIMIT:
            raise UserError(f"the word error rate is {worst:.1f} %, and {LIMIT} % is the limit")
        return outputs
