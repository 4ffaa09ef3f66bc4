"""What every model of a task is."""

from abc import ABC, abstractmethod

import torch


class AbsESPnetModel(torch.nn.Module, ABC):
    @abstractmethod
    def forward(self, **batch):
        """Return loss, stats and weight."""

    @abstractmethod
    def collect_feats(self, **batch):
        """Return features."""
