"""What WER, CER and TER share: normalise, split into tokens, align, count."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from espnet3_runtime.metrics.alignment import Alignment, align, write_alignments

NORMALIZERS: Mapping[str, Callable[[str], str]] = {
    "lower": str.lower,
    "upper": str.upper,
    "nfkc": lambda text: unicodedata.normalize("NFKC", text),
    "no_punctuation": lambda text: "".join(
        character for character in text if not unicodedata.category(character).startswith("P")
    ),
}


def normalize(text: str, steps: Sequence[str]) -> str:
    """Apply the named steps in order; runs of white space always become one space.

    Raises:
        ValueError: There is no step of that name.
    """
    for step in steps:
        if step not in NORMALIZERS:
            raise ValueError(f'no normalizer "{step}"; there are {", ".join(NORMALIZERS)}')
        text = NORMALIZERS[step](text)
    return " ".join(text.split())


def error_rate(
    name: str,
    unit: str,
    references: Sequence[Sequence[str]],
    hypotheses: Sequence[Sequence[str]],
    utt_ids: Sequence[str] | None,
    directory: Path | None,
) -> dict[str, float]:
    """Return the error rate in % under ``name``, and the counts behind it.

    Args:
        name: Key of the rate: wer, cer or ter.
        unit: What a token is, key of the number of reference tokens: words, characters, tokens.
        references: Tokens of each reference.
        hypotheses: Tokens of each hypothesis.
        utt_ids: Names of the utterances, for the files.
        directory: Where the alignments are written; None writes none.

    Raises:
        ValueError: All references are empty, so that there is no rate.
    """
    alignments = align(references, hypotheses)
    length = sum(alignment.length for alignment in alignments)
    if length == 0:
        raise ValueError(f"the references have no {unit}: {name} cannot be computed")
    if utt_ids is not None and directory is not None:
        write_alignments(directory, utt_ids, alignments)
    return {
        name: _percent(sum(a.errors for a in alignments), length),
        **_error_counts(alignments, unit),
    }


def _error_counts(alignments: Sequence[Alignment], unit: str) -> dict[str, float]:
    return {
        "substitutions": sum(alignment.count("substitute") for alignment in alignments),
        "deletions": sum(alignment.count("delete") for alignment in alignments),
        "insertions": sum(alignment.count("insert") for alignment in alignments),
        unit: sum(alignment.length for alignment in alignments),
        "utterances": len(alignments),
        "utterances_wrong": sum(alignment.errors > 0 for alignment in alignments),
    }


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 4)
