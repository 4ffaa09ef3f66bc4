"""The fields of samples: checked against the contract, declared by data sets, padded to batches."""

import re

import numpy as np
import pytest
import torch

from espnet3_runtime.data.collate import CommonCollateFn
from espnet3_runtime.data.contract import Field, accept_inputs, accept_outputs, read_contract
from espnet3_runtime.data.declared_fields import read_declared_fields
from espnet3_runtime.errors import UserError

WAVE = np.array([0.5, -0.5, 0.25, 0.0], dtype=np.float32)
TWO = np.stack([WAVE, -WAVE, WAVE])


def audio(**more):
    return Field(name="speech", kind="audio", where="c.speech", **more)


def accepted(field, value, **more):
    return accept_inputs([field], {field.name: value, **more}, "utt1")[field.name]


def test_a_contract_is_read_with_its_defaults():
    assert read_contract(None, "inference.contract") is None
    found = read_contract({"inputs": {"a": {"kind": "audio"}}}, "w")
    assert found.inputs == (Field(name="a", kind="audio", where="w.inputs.a", label="a"),)
    assert found.outputs == ()
    entry = {
        "kind": "text",
        "label": "T",
        "optional": True,
        "channels": 2,
        "sample_rate": 8000,
        "rate_policy": "reject",
        "normalize": ["strip"],
    }
    found = read_contract({"inputs": None, "outputs": {"b": entry}}, "w")
    assert found.outputs == (
        Field(
            name="b",
            kind="text",
            where="w.outputs.b",
            label="T",
            optional=True,
            channels=2,
            sample_rate=8000,
            rate_policy="reject",
            normalize=("strip",),
        ),
    )
    default = Field(name="a", kind="audio")
    assert (default.optional, default.rate_policy, default.normalize) == (False, "resample", ())
    assert (default.channels, default.sample_rate, default.where, default.label) == (
        *(None, None),
        *("", ""),
    )


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        (audio(), WAVE, WAVE),
        (audio(), TWO, TWO),
        (audio(channels=3), TWO, TWO),
        (audio(channels=1), WAVE[None], WAVE),
        (audio(normalize=("first_channel",)), TWO, WAVE),
        (audio(normalize=("first_channel",)), WAVE, WAVE),
        (audio(normalize=("mean_channels",)), TWO, WAVE / 3),
        (audio(normalize=("mean_channels", "first_channel")), WAVE, WAVE),
        (audio(sample_rate=8000), WAVE, WAVE),
    ],
)
def test_audio_in_its_declared_form(field, value, expected):
    found = accepted(field, value)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.dtype == np.float32
    assert found.shape == expected.shape


@pytest.mark.parametrize(
    ("rate", "more", "samples"),
    [
        (16000, {}, 4),
        (16000, {"sample_rate": 16000, "rate_policy": "reject"}, 4),
        (16000, {"sample_rate": 8000}, 2),
        (8000, {"sample_rate": 16000}, 8),
    ],
)
def test_audio_of_another_rate(rate, more, samples):
    assert len(accepted(audio(**more), WAVE, sample_rate=rate)) == samples


SEGMENT = {"text": "a", "start": 0, "end": 1}


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("text", "a", "a"),
        ("text", ["a", ("b",)], ["a", ["b"]]),
        ("number", 3, 3),
        ("number", 2.5, 2.5),
        ("number", np.float32(2.5), 2.5),
        ("number", torch.tensor(3), 3),
        ("segments", (SEGMENT,), [{"text": "a", "start": 0.0, "end": 1.0}]),
        ("segments", [], []),
        (
            "segments",
            [{"text": 3, "start": 1, "end": 1, "more": 1}],
            [{"text": "3", "start": 1.0, "end": 1.0, "more": 1}],
        ),
    ],
)
def test_other_kinds(kind, value, expected):
    found = accepted(Field(name="x", kind=kind), value)
    assert (found, type(found)) == (expected, type(expected))


def test_steps_of_a_text():
    steps = ("strip", "to_upper")
    assert accepted(Field(name="x", kind="text", normalize=steps), " a b ") == "A B"
    assert accepted(Field(name="x", kind="text", normalize=("to_lower",)), [" A"]) == [" a"]


SEGMENTS = "a segment is a mapping with text, start and end (in seconds)"


@pytest.mark.parametrize(
    ("field", "value", "rate", "message"),
    [
        (audio(channels=2), WAVE, None, "it has 1 channels, and 2 are declared"),
        (audio(channels=2), TWO, None, "it has 3 channels, and 2 are declared"),
        (audio(channels=1), TWO, None, "it has 3 channels, and 1 are declared"),
        (
            audio(sample_rate=8000, rate_policy="reject"),
            WAVE,
            16000,
            "it has 16000 Hz, and 8000 Hz are declared",
        ),
        (audio(), [], None, "audio has shape (samples,) or (channels, samples), not (0,)"),
        (Field(name="x", kind="text"), 3, None, "expected a string, found int"),
        (Field(name="x", kind="text"), ["a", 3], None, "expected a string, found int"),
        (Field(name="x", kind="number"), True, None, "expected a number, found bool"),
        (Field(name="x", kind="number"), "3", None, "expected a number, found str"),
        (Field(name="x", kind="number"), np.ones(1), None, "expected a number, found ndarray"),
        (Field(name="x", kind="number"), float("inf"), None, "it is inf"),
        (
            Field(name="x", kind="segments"),
            SEGMENT,
            None,
            "expected a list of segments, found dict",
        ),
        (Field(name="x", kind="segments"), ["a"], None, SEGMENTS),
        (Field(name="x", kind="segments"), [{"text": "a", "start": 1}], None, SEGMENTS),
        (
            Field(name="x", kind="segments"),
            [{**SEGMENT, "start": 2}],
            None,
            "a segment goes from 2.0 s to 1.0 s",
        ),
        (
            Field(name="x", kind="segments"),
            [{**SEGMENT, "start": -1}],
            None,
            "a segment goes from -1.0 s to 1.0 s",
        ),
        (
            Field(name="x", kind="segments"),
            [{**SEGMENT, "end": float("inf")}],
            None,
            "a segment goes from 0.0 s to inf s",
        ),
    ],
)
def test_what_is_not_as_declared(field, value, rate, message):
    text = f'"{field.name}" of utt1 is not {field.kind}: {message}'
    with pytest.raises(UserError, match=f"^{re.escape(text)}") as caught:
        accepted(field, value, sample_rate=rate)
    assert (caught.value.message, caught.value.where) == (text, field.where)


def test_inputs_that_are_missing():
    fields = [audio(), Field(name="text", kind="text", optional=True)]
    sample = {"speech": WAVE, "more": object()}
    assert accept_inputs(fields, sample, "utt1").keys() == {"speech", "more"}
    assert accept_inputs(fields, {**sample, "text": None}, "utt1")["text"] is None
    for given, has in (({"text": "a", "x": 1}, "text, x"), ({}, "nothing")):
        text = f'^utt1 has no "speech"; it has {has}$'
        with pytest.raises(UserError, match="has no") as caught:
            accept_inputs(fields, given, "utt1")
        assert re.match(text, caught.value.message)
        assert caught.value.where == "c.speech"


def test_outputs_are_exactly_the_declared_ones():
    fields = [Field(name="text", kind="text", where="c.text"), Field(name="score", kind="number")]
    result = {"score": 1, "text": "a"}
    found = accept_outputs(fields, result, "utt1")
    assert [*found.items()] == [("text", "a"), ("score", 1)]
    with pytest.raises(UserError, match=r"contract\.outputs") as caught:
        accept_outputs(fields, {**result, "texts": "b"}, "utt1")
    assert str(caught.value) == (
        'the runner gave "texts" for utt1, which contract.outputs does not declare\n'
        '  help: did you mean "text"?'
    )
    with pytest.raises(UserError, match=r'^the runner gave no "text" for utt1') as caught:
        accept_outputs(fields, {"score": 1}, "utt1")
    assert caught.value.where == "c.text"


class Declaring:
    def __init__(self, fields):
        self.fields = fields


def test_declared_fields():
    found = read_declared_fields(Declaring({"a": "audio", "b": {"kind": "number"}}), "d.train[0]")
    assert [(one.name, one.kind, one.where, one.optional) for one in found] == [
        ("a", "audio", "d.train[0].inputs.a", False),
        ("b", "number", "d.train[0].inputs.b", False),
    ]
    for nothing in (object(), Declaring(["a"]), Declaring({})):
        assert read_declared_fields(nothing, "w") == ()
    for kind, hint in (("txt", 'did you mean "text"?'), ("zzz", None), (None, None)):
        with pytest.raises(UserError, match="which is no kind") as caught:
            read_declared_fields(Declaring({"a": {"kind": kind}}), "w")
        assert caught.value.message == f'the Dataset declares "a" as "{kind}", which is no kind'
        assert caught.value.where == "w"
        assert caught.value.hint == (
            hint
            or "choose from: audio, category, image, number, own, segments, table, text, vector"
        )


# Batches.


def collate(*samples, **settings):
    pairs = [(f"u{number}", sample) for number, sample in enumerate(samples)]
    return CommonCollateFn(**settings)(pairs)


@pytest.mark.parametrize(
    ("values", "settings", "batch", "lengths"),
    [
        ([[1, 2], [3]], {}, [[1, 2], [3, -1]], [2, 1]),
        ([[1.0], [2.0, 3.0]], {}, [[1.0, 0.0], [2.0, 3.0]], [1, 2]),
        ([[1.0], [2.0, 3.0]], {"float_pad_value": 9.0}, [[1.0, 9.0], [2.0, 3.0]], [1, 2]),
        ([[1], [2, 3]], {"int_pad_value": 7}, [[1, 7], [2, 3]], [1, 2]),
        ([[True], [True, True]], {"int_pad_value": 7}, [[True, False], [True, True]], [1, 2]),
        ([[[1, 2]], [[3, 4], [5, 6]]], {}, [[[1, 2], [-1, -1]], [[3, 4], [5, 6]]], [1, 2]),
        ([3, 4], {}, [3, 4], None),
        ([2.5, 3.5], {}, [2.5, 3.5], None),
        ([[1, 2], [3, 4]], {"not_sequence": ["x"]}, [[1, 2], [3, 4]], None),
        ([[1, 2], [3, 4]], {"not_sequence": ["y"]}, [[1, 2], [3, 4]], [2, 2]),
        ([[1j], [1j, 2j]], {}, [[1j, 0], [1j, 2j]], [1, 2]),
    ],
)
def test_a_field_of_a_batch(values, settings, batch, lengths):
    ids, found = collate(*({"x": np.array(value)} for value in values), **settings)
    assert ids == ["u0", "u1"]
    assert found["x"].tolist() == batch
    assert found.keys() == ({"x", "x_lengths"} if lengths else {"x"})
    if lengths:
        assert found["x_lengths"].tolist() == lengths
        assert found["x_lengths"].dtype == torch.int64


def test_texts_stay_out_and_tensors_are_taken():
    _, found = collate(
        {"a": "x", "b": b"y", "c": torch.ones(2)}, {"a": "z", "b": b"", "c": torch.ones(1)}
    )
    assert found.keys() == {"c", "c_lengths"}


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ({"a": 1, "b": 1}, {"b": 1, "c": 1, "d": 2}, "u1 lacks a and has c, d, unlike u0"),
        ({"a": 1, "b": 1}, {"b": 1}, "u1 lacks a, unlike u0"),
        ({"a": 1}, {"b": 1, "a": 1}, "u1 has b, unlike u0"),
        (
            {"a": np.ones((2, 3))},
            {"a": np.ones((2, 4))},
            'field "a" has shape (2, 3) in u0 and (2, 4) in u1; only the first axis may differ',
        ),
        (
            {"a": np.ones(2)},
            {"a": 1.0},
            'field "a" has shape (2,) in u0 and () in u1; only the first axis may differ',
        ),
        (
            {"x": [1, 2]},
            {"x": [1]},
            'field "x" is declared not_sequence, and its length varies: [2, 1]',
        ),
        (
            {"a": object()},
            {"a": 1},
            (
                'field "a" is object, which cannot be part of a batch; '
                "a sample holds arrays, numbers and strings"
            ),
        ),
    ],
)
def test_samples_that_are_no_batch(first, second, message):
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        collate(first, second, not_sequence=["x"])
