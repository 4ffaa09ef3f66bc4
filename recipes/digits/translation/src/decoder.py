"""A Transformer decoder that writes the translation, shared by both models."""

import math

import torch
from torch import nn


class AttentionDecoder(nn.Module):
    """Predicts each token from those before it and from what an encoder made.

    The last token of the list is both start and end, as in ESPnet.

    Args:
        vocab_size: Tokens of the target language, ``<sos/eos>`` included.
        width: Numbers for each token and for each position of the encoder.
        layers: Layers of the decoder.
    """

    def __init__(self, vocab_size: int, width: int = 128, layers: int = 2) -> None:
        super().__init__()
        self.end = vocab_size - 1
        self.embed = nn.Embedding(vocab_size, width)
        layer = nn.TransformerDecoderLayer(width, 4, 4 * width, 0.1, batch_first=True)
        self.layers = nn.TransformerDecoder(layer, layers)
        self.head = nn.Linear(width, vocab_size)

    def forward(
        self,
        memory: torch.Tensor,
        memory_lengths: torch.Tensor,
        tokens: torch.Tensor,
        lengths: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the loss of a batch and the share of tokens that are predicted right.

        Args:
            memory: What the encoder made, shape (batch, positions, width).
            memory_lengths: Positions of each item, shape (batch,).
            tokens: The translation, shape (batch, tokens), padded with any number.
            lengths: Tokens of each item, shape (batch,).
        """
        inside = _positions(tokens) < lengths[:, None]
        tokens = tokens.masked_fill(~inside, self.end)
        start = tokens.new_full((len(tokens), 1), self.end)
        before, after = torch.cat([start, tokens], 1), torch.cat([tokens, start], 1)
        scores = self._scores(before, memory, memory_lengths)
        after = after.masked_fill(_positions(after) > lengths[:, None], -100)
        right = (scores.argmax(-1) == after)[after >= 0].float().mean()
        return nn.functional.cross_entropy(scores.transpose(1, 2), after), right

    def greedy(
        self, memory: torch.Tensor, memory_lengths: torch.Tensor, longest: int = 60
    ) -> list[list[int]]:
        """Return the most likely next token, again and again, of every item of a batch."""
        tokens = torch.full((len(memory), 1), self.end, device=memory.device)
        for _ in range(longest):
            best = self._scores(tokens, memory, memory_lengths)[:, -1].argmax(-1, keepdim=True)
            tokens = torch.cat([tokens, best], 1)
            if bool((tokens[:, 1:] == self.end).any(1).all()):
                break
        return [_until(row, self.end) for row in tokens[:, 1:].tolist()]

    def _scores(
        self, tokens: torch.Tensor, memory: torch.Tensor, memory_lengths: torch.Tensor
    ) -> torch.Tensor:
        size = tokens.shape[1]
        future = torch.ones(size, size, dtype=torch.bool, device=tokens.device).triu(1)
        outside = _positions(memory) >= memory_lengths[:, None]
        hidden = add_positions(self.embed(tokens))
        hidden = self.layers(hidden, memory, tgt_mask=future, memory_key_padding_mask=outside)
        return self.head(hidden)


def add_positions(hidden: torch.Tensor) -> torch.Tensor:
    """Add sines and cosines of the position to (batch, positions, width); Vaswani et al. 2017."""
    width = hidden.shape[2]
    rates = torch.exp(torch.arange(0, width, 2, device=hidden.device) * (-math.log(1e4) / width))
    angles = _positions(hidden)[:, None] * rates
    return hidden * width**0.5 + torch.stack([angles.sin(), angles.cos()], 2).flatten(1)


def _positions(batch: torch.Tensor) -> torch.Tensor:
    return torch.arange(batch.shape[1], device=batch.device)


def _until(tokens: list[int], end: int) -> list[int]:
    return tokens[: tokens.index(end)] if end in tokens else tokens
