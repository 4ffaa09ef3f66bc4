"""BLEU, by the package sacrebleu."""

from collections.abc import Sequence

from espnet3_runtime.metrics.optional_packages import require_package


class BLEU:
    """BLEU of a corpus in %, as sacrebleu computes it.

    Args:
        tokenize: How sacrebleu splits texts into words: 13a, char, zh, ja-mecab, intl, none, ….
        lowercase: Whether the case of letters counts for nothing.
    """

    unit = "%"
    higher_is_better = True
    texts_only = True

    def __init__(self, tokenize: str = "13a", *, lowercase: bool = False) -> None:
        metrics = require_package("sacrebleu.metrics", "metrics")
        self._bleu = metrics.BLEU(tokenize=tokenize, lowercase=lowercase)

    def __call__(self, ref: Sequence[str], hyp: Sequence[str]) -> dict[str, float]:
        """Score translations against one reference each.

        Returns:
            bleu in %, the brevity penalty, and words of hypotheses and references.

        Raises:
            ValueError: There are no texts.
        """
        if not ref:
            raise ValueError("there are no texts to compare")
        score = self._bleu.corpus_score(list(hyp), [list(ref)])
        return {
            "bleu": round(score.score, 4),
            "brevity_penalty": round(score.bp, 6),
            "words": score.sys_len,
            "reference_words": score.ref_len,
        }
