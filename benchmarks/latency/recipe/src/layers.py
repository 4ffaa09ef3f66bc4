"""Encoder and decoder."""

import torch
from torch import nn


class Encoder(nn.Module):
    """Self-attention over frames."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 256,
        num_layers: int = 12,
        num_heads: int = 4,
        feed_forward: int = 1024,
        dropout: float = 0.1,
        attention_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.output_size = hidden_size
        self.attention_dropout = attention_dropout
        self.project = nn.Linear(input_size, hidden_size)
        layer = nn.TransformerEncoderLayer(hidden_size, num_heads, feed_forward, dropout)
        self.layers = nn.TransformerEncoder(layer, num_layers)

    def forward(self, feats: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Return hidden states, shape (batch, frames, hidden_size)."""
        masked = torch.arange(feats.shape[1])[None] >= lengths[:, None]
        return self.layers(self.project(feats), src_key_padding_mask=masked)


class Decoder(nn.Module):
    """Attention over the encoder's frames, trained together with CTC."""

    def __init__(
        self,
        hidden_size: int = 256,
        num_layers: int = 6,
        num_heads: int = 4,
        dropout: float = 0.1,
        ctc_weight: float = 0.3,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        self.ctc_weight = ctc_weight
        self.label_smoothing = label_smoothing
        layer = nn.TransformerDecoderLayer(hidden_size, num_heads, dropout=dropout)
        self.layers = nn.TransformerDecoder(layer, num_layers)

    def forward(self, tokens: torch.Tensor, memory: torch.Tensor) -> torch.Tensor:
        """Return hidden states, shape (tokens, batch, hidden_size)."""
        return self.layers(tokens, memory)
