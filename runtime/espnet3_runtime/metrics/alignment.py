"""Edit distance alignments of token sequences, and the files that show them."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

UTTERANCES = "utterances.jsonl"
_SEPARATOR = "\x1f"  # joins tokens for jiwer; no text token contains the unit separator
_MARKS = {"equal": " ", "substitute": "S", "delete": "D", "insert": "I"}


@dataclass(frozen=True, slots=True)
class AlignmentStep:
    """One column of an alignment: the kind of edit and the two tokens ("" where there is none)."""

    kind: str
    reference: str
    hypothesis: str


@dataclass(frozen=True, slots=True)
class Alignment:
    """How one hypothesis differs from its reference."""

    steps: tuple[AlignmentStep, ...]

    def count(self, kind: str) -> int:
        """Return the number of steps of a kind: equal, substitute, delete or insert."""
        return sum(step.kind == kind for step in self.steps)

    @property
    def errors(self) -> int:
        """Return the edit distance."""
        return len(self.steps) - self.count("equal")

    @property
    def length(self) -> int:
        """Return the number of reference tokens."""
        return len(self.steps) - self.count("insert")


def align(
    references: Sequence[Sequence[str]], hypotheses: Sequence[Sequence[str]]
) -> list[Alignment]:
    """Align token sequences pair by pair with the fewest edits (Levenshtein, through jiwer).

    Args:
        references: Tokens of each reference.
        hypotheses: Tokens of each hypothesis, in the same order.
    """
    import jiwer

    if not references:
        return []
    split = jiwer.Compose([jiwer.ReduceToListOfListOfWords(word_delimiter=_SEPARATOR)])
    output = jiwer.process_words(
        [_SEPARATOR.join(tokens) for tokens in references],
        [_SEPARATOR.join(tokens) for tokens in hypotheses],
        reference_transform=split,
        hypothesis_transform=split,
    )
    pairs = zip(output.references, output.hypotheses, output.alignments, strict=True)
    return [Alignment(tuple(_alignment_steps(ref, hyp, chunks))) for ref, hyp, chunks in pairs]


def _alignment_steps(
    ref: Sequence[str], hyp: Sequence[str], chunks: Sequence[object]
) -> Iterator[AlignmentStep]:
    for chunk in chunks:
        left = list(ref[chunk.ref_start_idx : chunk.ref_end_idx])  # type: ignore[attr-defined]
        right = list(hyp[chunk.hyp_start_idx : chunk.hyp_end_idx])  # type: ignore[attr-defined]
        width = max(len(left), len(right))
        left += [""] * (width - len(left))
        right += [""] * (width - len(right))
        for pair in zip(left, right, strict=True):
            yield AlignmentStep(chunk.type, *pair)  # type: ignore[attr-defined]


def write_alignments(
    directory: Path, utt_ids: Sequence[str], alignments: Sequence[Alignment]
) -> None:
    """Write ``alignment.txt`` for people, worst first, and ``utterances.jsonl`` for programs.

    A line of the latter is ``{"utt_id": str, "errors": int, "length": int, "steps": [[kind,
    reference token, hypothesis token], …]}``, kinds being equal, substitute, delete and insert.

    Args:
        directory: Gets the two files; it exists.
        utt_ids: The ids.
        alignments: One for each id, in the same order.
    """
    order = sorted(range(len(utt_ids)), key=lambda i: -alignments[i].errors)
    shown = (format_alignment(utt_ids[i], alignments[i]) for i in order)
    (directory / "alignment.txt").write_text("\n".join(shown), encoding="utf-8")
    with (directory / UTTERANCES).open("w", encoding="utf-8") as file:
        for utt_id, alignment in zip(utt_ids, alignments, strict=True):
            file.write(json.dumps(_alignment_record(utt_id, alignment), ensure_ascii=False) + "\n")


def format_alignment(utt_id: str, alignment: Alignment) -> str:
    """Return an alignment as four lines of text in columns."""
    rows = [["REF:"], ["HYP:"], ["    "]]
    for step in alignment.steps:
        cells = (step.reference or "***", step.hypothesis or "***", _MARKS[step.kind])
        width = max(len(cell) for cell in cells)
        for row, cell in zip(rows, cells, strict=True):
            row.append(cell.ljust(width))
    head = f"{utt_id}  errors={alignment.errors} length={alignment.length}"
    return "\n".join([head, *(" ".join(row).rstrip() for row in rows)]) + "\n"


def _alignment_record(utt_id: str, alignment: Alignment) -> dict[str, object]:
    steps = [[step.kind, step.reference, step.hypothesis] for step in alignment.steps]
    return {
        "utt_id": utt_id,
        "errors": alignment.errors,
        "length": alignment.length,
        "steps": steps,
    }
