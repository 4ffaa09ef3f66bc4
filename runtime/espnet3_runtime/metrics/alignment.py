"""Alignments of references and hypotheses (by jiwer), and the files that show them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

UTTERANCES = "utterances.jsonl"
_MARKS = {"equal": " ", "substitute": "S", "delete": "D", "insert": "I"}


def align_tokens(references: list[list[str]], hypotheses: list[list[str]]) -> Any:
    """Align token sequences pair by pair with the fewest edits; return a ``jiwer.WordOutput``."""
    import jiwer

    untouched = jiwer.Compose([])  # the texts are split already
    return jiwer.process_words(references, hypotheses, untouched, untouched)  # type: ignore[arg-type]


def write_alignments(directory: Path, utt_ids: Sequence[str], aligned: Any) -> None:
    """Write ``alignment.txt`` for people, worst first, and ``utterances.jsonl`` for programs.

    A line of the latter is ``{"utt_id": str, "errors": int, "length": int, "steps": [[kind,
    reference token, hypothesis token], …]}``, kinds being equal, substitute, delete and insert.

    Args:
        directory: Gets the two files; it exists.
        utt_ids: The ids.
        aligned: What :func:`align_tokens` returned for these utterances, in the same order.
    """
    records: list[dict[str, Any]] = [
        {
            "utt_id": utt_id,
            "errors": sum(kind != "equal" for kind, _, _ in steps),
            "length": sum(kind != "insert" for kind, _, _ in steps),
            "steps": steps,
        }
        for utt_id, steps in zip(utt_ids, _alignment_steps(aligned), strict=True)
    ]
    lines = (json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    (directory / UTTERANCES).write_text("".join(lines), encoding="utf-8")
    records.sort(key=lambda record: -record["errors"])
    (directory / "alignment.txt").write_text("\n".join(map(_as_columns, records)), encoding="utf-8")


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
