"""Preprocessors that come with the runtime."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from espnet3_runtime.data.frame_labels.label_files import parse_labels, read_frame_labels
from espnet3_runtime.data.tokens import Tokenizer
from espnet3_runtime.errors import UserError


class LabelToIndex:
    """Replace the label of a sample by its index.

    Args:
        labels: ``labels.txt`` of a prepare_labels stage: one label a line.
        field: The field with the label, a text; samples without it stay as they are.
        to: The field with the index; the same one unless given.

    Raises:
        UserError: A sample has a label that is not in the list.
    """

    def __init__(self, labels: str | Path, field: str = "label", to: str | None = None) -> None:
        self.labels = read_labels(labels)
        self.field = field
        self.to = to or field
        self._index = {label: index for index, label in enumerate(self.labels)}

    def __call__(self, sample: Mapping[str, Any]) -> dict[str, Any]:
        """Return the sample with an int in place of the label."""
        changed = dict(sample)
        label = changed.get(self.field)
        if isinstance(label, str):
            name = " ".join(label.split())
            if name not in self._index:
                hint = "it occurs in no item of the training data"
                raise UserError(
                    f'the label "{name}" is not in {len(self.labels)} labels', hint=hint
                )
            del changed[self.field]
            changed[self.to] = self._index[name]
        return changed


def read_labels(path: str | Path) -> tuple[str, ...]:
    """Return the labels that a ``prepare_labels`` stage wrote, in the order of their indices."""
    return tuple(Path(path).read_text(encoding="utf-8").splitlines())


class FrameLabels:
    """Add the labels of its frames to a sample, found by its id.

    Args:
        labels: The directory ``labels`` of a cluster stage.
        field: The field that gets them.

    Raises:
        UserError: A sample has no labels.
    """

    def __init__(self, labels: str | Path, field: str = "labels") -> None:
        self.labels = labels
        self.field = field
        self._lines = read_frame_labels(Path(labels))

    def __call__(self, utt_id: str, sample: Mapping[str, Any]) -> dict[str, Any]:
        """Return the sample with int64 labels of shape ``(frames,)``."""
        if utt_id not in self._lines:
            problem = f'"{utt_id}" has no labels in "{self.labels}"'
            hint = "the stage cluster labels the training and validation sets of its config"
            raise UserError(problem, hint=hint)
        return {**sample, self.field: parse_labels(self._lines[utt_id])}


class TextToTokens:
    """Replace the text of a sample by token ids.

    The ids are lines of the ``tokens.txt`` beside the tokenizer: 0 is ``<blank>``, 1 ``<unk>``,
    then the pieces, and ``<sos/eos>`` is last.

    Args:
        tokenizer: ``tokenizer.model`` of a train_tokenizer stage.
        field: The field to replace; samples without it stay as they are.
    """

    def __init__(self, tokenizer: str | Path, field: str = "text") -> None:
        self.tokenizer = Tokenizer(tokenizer)
        self.field = field

    def __call__(self, sample: Mapping[str, Any]) -> dict[str, Any]:
        """Return the sample with int64 ids of shape ``(tokens,)`` in place of the text."""
        changed = dict(sample)
        text = changed.get(self.field)
        if isinstance(text, str):
            changed[self.field] = np.array(self.tokenizer.encode(text), dtype=np.int64)
        return changed
