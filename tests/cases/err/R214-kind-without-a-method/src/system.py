"""A System that declares its stage."""

from espnet3_runtime.stage import Outputs, StageContext
from espnet3_runtime.systems.base import BaseSystem


class Counting(BaseSystem):
    def count_words(self, context: StageContext) -> Outputs:
        context.outputs["counts"].write_text("0")
        return {"counts": context.outputs["counts"]}
