"""Alignments of references and hypotheses (by jiwer), and the files that show them."""

import json
from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

UTTERANCES = "utterances.jsonl"
PIECE = 10_000
"""Utterances that are aligned at once: the alignments of a large test set need gigabytes."""

_MARKS = {"equal": " ", "substitute": "S", "delete": "D", "insert": "I"}


def align_tokens(references: list[list[str]], hypotheses: list[list[str]]) -> Any:
    """Align token sequences pair by pair with the fewest edits; return a ``jiwer.WordOutput``."""
    import jiwer

    untouched = jiwer.Compose([])  # the texts are split already
    return jiwer.process_words(references, hypotheses, untouched, untouched)  # type: ignore[arg-type]


class AlignmentFiles:
    """Writes ``alignment.txt`` for people, worst first, and ``utterances.jsonl`` for programs.

    A line of the latter is ``{"utt_id": str, "errors": int, "length": int, "steps": [[kind,
    reference token, hypothesis token], …]}``, kinds being equal, substitute, delete and insert.
    Of each utterance only the number of errors and the place of its line are kept in memory.

    Args:
        directory: Gets the two files; it exists.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._errors, self._places = array("q"), array("q", [0])
        (directory / UTTERANCES).write_bytes(b"")

    def add(self, utt_ids: Sequence[str], aligned: Any) -> None:
        """Write the next utterances: their ids, and what :func:`align_tokens` returned for them."""
        with (self._directory / UTTERANCES).open("ab") as file:
            for utt_id, steps in zip(utt_ids, _alignment_steps(aligned), strict=True):
                errors = sum(kind != "equal" for kind, _, _ in steps)
                length = sum(kind != "insert" for kind, _, _ in steps)
                record = {"utt_id": utt_id, "errors": errors, "length": length, "steps": steps}
                line = f"{json.dumps(record, ensure_ascii=False)}\n".encode()
                file.write(line)
                self._errors.append(errors)
                self._places.append(self._places[-1] + len(line))

    def finish(self) -> None:
        """Write ``alignment.txt``."""
        order = sorted(range(len(self._errors)), key=lambda index: -self._errors[index])
        path = self._directory / "alignment.txt"
        with (self._directory / UTTERANCES).open("rb") as source, path.open("wb") as file:
            for number, index in enumerate(order):
                source.seek(self._places[index])
                text = _as_columns(json.loads(source.readline()))
                file.write(f"{chr(10) if number else ''}{text}".encode())


def _alignment_steps(aligned: Any) -> Iterator[list[tuple[str, str, str]]]:
    """Yield for each utterance its edits: kind and the two tokens ("" where there is none)."""
    pairs = zip(aligned.references, aligned.hypotheses, aligned.alignments, strict=True)
    for reference, hypothesis, chunks in pairs:
        yield [
            (chunk.type, *tokens)
            for chunk in chunks
            for tokens in zip_longest(
                reference[chunk.ref_start_idx : chunk.ref_end_idx],
                hypothesis[chunk.hyp_start_idx : chunk.hyp_end_idx],
                fillvalue="",
            )
        ]


def _as_columns(record: Mapping[str, Any]) -> str:
    """Return an alignment as four lines of text in columns."""
    rows = [["REF:"], ["HYP:"], ["    "]]
    for kind, reference, hypothesis in record["steps"]:
        cells = (reference or "***", hypothesis or "***", _MARKS[kind])
        width = max(map(len, cells))
        for row, cell in zip(rows, cells, strict=True):
            row.append(cell.ljust(width))
    head = "{utt_id}  errors={errors} length={length}".format(**record)
    return "\n".join([head, *(" ".join(row).rstrip() for row in rows)]) + "\n"
