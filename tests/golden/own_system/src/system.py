"""A System of the recipe with a stage kind of its own."""

from espnet3_runtime.stage import Outputs, StageContext
from espnet3_runtime.systems.base import BaseSystem


class GoldenOwnSystem(BaseSystem):
    """Named like the class that is generated from it."""

    def polish(self, context: StageContext) -> Outputs:
        """Leave a mark."""
        path = context.directory / "polished.txt"
        path.write_text(str(context.configs["polish"]["strength"]), encoding="utf-8")
        return {"polished": path}
