"""A collate function."""

import torch


def pad(items, width):
    longest = sorted(items, key=lambda item: -len(item[1]["speech"]))
    speech = [torch.as_tensor(item["speech"][:width]) for item in longest]
    first = items[0]["speech"]
    return [], {"speech": torch.stack([*speech, torch.as_tensor(first)])}
