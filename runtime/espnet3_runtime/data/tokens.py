"""Token ids and the token list that train_tokenizer writes."""

import os
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from espnet3_runtime.errors import UserError
from espnet3_runtime.stage import StageContext

BLANK, UNKNOWN, SOS_EOS = "<blank>", "<unk>", "<sos/eos>"
EXTRA = 3
"""Tokens of the list that are not pieces: blank, unknown, start and end of sentence."""

_MOST_SHOWN = 20


@dataclass
class Spelling:
    """How much of some texts became ``<unk>``.

    Attributes:
        tokens: Number of all tokens.
        unknown: How often each character (of a tokenizer of words: word) became ``<unk>``.
        lost: Number of ``<unk>``.
    """

    tokens: int = 0
    lost: int = 0
    unknown: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Spelling") -> None:
        """Count another one's, too."""
        self.tokens += other.tokens
        self.lost += other.lost
        self.unknown += other.unknown

    def report(self, context: StageContext, what: str) -> None:
        """Warn when a text has ``<unk>``, and keep the share with the results of the stage."""
        if not self.lost:
            return
        share = f"{100 * self.lost / self.tokens:.2g} %"
        shown = ", ".join(f'"{text}"' for text, _ in self.unknown.most_common(_MOST_SHOWN))
        more = len(self.unknown) - _MOST_SHOWN
        context.log.warning(
            "%s of the tokens of %s are <unk>; the tokenizer cannot spell %s%s",
            *(share, what, shown, f" and {more} more" if more > 0 else ""),
        )
        context.result(f"<unk> {what}", share)


_spelling = Spelling()


class SpeltBatch(NamedTuple):
    """A batch on its way from a worker process, with what its tokenizers encoded meanwhile."""

    batch: Any
    spelling: Spelling

    def unpack(self) -> Any:
        """Count it as encoded in this process, and return the batch."""
        _spelling.add(self.spelling)
        return self.batch


class SpellingCollate:
    """A collate function of a worker process whose batches bring what tokenizers counted."""

    def __init__(self, collate: Callable[[Any], Any]) -> None:
        self.collate = collate

    def __call__(self, items: Any) -> SpeltBatch:
        """Return the batch with the counts."""
        return SpeltBatch(self.collate(items), take_spelling())


def take_spelling() -> Spelling:
    """Return what all tokenizers of this process have encoded since the last call."""
    global _spelling  # preprocessors keep their tokenizers to themselves
    taken, _spelling = _spelling, Spelling()
    return taken


os.register_at_fork(after_in_child=take_spelling)  # a worker counts its own


class Tokenizer:
    """A SentencePiece model with the ids of its token list.

    Ids: 0 is ``<blank>``, 1 is ``<unk>``, 2 and up are the pieces in SentencePiece's order, the
    last is ``<sos/eos>``.  SentencePiece itself numbers ``<unk>`` 0 and the pieces from 1.

    Attributes:
        tokens: The token list.

    Args:
        path: ``tokenizer.model``.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._model = _load_processor(self._path)
        self.tokens = token_list(self._model)

    def __len__(self) -> int:
        return len(self.tokens)

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text; every unknown piece is 1."""
        pieces = self._model.encode(text)
        _spelling.tokens += len(pieces)
        if 0 in pieces:
            self._count_unknown(text, pieces)
        return [piece + 1 for piece in pieces]

    def spell(self, texts: Iterable[str]) -> Spelling:
        """Return how much of some texts is ``<unk>``."""
        take_spelling()
        for text in texts:
            self.encode(text)
        return take_spelling()

    def _count_unknown(self, text: str, pieces: list[int]) -> None:
        known = set("".join(self.tokens[EXTRA - 1 : -1]))
        for index, piece in zip(pieces, self._model.encode(text, out_type=str), strict=True):
            if index == 0:  # a run of characters, or of words
                _spelling.lost += 1
                for word in filter(None, piece.split("▁")):
                    _spelling.unknown.update([one for one in word if one not in known] or [word])

    def pieces(self, text: str) -> list[str]:
        """Return the pieces of a text."""
        return [self.tokens[index] for index in self.encode(text)]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of ids; blank and start or end of sentence are left out."""
        last = len(self.tokens) - 1
        pieces = [int(index) - 1 for index in ids if 0 < int(index) < last]
        text: str = self._model.decode(pieces)
        return text

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the path only, for worker processes."""
        return Tokenizer, (self._path,)


def token_list(model: Any) -> tuple[str, ...]:
    """Return the token list of a SentencePiece processor."""
    pieces = [model.id_to_piece(index) for index in range(1, model.get_piece_size())]
    return (BLANK, UNKNOWN, *pieces, SOS_EOS)


def _load_processor(path: Path) -> Any:
    import sentencepiece

    if not path.is_file():
        hint = "run the stage train_tokenizer first"
        raise UserError(f'there is no tokenizer "{path}"', hint=hint)
    return sentencepiece.SentencePieceProcessor(model_file=str(path))
