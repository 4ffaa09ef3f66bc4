"""Token ids and the token list that train_tokenizer writes."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from espnet3_runtime.errors import UserError

BLANK, UNKNOWN, SOS_EOS = "<blank>", "<unk>", "<sos/eos>"
EXTRA = 3
"""Tokens of the list that are not pieces: blank, unknown, start and end of sentence."""


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
        return [piece + 1 for piece in self._model.encode(text)]

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
