"""The recipe's data read without us: its Dataset, SentencePiece, ``pad_sequence``, a DataLoader."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
import sentencepiece
import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader


class Utterances:
    """Map-style data set of what the recipe's ``Dataset`` gives; text as ids, with a tokenizer."""

    def __init__(self, split: str, limit: int, tokenizer: str | None) -> None:
        self.data = import_module("dataset").Dataset(split=split, data_dir="data", limit=limit)
        self.model = (
            sentencepiece.SentencePieceProcessor(model_file=tokenizer) if tokenizer else None
        )

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> dict[str, Any]:
        item = dict(self.data[index])
        if self.model is not None:
            ids = [piece + 1 for piece in self.model.encode(item["text"])]
            item["text"] = np.array(ids, dtype=np.int64)
        return item


def collate(items: Sequence[dict[str, Any]]) -> tuple[list[str], dict[str, torch.Tensor]]:
    """Return the ids and the padded batch."""
    batch = {}
    for name, padding in (("speech", 0.0), ("text", -1)):
        if isinstance(items[0][name], np.ndarray):
            values = [torch.from_numpy(item[name]) for item in items]
            batch[name] = pad_sequence(values, batch_first=True, padding_value=padding)
            batch[f"{name}_lengths"] = torch.tensor([len(value) for value in values])
    return [item["utt_id"] for item in items], batch


def loader(data: Utterances, batches: Sequence[Sequence[int]]) -> DataLoader[Any]:
    """Return a plain loader of given batches."""
    return DataLoader(
        data,  # type: ignore[arg-type]
        batch_sampler=[list(batch) for batch in batches],
        collate_fn=collate,
        generator=torch.Generator(),  # leaves the global one alone, so that dropout is comparable
    )
