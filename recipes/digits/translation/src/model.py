"""From speech to a transcript and a translation, and from a transcript to a translation."""

import torch
from torch import nn

from .ctc import count_frames, load_stats, normalise_features, run_lstm
from .decoder import AttentionDecoder


class SpeechTranslator(nn.Module):
    """One encoder; CTC writes what was said, an attention decoder what it means.

    Args:
        frontend: Maps (speech, speech_lengths) to (features, lengths).
        feats_stats: An ``.npz`` file with count, sum and sum_square of the features.
        source_size: Tokens of the spoken language; token 0 is the blank.
        target_size: Tokens of the other one; the last one is start and end.
        width: Numbers for each position that the decoder attends to.
        ctc_weight: Share of the transcript in the loss.
    """

    def __init__(
        self,
        frontend: nn.Module,
        feats_stats: str,
        source_size: int,
        target_size: int,
        width: int = 128,
        ctc_weight: float = 0.5,
    ) -> None:
        super().__init__()
        self.frontend = frontend
        mean, scale = load_stats(feats_stats)
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)
        self.subsampling = nn.Sequential(
            nn.Conv1d(len(mean), width, 5, stride=2, padding=2, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Conv1d(width, width, 5, stride=2, padding=2, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(),
        )
        self.encoder = nn.LSTM(width, width // 2, 2, batch_first=True, bidirectional=True)
        self.norm = nn.LayerNorm(width)
        self.ctc = nn.Linear(width, source_size)
        self.decoder = AttentionDecoder(target_size, width)
        self.ctc_weight = ctc_weight

    def forward(
        self,
        speech: torch.Tensor,
        speech_lengths: torch.Tensor,
        text: torch.Tensor,
        text_lengths: torch.Tensor,
        translation: torch.Tensor,
        translation_lengths: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """Return the loss of a batch, its two parts, and the accuracy of the next token.

        Args:
            speech: Audio, float32 in [-1, 1] at the frontend's rate, shape (batch, samples).
            speech_lengths: Number of samples of each item, shape (batch,).
            text: Tokens of the transcript, shape (batch, tokens), padded with any number.
            text_lengths: Tokens of each transcript, shape (batch,).
            translation: Tokens of the translation, shape (batch, tokens).
            translation_lengths: Tokens of each translation, shape (batch,).
        """
        hidden, lengths = self.encode(speech, speech_lengths)
        log_probs = self.ctc(hidden).log_softmax(-1).transpose(0, 1)
        ctc = nn.functional.ctc_loss(log_probs, text.clamp_min(0), lengths, text_lengths)
        attention, right = self.decoder(hidden, lengths, translation, translation_lengths)
        loss = self.ctc_weight * ctc + (1 - self.ctc_weight) * attention
        return {"loss": loss, "ctc": ctc, "attention": attention, "acc": right}

    def encode(
        self, speech: torch.Tensor, speech_lengths: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return one vector for every 40 ms, shape (batch, frames, width), and lengths (batch,)."""
        feats, lengths = self.frontend(speech, speech_lengths)
        feats = normalise_features(feats, lengths, self.mean, self.scale)
        hidden = self.subsampling(feats.transpose(1, 2)).transpose(1, 2)
        lengths = count_frames(lengths)
        return self.norm(run_lstm(self.encoder, hidden, lengths)), lengths


class TextTranslator(nn.Module):
    """The second pass: from the tokens of a transcript to those of its translation.

    Args:
        source_size: Tokens of the spoken language.
        target_size: Tokens of the other one; the last one is start and end.
        width: Numbers for each token.
    """

    def __init__(self, source_size: int, target_size: int, width: int = 128) -> None:
        super().__init__()
        self.embed = nn.Embedding(source_size, width)
        self.encoder = nn.LSTM(width, width // 2, batch_first=True, bidirectional=True)
        self.decoder = AttentionDecoder(target_size, width)

    def forward(
        self,
        text: torch.Tensor,
        text_lengths: torch.Tensor,
        translation: torch.Tensor,
        translation_lengths: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """Return the loss of a batch and the accuracy of the next token; shapes as above."""
        memory = self.encode(text, text_lengths)
        loss, right = self.decoder(*memory, translation, translation_lengths)
        return {"loss": loss, "acc": right}

    def encode(
        self, text: torch.Tensor, text_lengths: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return a vector for every token, shape (batch, tokens, width), and lengths (batch,).

        A blank follows each text, so that nothing said is a sequence, too.
        """
        lengths = text_lengths + 1
        embedded = self.embed(nn.functional.pad(text, (0, 1)).clamp_min(0))
        return run_lstm(self.encoder, embedded, lengths), lengths
