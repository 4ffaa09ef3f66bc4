"""The error rate that WER, CER and TER compute, each over its own tokens."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from espnet3_runtime.metrics.alignment import PIECE, AlignmentFiles, align_tokens

Normalizer = Literal["lower", "upper", "nfkc", "no_punctuation"]

NORMALIZERS: Mapping[Normalizer, Callable[[str], str]] = {
    "lower": str.lower,
    "upper": str.upper,
    "nfkc": lambda text: unicodedata.normalize("NFKC", text),
    "no_punctuation": lambda text: "".join(
        character for character in text if not unicodedata.category(character).startswith("P")
    ),
}


def checked_steps(steps: Sequence[Normalizer]) -> tuple[Normalizer, ...]:
    """Return the steps of a metric.

    Raises:
        ValueError: There is no step of that name.
    """
    for step in steps:
        if step not in NORMALIZERS:
            raise ValueError(f'no normalizer "{step}"; there are {", ".join(NORMALIZERS)}')
    return tuple(steps)


def normalize(text: str, steps: Sequence[Normalizer]) -> str:
    """Apply the named steps in order; runs of white space always become one space."""
    for step in steps:
        text = NORMALIZERS[step](text)
    return " ".join(text.split())


class ErrorRate:
    """Substitutions, deletions and insertions per reference token, in %.

    Args:
        name: Key of the rate: wer, cer or ter.
        tokens: Key of the number of reference tokens: words, characters or tokens.
        split: Returns the tokens of a normalised text.
        normalize: Steps applied to both sides: lower, upper, nfkc, no_punctuation.
    """

    unit = "%"
    higher_is_better = False
    texts_only = True

    def __init__(
        self,
        name: str,
        tokens: str,
        split: Callable[[str], Sequence[str]],
        normalize: Sequence[Normalizer] = (),
    ) -> None:
        self.name, self.tokens, self.split = name, tokens, split
        self.normalize = checked_steps(normalize)

    def __call__(
        self,
        ref: Sequence[str],
        hyp: Sequence[str],
        *,
        utt_ids: Sequence[str] | None = None,
        directory: Path | None = None,
    ) -> dict[str, float]:
        """Score hypotheses against references of the same order.

        Args:
            ref: References.
            hyp: Hypotheses, one for each reference.
            utt_ids: Names of the utterances, for the files.
            directory: Where the alignments are written; None writes none.

        Returns:
            The rate under its name, and the numbers of substitutions, deletions, insertions,
            reference tokens (as words, characters or tokens), utterances and utterances_wrong.

        Raises:
            ValueError: All references are empty, so that there is no rate.
        """
        if not any(map(self._tokens_of, ref)):
            raise ValueError(
                f"the references have no {self.tokens}: {self.name} cannot be computed"
            )
        files = AlignmentFiles(directory) if utt_ids is not None and directory is not None else None
        total: Counter[str] = Counter()
        for start in range(0, max(len(ref), len(hyp)), PIECE):
            part = slice(start, start + PIECE)
            references, hypotheses = (list(map(self._tokens_of, side[part])) for side in (ref, hyp))
            aligned = align_tokens(references, hypotheses)
            total.update(_count_errors(aligned))
            if files is not None and utt_ids is not None:
                files.add(utt_ids[part], aligned)
        if files is not None:
            files.finish()
        errors = total["substitutions"] + total["deletions"] + total["insertions"]
        return {
            self.name: round(100 * errors / total["length"], 4),
            "substitutions": total["substitutions"],
            "deletions": total["deletions"],
            "insertions": total["insertions"],
            self.tokens: total["length"],
            "utterances": len(ref),
            "utterances_wrong": total["wrong"],
        }

    def _tokens_of(self, text: str) -> list[str]:
        return list(self.split(normalize(text, self.normalize)))


def _count_errors(aligned: Any) -> dict[str, int]:
    kinds = ("substitutions", "deletions", "insertions")
    wrong = (any(c.type != "equal" for c in chunks) for chunks in aligned.alignments)
    counts = {kind: getattr(aligned, kind) for kind in kinds}
    return counts | {"length": sum(map(len, aligned.references)), "wrong": sum(wrong)}
