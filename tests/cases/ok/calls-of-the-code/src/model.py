"""A model whose calls are right, or cannot be judged: other names, versions, unpacked arguments."""

import functools
import inspect

import torch
from torch import nn
from torch.nn.functional import cross_entropy


def scale(sound, gain: float, *, floor: float = 0.0):
    return sound * gain + floor


louder = functools.partial(scale, gain=2.0)


class Part(nn.Module):
    def __init__(self, width: int, *sizes: int, **options) -> None:
        super().__init__()
        self.out = nn.Linear(width, *sizes, **options)

    def size_of(self, sound, dim: int = 1):
        return torch.sum(sound, axis=dim, keepdims=True)


class Net(Part):
    def __init__(self, width: int) -> None:
        super().__init__(width, 8, bias=False)
        self.register_buffer("seen", torch.zeros(1), persistent=False)

    def forward(self, speech, label=None, **batch):
        def scale(sound):
            return sound

        sizes = self.size_of(scale(speech), dim=1)
        return cross_entropy(self.out(louder(speech, floor=0.1)), sizes, label_smoothing=0.1)

    def fast(self, speech):
        if "fused" in inspect.signature(nn.functional.softmax).parameters:
            return nn.functional.softmax(speech, dim=1, fused=True)
        try:
            return scale(speech)
        except TypeError:
            return scale(speech, 1.0)
