"""A collate function."""

import torch


class Pad:
    def __call__(self, items):
        speech = [torch.as_tensor(item["speech"]) for item in items]
        return [], {"speech": torch.stack(speech)}
