"""A System of the recipe's own."""

from espnet3_runtime.stage import Outputs, StageContext
from espnet3_runtime.systems.base import BaseSystem


class Greeting(BaseSystem):
    """Has one stage more."""

    def greet(self, context: StageContext) -> Outputs:
        """Greet."""
        return {}
