"""Built-in metrics: values worked out by hand."""

import json

import pytest
import sentencepiece

from espnet3_runtime.metrics import error_rate
from espnet3_runtime.metrics.accuracy import Accuracy
from espnet3_runtime.metrics.cer import CER
from espnet3_runtime.metrics.ter import TER
from espnet3_runtime.metrics.wer import WER


def test_wer_counts_each_kind_of_error():
    score = WER()(ref=["one two three", "four"], hyp=["one too three nine", ""])
    assert score["wer"] == 75.0
    assert (score["substitutions"], score["deletions"], score["insertions"]) == (1, 1, 1)
    assert score["words"] == 4
    assert score["utterances_wrong"] == 2


def test_wer_is_zero_only_for_equal_words():
    assert WER()(ref=["a  b"], hyp=["a b "])["wer"] == 0.0
    assert WER()(ref=["a b"], hyp=["A b"])["wer"] == 50.0
    assert WER(normalize=["lower", "no_punctuation"])(ref=["A, b!"], hyp=["a b"])["wer"] == 0.0


def test_an_empty_reference_still_counts_insertions():
    score = WER()(ref=["", "a b"], hyp=["x", "a b"])
    assert score["wer"] == 50.0
    assert score["insertions"] == 1


def test_only_empty_references_have_no_rate():
    with pytest.raises(ValueError, match="no words"):
        WER()(ref=[""], hyp=["x"])


def test_unknown_normalizer_is_named():
    with pytest.raises(ValueError, match='no normalizer "lowr"'):
        WER(normalize=["lowr"])


def test_cer_counts_spaces_unless_they_are_ignored():
    assert CER()(ref=["ab cd"], hyp=["abcd"])["cer"] == 20.0
    assert CER(ignore_spaces=True)(ref=["ab cd"], hyp=["abcd"])["cer"] == 0.0


def test_ter_counts_pieces(tmp_path):
    prefix = tmp_path / "word"
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["one two three"] * 10),
        model_prefix=str(prefix),
        vocab_size=6,
        model_type="word",
        minloglevel=2,
    )
    score = TER(f"{prefix}.model")(ref=["one two three"], hyp=["one three"])
    assert score["tokens"] == 3
    assert score["ter"] == pytest.approx(100 / 3, abs=1e-3)


def test_accuracy():
    assert Accuracy()(ref=["yes", "no"], hyp=["yes", "yes"]) == {
        "accuracy": 50.0,
        "correct": 1,
        "total": 2,
    }


def test_accuracy_has_four_digits():
    assert Accuracy()(ref=["a", "b", "c"], hyp=["a", "b", "x"])["accuracy"] == 66.6667


def test_alignment_in_columns(tmp_path):
    WER()(ref=["one two three"], hyp=["one three four"], utt_ids=["utt1"], directory=tmp_path)
    assert (tmp_path / "alignment.txt").read_text().splitlines() == [
        "utt1  errors=2 length=3",
        "REF: one two   three",
        "HYP: one three four",
        "         S     S",
    ]


def test_alignment_files_start_with_the_worst(tmp_path):
    WER()(ref=["a b", "c d"], hyp=["a b", "x y"], utt_ids=["good", "bad"], directory=tmp_path)
    assert (tmp_path / "alignment.txt").read_text().startswith("bad  errors=2 length=2")
    records = [json.loads(line) for line in (tmp_path / "utterances.jsonl").open()]
    assert [record["utt_id"] for record in records] == ["good", "bad"]
    assert records[1]["steps"] == [["substitute", "c", "x"], ["substitute", "d", "y"]]


def test_a_test_set_is_aligned_piece_by_piece(tmp_path, monkeypatch):
    ref = ["a b", "c d", "", "e", "f g h", "f g h"]
    hyp = ["a b", "x y", "z", "", "f h", "f g h"]
    found = []
    for piece in (2, 3, 10_000):
        monkeypatch.setattr(error_rate, "PIECE", piece)
        folder = tmp_path / str(piece)
        folder.mkdir()
        scores = WER()(ref=ref, hyp=hyp, utt_ids=list("abcdef"), directory=folder)
        found.append((scores, {path.name: path.read_bytes() for path in folder.iterdir()}))
    assert found[0] == found[1] == found[2]
    with pytest.raises(ValueError, match="lengths must match"):
        WER()(ref=ref, hyp=[*hyp, "more"])


@pytest.mark.parametrize(
    ("left", "right", "correct"),
    [("2", "2.0", 1), ("-0.5", "-5e-1", 1), ("007", "7", 0), ("2", "20", 0), ("1_0", "10", 0)],
)
def test_accuracy_compares_numbers_as_numbers(left, right, correct):
    assert Accuracy()([left], [right])["correct"] == correct
