"""Tables, texts, audio files and the items of a split, as they are read."""

import io
import pickle
import re
from collections import Counter

import numpy as np
import pytest
import torch

from espnet3_runtime.data.audio import as_wave, audio_seconds, read_audio, resample, write_wav
from espnet3_runtime.data.dataset_entries import DatasetEntry
from espnet3_runtime.data.split_dataset import SplitDataset, make_preprocessor
from espnet3_runtime.data.table import Table
from espnet3_runtime.data.texts import gives_texts, read_texts
from espnet3_runtime.data.tokens import Spelling, SpeltBatch, take_spelling
from espnet3_runtime.data.worker_errors import (
    NamingCollate,
    loader_workers,
    unwrap_batch,
    wrap_for_workers,
)
from espnet3_runtime.errors import UserError


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a\tb\n1\t2\n3\t4\n", [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]),
        ("a\tb\r\n1\t2\r\n3\t", [{"a": "1", "b": "2"}, {"a": "3", "b": ""}]),
        ("a\n", []),
        ("a", []),
        ("a\n\n", [{"a": ""}]),
    ],
)
def test_rows_of_a_table(text, rows, tmp_path):
    path = tmp_path / "table.tsv"
    path.write_bytes(text.encode())
    table = pickle.loads(pickle.dumps(Table(path)))
    assert [table[index] for index in range(len(table))] == rows
    assert [*table.column("a")] == [row["a"] for row in rows]
    for index in (-1, len(rows)):
        with pytest.raises(IndexError, match=str(index)):
            table[index]


def test_tables_that_cannot_be_read(tmp_path):
    path = tmp_path / "table.tsv"
    path.write_bytes(b"")
    with pytest.raises(UserError, match=r"is empty, without even a header$"):
        Table(path)
    path.write_bytes(b"a\tb\n1\t2\n1\n1\t2\t3\n\xff\t\n")
    table = Table(path)
    assert table.columns == ["a", "b"]
    for index, problem in (
        (1, "line 3: 1 fields, and there are 2 columns"),
        (2, "line 4: 3 fields, and there are 2 columns"),
        (3, "line 5: it is not UTF-8"),
    ):
        with pytest.raises(UserError, match=f"{problem}$"):
            table[index]
    with pytest.raises(UserError, match=r'has no column "c" \(columns: a, b\)$'):
        next(table.column("c"))


# Audio.


@pytest.mark.parametrize("channels", [1, 2])
def test_audio_files_come_back(channels, tmp_path):
    wave = np.array([[0.5, -0.25, 1.5, -1.5], [0.0, 0.25, 0.125, 0.0]], dtype=np.float32)
    wave = wave[0] if channels == 1 else wave
    write_wav(tmp_path / "a.wav", wave, 8000)
    found, rate = read_audio(tmp_path / "a.wav")
    assert (rate, found.dtype, found.shape) == (8000, np.float32, wave.shape)
    np.testing.assert_allclose(found, wave.clip(-1, 1), atol=1e-4)
    assert audio_seconds(tmp_path / "a.wav") == 4 / 8000
    assert (tmp_path / "a.wav").stat().st_size == 44 + 2 * 4 * channels


def test_files_that_are_no_audio(tmp_path):
    (tmp_path / "b.wav").write_text("none")
    for read in (read_audio, audio_seconds):
        with pytest.raises(UserError, match=r'^there is no audio file ".*/a\.wav"$'):
            read(tmp_path / "a.wav")
        with pytest.raises(UserError, match=r'b\.wav" cannot be read as audio: '):
            read(tmp_path / "b.wav")


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([0, 64, 128, 255], dtype=np.uint8), [-1.0, -0.5, 0.0, 127 / 128]),
        (np.array([-128, 64], dtype=np.int8), [-1.0, 0.5]),
        (np.array([-(2**31), 2**30], dtype=np.int32), [-1.0, 0.5]),
        (np.array([0.5, 2.0]), [0.5, 2.0]),
        (torch.tensor([[0.5]], requires_grad=True), [[0.5]]),
        ([1.0, -1.0], [1.0, -1.0]),
    ],
)
def test_numbers_as_audio(array, expected):
    found = as_wave(array)
    assert (found.tolist(), found.dtype) == (expected, np.float32)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.zeros((2, 0)), "audio has shape (samples,) or (channels, samples), not (2, 0)"),
        (3.0, "audio has shape (samples,) or (channels, samples), not ()"),
        ([float("nan")], "audio has samples that are not finite"),
        (["a"], "audio consists of numbers, not <U1"),
    ],
)
def test_what_is_no_audio(value, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        as_wave(value)


@pytest.mark.parametrize(
    ("samples", "rate", "new_rate", "length"),
    [(100, 16000, 8000, 50), (101, 16000, 8000, 51), (7, 8000, 16000, 14), (10, 3, 2, 7)],
)
def test_how_long_it_is_at_another_rate(samples, rate, new_rate, length):
    found = resample(np.ones(samples, dtype=np.float32), rate, new_rate)
    assert (len(found), found.dtype) == (length, np.float32)


# Splits.


class Member(list):
    """Items, with what else a test gives it."""

    def __init__(self, items, **more):
        super().__init__(items)
        vars(self).update(more)


def split(*members, transforms=None, preprocessor=None):
    entries = [DatasetEntry(f"d.train[{n}]", None, {}, None, None, {}) for n in range(len(members))]
    return SplitDataset(entries, members, transforms or [None] * len(members), preprocessor)


def test_items_of_several_data_sets():
    first, second = Member([{"a": 1}, {"utt_id": "x", "a": 2}]), Member([{"utt_id": 0, "a": 3}])
    data = split(first, Member([]), second)
    assert (len(data), data.sizes.tolist()) == (3, [2, 0, 1])
    assert [data[index] for index in range(3)] == [
        ("0", {"a": 1}),
        ("x", {"a": 2}),
        ("0", {"a": 3}),
    ]
    assert [data.locate(index) for index in range(3)] == [(0, 0), (0, 1), (2, 0)]
    assert first[1] == {"utt_id": "x", "a": 2}
    for index in (-1, 3):
        with pytest.raises(IndexError, match=str(index)):
            data[index]
    assert len(split()) == 0


def test_items_go_through_transform_and_preprocessor():
    def double(sample):
        return {"a": sample["a"] * 2}

    def name(utt_id, sample):
        return {**sample, "id": utt_id}

    seen = []
    data = split(
        Member([{"a": 1}]), Member([{"a": 5}]), transforms=[double, None], preprocessor=name
    )
    data.before_item = seen.append
    assert [data[0], data[1]] == [("0", {"a": 2, "id": "0"}), ("1", {"a": 5, "id": "1"})]
    assert seen == [0, 1]
    assert data.raw_sample(0) == ("0", {"a": 1})
    assert seen == [0, 1]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"items": [3]}, "a sample is a mapping from field to value; the Dataset gave int"),
        (
            {"transforms": [lambda sample: None]},
            "a sample is a mapping from field to value; the transform gave NoneType",
        ),
        (
            {"preprocessor": lambda utt_id, sample: [1]},
            "a sample is a mapping from field to value; the preprocessor gave list",
        ),
    ],
)
def test_what_is_no_sample(given, message):
    data = split(Member(given.pop("items", [{"a": 1}])), **given)
    with pytest.raises(UserError, match=f"^{message}") as caught:
        data[0]
    assert (caught.value.message, caught.value.where) == (message, "d.train[0]")
    assert caught.value.__notes__ == ["while reading item 0 of d.train[0]"]


def test_declared_fields_of_some_or_of_every_item():
    items = [{"a": "x"}] * 2 + [{"a": 3}] + [{"a": "x"}] * 2
    with pytest.raises(UserError, match=r'^"a" of 2 is not text'):
        split(Member(items, fields={"a": "text"})).check_samples()
    hidden = [*items[:1], items[2], *items[:3][:1] * 3]
    data = split(Member(hidden, fields={"a": "text"}))
    data.check_samples()
    assert data[1] == ("1", {"a": 3})
    every = split(Member(hidden, fields={"a": "text"}, check_every_item=True))
    every.check_samples()
    with pytest.raises(UserError, match=r'^"a" of 1 is not text'):
        every[1]
    for place in (0, 2, 4):
        wrong = [{"a": 3} if number == place else {"a": "x"} for number in range(5)]
        with pytest.raises(UserError, match=f'^"a" of {place} is not text'):
            split(Member(wrong, fields={"a": "text"})).check_samples()
    split(Member(items)).check_samples()


def test_preprocessors_of_splits():
    node = {"_target_": "builtins.dict", "_partial_": True}
    assert make_preprocessor({}, "train") is None
    assert make_preprocessor({"preprocessor": None}, "train") is None
    assert make_preprocessor({"preprocessor": {"valid": node}}, "train") is None
    found = make_preprocessor({"preprocessor": {"valid": node}}, "valid")
    assert found("u", {"a": 1}) == {"a": 1}
    assert make_preprocessor({"preprocessor": node}, "test")("u", {"b": 1}) == {"b": 1}


# Texts.


def test_texts_of_a_split():
    class Texts(Member):
        def texts(self):
            return ["  a  b ", "c\n"]

    class Column(Member):
        def column(self, name):
            return {"text": ["d"], "ref": ["e"]}[name]

    items = [{"text": "x", "ref": "r"}] * 2
    data = split(Texts(items), Column(items[:1]), Member([{"text": "f "}]))
    assert [*read_texts(data, "text")] == ["a b", "c", "d", "f"]
    data = split(Texts(items), Column(items[:1]), Member([{"ref": "f "}]))
    assert [*read_texts(data, "ref")] == ["r", "r", "e", "f"]

    def upper(sample):
        return {"text": sample["text"].upper()}

    data = split(Texts(items), Column(items[:1]), transforms=[upper, None])
    assert [*read_texts(data, "text")] == ["X", "X", "d"]
    assert not gives_texts(data, "text")
    data = split(Texts(items), Column(items[:1]))
    assert [gives_texts(data, field) for field in ("text", "ref")] == [True, False]
    with pytest.raises(UserError, match=r'^column\("no"\) of the Dataset fails: KeyError'):
        [*read_texts(split(Column(items[:1])), "no")]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["a"], "the data set has 2 items, and gives 1 texts"),
        (["a", "b", "c"], "the data set has 2 items, and gives 3 texts"),
        ([], "the data set has 2 items, and gives 0 texts"),
        (["a", 3], 'the field "text" is text, found int'),
    ],
)
def test_texts_that_are_wrong(texts, message):
    data = split(Member([]), Member([{}, {}], texts=lambda: texts))
    with pytest.raises(UserError, match=f"^{message}") as caught:
        [*read_texts(data, "text")]
    assert (caught.value.message, caught.value.where) == (message, "d.train[1]")


def test_a_text_that_a_sample_lacks():
    with pytest.raises(UserError, match="no field") as caught:
        [*read_texts(split(Member([{"b": 1, "a": 2}])), "text")]
    assert str(caught.value) == (
        'a sample has no field "text" (fields: a, b)\n  config: d.train[0]'
    )


# What workers send.


def test_errors_travel_as_values():
    def collate(items):
        if items == [3]:
            raise UserError("no batch")
        return sum(items)

    data = [1, 2, 3]
    assert wrap_for_workers(data, collate, 0) == (data, collate)

    class Failing(Member):
        def __getitem__(self, index):
            if index == 1:
                raise UserError("no item")
            return super().__getitem__(index)

    wrapped, wrapped_collate = wrap_for_workers(Failing([1, 2, 3]), collate, 1)
    assert (len(wrapped), wrapped[0], wrapped[2]) == (3, 1, 3)
    assert wrapped_collate([1, 2]) == 3
    for batch, message in (([1, wrapped[1]], "^no item$"), ([3], "^no batch$")):
        with pytest.raises(UserError, match=message):
            unwrap_batch(wrapped_collate(batch))
    assert unwrap_batch(3) == 3
    assert (loader_workers(0), loader_workers(3)) == (0, 3)


def test_an_early_end_in_a_collate_function_is_named():
    def collate(items):
        return next(iter(items[1:]))

    assert NamingCollate(collate)([("u1", 3), ("u2", 4)]) == ("u2", 4)
    for items, name in (([("u1", 3)], "u1"), ([3], "its items"), ([], "its items")):
        with pytest.raises(
            UserError, match=f"^the collate function of the batch from {name} raised"
        ):
            NamingCollate(collate)(items)


class Context:
    """Where a stage reports to."""

    def __init__(self):
        self.results, self.text = [], io.StringIO()
        self.log = self

    def warning(self, text, *values):
        self.text.write(text % values)

    def result(self, name, value):
        self.results.append((name, value))


@pytest.mark.parametrize(
    ("tokens", "lost", "count", "share", "more"),
    [(8, 1, 1, "12 %", ""), (3, 3, 20, "1e+02 %", ""), (1000, 1, 23, "0.1 %", " and 3 more")],
)
def test_what_a_tokenizer_cannot_spell(tokens, lost, count, share, more):
    names = [f"c{number}" for number in range(count)]
    unknown = Counter({name: count - number for number, name in enumerate(names)})
    context = Context()
    Spelling(tokens, lost, unknown).report(context, "train")
    shown = ", ".join(f'"{name}"' for name in names[:20])
    text = f"{share} of the tokens of train are <unk>; the tokenizer cannot spell {shown}{more}"
    assert context.text.getvalue() == text
    assert context.results == [("<unk> train", share)]


def test_counts_of_spelling_are_added_and_taken_once():
    context = Context()
    Spelling(3).report(context, "train")
    assert (context.text.getvalue(), context.results) == ("", [])
    take_spelling()
    assert SpeltBatch("batch", Spelling(3, 1, Counter("a"))).unpack() == "batch"
    SpeltBatch("batch", Spelling(4, 2, Counter("ab"))).unpack()
    assert take_spelling() == Spelling(7, 3, Counter("aab"))
    assert take_spelling() == Spelling()
