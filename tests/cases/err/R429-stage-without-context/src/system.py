"""A System whose stage takes no context."""

from espnet3_runtime.systems.base import BaseSystem


class Gated(BaseSystem):
    def train(self):
        return super().train()
