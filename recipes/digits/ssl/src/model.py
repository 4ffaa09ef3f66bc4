"""Two models with one encoder: a prediction of masked labels, and a CTC recogniser."""

import torch
from torch import nn

from .ctc import blank_stretches, mean_ctc_loss
from .encoder import Encoder


class MaskedPrediction(nn.Module):
    """Predicts the labels of frames that it does not hear (HuBERT, Hsu et al. 2021).

    Args:
        encoder: Gives hidden frames.
        num_clusters: Number of labels.
        span: Frames that are masked from each start on.
        share: The share of frames that are masked, in the mean.
    """

    def __init__(
        self, encoder: Encoder, num_clusters: int, span: int = 5, share: float = 0.45
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.mask = nn.Parameter(0.1 * torch.randn(encoder.width))
        self.head = nn.Linear(encoder.width, num_clusters)
        self.span = span
        self.start = 1 - (1 - share) ** (1 / span)

    def forward(
        self,
        speech: torch.Tensor,
        speech_lengths: torch.Tensor,
        labels: torch.Tensor,
        labels_lengths: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """Return loss and accuracy over the masked frames of a batch.

        Args:
            speech: Audio, float32 in [-1, 1] at the frontend's rate, shape (batch, samples).
            speech_lengths: Number of samples of each item, shape (batch,).
            labels: Of each frame of the encoder, shape (batch, frames), padded with any number.
            labels_lengths: Number of frames of each item, shape (batch,).
        """
        hidden, lengths = self.encoder.subsample(speech, speech_lengths)
        masked = self._draw_mask(hidden.shape[:2], hidden.device)
        hidden = torch.where(masked[:, :, None], self.mask, hidden)
        hidden = self.encoder.run_layers(hidden, lengths)[-1]
        inside = torch.arange(hidden.shape[1], device=hidden.device) < labels_lengths[:, None]
        scores, wanted = self.head(hidden[masked & inside]), labels[masked & inside]
        loss = nn.functional.cross_entropy(scores, wanted)
        return {"loss": loss, "acc": (scores.argmax(-1) == wanted).float().mean()}

    def extract_features(
        self, speech: torch.Tensor, speech_lengths: torch.Tensor, layer: int = -1
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the output of a layer, shape (batch, frames, width), and lengths (batch,)."""
        hidden, lengths = self.encoder.subsample(speech, speech_lengths)
        return self.encoder.run_layers(hidden, lengths)[layer], lengths

    def _draw_mask(self, shape: torch.Size, device: torch.device) -> torch.Tensor:
        starts = (torch.rand(shape, device=device) < self.start).float()
        starts = nn.functional.pad(starts, (self.span - 1, 0))
        return nn.functional.max_pool1d(starts[:, None], self.span, stride=1)[:, 0] > 0


class CTC(nn.Module):
    """Greedy tokens of an encoder's frames.

    Args:
        encoder: Gives hidden frames.
        vocab_size: Number of tokens; token 0 is the blank.
        dropout: Dropout before the last layer.
        num_masks: Stretches of time without input in training.
    """

    def __init__(
        self, encoder: Encoder, vocab_size: int, dropout: float = 0.1, num_masks: int = 2
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(encoder.width, vocab_size)
        self.num_masks = num_masks

    def forward(
        self,
        speech: torch.Tensor,
        speech_lengths: torch.Tensor,
        text: torch.Tensor,
        text_lengths: torch.Tensor,
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor], torch.Tensor]:
        """Return (loss, statistics, weight) of a batch.

        Args:
            speech: Audio, float32 in [-1, 1] at the frontend's rate, shape (batch, samples).
            speech_lengths: Number of samples of each item, shape (batch,).
            text: Token ids, shape (batch, tokens), padded with any number.
            text_lengths: Number of tokens of each item, shape (batch,).
        """
        log_probs, lengths = self.encode(speech, speech_lengths)
        loss = mean_ctc_loss(log_probs, lengths, text, text_lengths)
        weight = torch.tensor(len(speech), device=speech.device)
        return loss, {"loss": loss.detach()}, weight

    def encode(
        self, speech: torch.Tensor, speech_lengths: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return log probabilities, shape (batch, frames, vocab_size), and lengths (batch,)."""
        hidden, lengths = self.encoder.subsample(speech, speech_lengths)
        if self.training:
            hidden = blank_stretches(hidden, 1, max(hidden.shape[1] // 12, 1), self.num_masks)
        hidden = self.encoder.run_layers(hidden, lengths)[-1]
        return self.head(self.dropout(hidden)).log_softmax(-1), lengths
