"""A module that PyTorch refuses."""

import torch


class Uninitialized(torch.nn.Module):
    def __init__(self) -> None:
        self.size = 8
