"""Layers that the acoustic model and the vocoder share."""

import torch
from torch import nn


class ConvBlock(nn.Module):
    """A residual block after ConvNeXt (Liu et al. 2022), over time.

    Args:
        width: Channels.
        kernel: Frames that a frame sees.
        dropout: Dropout before the sum.
    """

    def __init__(self, width: int, kernel: int = 7, dropout: float = 0.0) -> None:
        super().__init__()
        self.mix = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.change = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Linear(2 * width, width),
            nn.Dropout(dropout),
        )

    def forward(self, hidden: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
        """Return hidden of the same shape, (batch, steps, width), with zeros after each end.

        Args:
            hidden: Zero after the end of each item.
            inside: 1.0 for steps of an item and 0.0 after its end, shape (batch, steps, 1).
        """
        mixed = self.mix(hidden.transpose(1, 2)).transpose(1, 2)
        return (hidden + self.change(mixed)) * inside


def inside_mask(lengths: torch.Tensor, steps: int) -> torch.Tensor:
    """Return 1.0 for the steps of each item and 0.0 after its end, shape (batch, steps, 1)."""
    position = torch.arange(steps, device=lengths.device)
    return (position < lengths[:, None]).float()[:, :, None]
