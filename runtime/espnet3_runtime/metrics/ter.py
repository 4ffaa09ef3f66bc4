"""Token error rate."""

from collections.abc import Sequence

from espnet3_runtime.metrics.error_rate import ErrorRate, Normalizer


class TER(ErrorRate):
    """Token error rate in % over the pieces of a SentencePiece model.

    Args:
        tokenizer_model: The SentencePiece model, for example
            ``${stages.train_tokenizer.tokenizer_model}``.
        normalize: Steps applied to both sides: lower, upper, nfkc, no_punctuation.
    """

    def __init__(self, tokenizer_model: str, normalize: Sequence[Normalizer] = ()) -> None:
        import sentencepiece

        tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer_model))
        super().__init__("ter", "tokens", tokenizer.encode_as_pieces, normalize)
