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


class TextToSymbols:
    """Replace the text of a sample by the indices of its symbols.

    Args:
        token_list: ``tokens.txt`` of a prepare_tokens stage: one symbol a line.
        field: The field with the text; samples without it stay as they are.
        to: The field with the indices; the same one unless given.
        lexicon: ``lexicon.tsv`` of that stage, where the text consists of words, capital or small;
            None takes a text of symbols.
        split: How symbols are separated, ``space`` or ``character``, as in the block ``tokens``.
        boundary: What stands between words of symbols.
        pause: A symbol that is put before the first word of the lexicon and after the last one.

    Raises:
        UserError: A sample has a word that is not in the lexicon, or a symbol that is not listed;
            a line of the lexicon is no word and its symbols.
    """

    def __init__(
        self,
        token_list: str | Path,
        field: str = "phones",
        to: str | None = None,
        lexicon: str | Path | None = None,
        split: str = "space",
        boundary: str = "|",
        pause: str | None = None,
    ) -> None:
        self.field, self.to = field, to or field
        self.form = (split, boundary)
        self.pauses = [] if pause is None else [pause]
        self.spoken = None if lexicon is None else _read_lexicon(lexicon)
        self._index = {symbol: index for index, symbol in enumerate(read_labels(token_list))}

    def __call__(self, sample: Mapping[str, Any]) -> dict[str, Any]:
        """Return the sample with int64 indices of shape ``(symbols,)`` in place of the text."""
        changed = dict(sample)
        text = changed.get(self.field)
        if isinstance(text, str):
            symbols = self._split(text) if self.spoken is None else self._pronounce(text)
            unknown = [symbol for symbol in symbols if symbol not in self._index]
            if unknown:
                hint = "it occurs in no item of the training data"
                raise UserError(f'the symbol "{unknown[0]}" is not in the token list', hint=hint)
            del changed[self.field]
            indices = [self._index[symbol] for symbol in symbols]
            changed[self.to] = np.array(indices, dtype=np.int64)
        return changed

    def _split(self, text: str) -> list[str]:
        return [symbol for word in split_symbols(text, *self.form) for symbol in word]

    def _pronounce(self, text: str) -> list[str]:
        spoken, words = self.spoken or {}, text.lower().split()
        unknown = [word for word in words if word not in spoken]
        if unknown or not words:
            problem = f'the word "{unknown[0]}" is not in the lexicon' if unknown else "no words"
            known = ", ".join(list(spoken)[:20])
            raise UserError(problem, hint=f"it has {len(spoken)} words: {known}")
        return [*self.pauses, *(symbol for word in words for symbol in spoken[word]), *self.pauses]


def split_symbols(text: str, split: str, boundary: str) -> list[list[str]]:
    """Return the symbols of each word of a text; a text without a boundary is one word.

    Args:
        text: The symbols.
        split: ``space`` or ``character``.
        boundary: What stands between words.
    """
    words = text.split(boundary)
    return [word.split() if split == "space" else list(word) for word in words]


def _read_lexicon(path: str | Path) -> dict[str, list[str]]:
    spoken: dict[str, list[str]] = {}
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        word, tab, symbols = line.partition("\t")
        if not tab:
            problem = f"{path}:{number}: {line!r} is no word and its symbols with a tab between"
            raise UserError(problem)
        spoken.setdefault(word.lower(), symbols.split())
    return spoken


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
