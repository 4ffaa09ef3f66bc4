"""A System with scores of its own."""

from espnet3_runtime.stage import Outputs, StageContext
from espnet3_runtime.systems.base import BaseSystem


class Counting(BaseSystem):
    def measure(self, context: StageContext) -> Outputs:
        wanted = context.configs["metrics"]["metrics"][0]["inputs"]["hyp"]
        path = context.directory / "counts.txt"
        path.write_text(wanted)
        return {"metrics": path}
