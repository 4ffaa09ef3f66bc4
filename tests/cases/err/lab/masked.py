"""A model that predicts what it does not see."""

import torch


class Masked(torch.nn.Module):
    """A projection."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.project = torch.nn.Linear(size, size)

    def extract_feats(self, speech, speech_lengths):
        """Give features under another name than the stage asks for."""
        return self.project(speech), speech_lengths

    def forward(self, **batch):
        return {"loss": self.project(batch["speech"]).mean()}


class Extracting(Masked):
    """The same with the method that a stage calls."""

    def extract_features(self, speech, speech_lengths):
        """Give features."""
        return self.extract_feats(speech, speech_lengths)
