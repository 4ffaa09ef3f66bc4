"""Parts of a recogniser; one of them needs torchaudio, and all import it."""

from itertools import pairwise

import numpy as np
import torch
import torchaudio.compliance.kaldi as ta_kaldi
from torch import nn
from torchaudio.functional import resample  # noqa: F401 - imported as ESPnet2 does, and never used

from espnet2.train.abs_espnet_model import AbsESPnetModel

SIZE = 8


class DefaultFrontend(nn.Module):
    """Frames of the signal: (B, samples) to (B, T, 8)."""

    def __init__(self, scale: float = 1.0):
        super().__init__()
        self.scale = scale

    def output_size(self):
        return SIZE

    def forward(self, speech, lengths):
        frames = lengths // SIZE
        wanted = int(frames.max()) * SIZE
        return self.scale * speech[:, :wanted].reshape(len(speech), -1, SIZE), frames


class KaldiFrontend(DefaultFrontend):
    def forward(self, speech, lengths):
        return ta_kaldi.fbank(speech), lengths


class GlobalMVN(nn.Module):
    def __init__(self, stats_file: str, eps: float = 1e-20):
        super().__init__()
        stats = np.load(stats_file)
        mean = stats["sum"] / stats["count"]
        var = stats["sum_square"] / stats["count"] - mean * mean
        self.register_buffer("mean", torch.from_numpy(mean).float())
        self.register_buffer("std", torch.from_numpy(np.sqrt(np.maximum(var, eps))).float())

    def forward(self, feats):
        return (feats - self.mean) / self.std


class UtteranceMVN(nn.Module):
    def forward(self, feats):
        return feats - feats.mean(1, keepdim=True)


class RNNEncoder(nn.Module):
    def __init__(self, input_size: int, hidden_size: int = 4, bidirectional: bool = True):
        super().__init__()
        self.rnn = nn.LSTM(input_size, hidden_size, batch_first=True, bidirectional=bidirectional)
        self.size = hidden_size * (2 if bidirectional else 1)

    def output_size(self):
        return self.size

    def forward(self, feats):
        return self.rnn(feats)[0]


class LinearEncoder(nn.Module):
    def __init__(self, input_size: int, output_size: int = 16, num_blocks: int = 1):
        super().__init__()
        sizes = [input_size, *[output_size] * num_blocks]
        layers = [nn.Linear(a, b) for a, b in pairwise(sizes)]
        self.blocks = nn.ModuleList(layers)

    def output_size(self):
        return self.blocks[-1].out_features

    def forward(self, feats):
        for block in self.blocks:
            feats = torch.relu(block(feats))
        return feats


class ESPnetASRModel(AbsESPnetModel):
    def __init__(self, token_list, frontend, normalize, encoder, ctc_weight: float = 1.0):
        super().__init__()
        self.token_list = list(token_list)
        self.frontend, self.normalize, self.encoder = frontend, normalize, encoder
        self.ctc_lo = nn.Linear(encoder.output_size(), len(token_list))
        self.ctc_weight = ctc_weight

    def encode(self, speech, speech_lengths):
        feats, lengths = self.frontend(speech, speech_lengths)
        if self.normalize is not None:
            feats = self.normalize(feats)
        return self.ctc_lo(self.encoder(feats)).log_softmax(-1), lengths

    def forward(self, speech, speech_lengths, text, text_lengths, **kwargs):
        log_probs, lengths = self.encode(speech, speech_lengths)
        text = torch.where(text == -1, 0, text)
        loss = nn.functional.ctc_loss(
            log_probs.transpose(0, 1), text, lengths, text_lengths, zero_infinity=True
        )
        loss = self.ctc_weight * loss
        return loss, {"loss": loss.detach(), "cer": None}, torch.tensor(len(speech))

    def collect_feats(self, speech, speech_lengths, **kwargs):
        feats, lengths = self.frontend(speech, speech_lengths)
        return {"feats": feats, "feats_lengths": lengths}


class NoModel(nn.Module):
    def __init__(self, **kwargs):
        super().__init__()
