"""BLEU, by the package sacrebleu."""

from collections.abc import Sequence

from espnet3_runtime.metrics.item_scores import ItemScores
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
        self._sentence_bleu = metrics.BLEU(
            tokenize=tokenize, lowercase=lowercase, effective_order=True
        )

    def __call__(
        self,
        ref: Sequence[str],
        hyp: Sequence[str],
        *,
        item_scores: ItemScores | None = None,
    ) -> dict[str, float]:
        """Score translations against one reference each.

        Args:
            ref: References.
            hyp: Translations, one for each reference.
            item_scores: Gets BLEU of each sentence, of the orders that it has words for.

        Returns:
            bleu in %, the brevity penalty, and words of hypotheses and references.

        Raises:
            ValueError: There are no texts.
        """
        if not ref:
            raise ValueError("there are no texts to compare")
        if item_scores is not None:
            pairs = zip(hyp, ref, strict=True)
            scored = [self._sentence_bleu.sentence_score(one, [other]) for one, other in pairs]
            item_scores.add("sentence_bleu", [round(one.score, 4) for one in scored])
        score = self._bleu.corpus_score(list(hyp), [list(ref)])
        return {
            "bleu": round(score.score, 4),
            "brevity_penalty": round(score.bp, 6),
            "words": score.sys_len,
            "reference_words": score.ref_len,
        }
