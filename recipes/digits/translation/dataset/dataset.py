"""Utterances with what they mean in German, and what a first pass understood."""

from pathlib import Path

import numpy as np

from espnet3_runtime.inference.scp import read_scp

from .german import translate
from .spoken import Dataset as SpokenDigits


class Dataset:
    """Utterances of one split of the corpus of digits/asr.

    An item is ``{"utt_id": str, "speech": float32 (samples,) at 16 kHz, "text": str, "translation":
    str}``, without ``speech`` where only texts are wanted.
    """

    def __init__(
        self, split: str, data_dir: str, first_pass: str | None = None, *, speech: bool = True
    ) -> None:
        """Read the manifest of the split.

        Args:
            split: train, valid or test.
            data_dir: Where the builder wrote.
            first_pass: A file ``transcript.scp`` that an ``infer`` stage wrote: its hypotheses then
                take the place of the true transcripts.
            speech: Whether items have the audio.
        """
        self.spoken = SpokenDigits(split, data_dir)
        self.speech = speech
        self.texts_by_id = dict(zip(self.column("utt_id"), self.spoken.column("text"), strict=True))
        if first_pass is not None:
            self.texts_by_id = read_scp(Path(first_pass))

    def __len__(self) -> int:
        return len(self.spoken)

    def __getitem__(self, index: int) -> dict:
        row = self.spoken.rows[index]
        audio = {"speech": self.spoken[index]["speech"]} if self.speech else {}
        return {
            "utt_id": row["utt_id"],
            "text": self.texts_by_id[row["utt_id"]],
            "translation": translate(row["text"]),
            **audio,
        }

    def column(self, name: str) -> list[str]:
        """Return ``utt_id``, ``text`` or ``translation`` of every item without reading audio."""
        if name == "translation":
            return [translate(text) for text in self.spoken.column("text")]
        if name == "text":
            return [self.texts_by_id[utt_id] for utt_id in self.spoken.column("utt_id")]
        return self.spoken.column(name)

    def lengths(self) -> np.ndarray:
        """Return the length of every item, shape (items,): samples, or words without audio."""
        if self.speech:
            return self.spoken.lengths()
        return np.array([len(text.split()) for text in self.column("text")], dtype=np.int64)
