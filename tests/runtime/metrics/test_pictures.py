"""Outputs that a report draws: alignments and matrices, whatever wrote them."""

import base64
import json

import numpy as np
import pytest

from espnet3_runtime.metrics.items.pictures import read_pictures


@pytest.mark.parametrize(
    "segments",
    [
        [[0, 0.5, "t"], [0.5, 1, 7]],
        [{"start": 0, "end": 0.5, "text": "t"}, {"start": 0.5, "end": 1, "speaker": 7}],
    ],
)
def test_an_alignment_is_drawn(tmp_path, segments):
    (tmp_path / "a.json").write_text(json.dumps(segments))
    (picture,) = read_pictures(tmp_path, {"alignment": "a.json"})
    assert picture == {"name": "alignment", "segments": [(0.0, 0.5, "t"), (0.5, 1.0, "7")]}


@pytest.mark.parametrize(
    ("shape", "drawn"), [((2, 3), [2, 3]), ((80, 240), [80, 240]), ((81, 5000), [80, 240])]
)
def test_a_matrix_is_drawn_and_thinned(tmp_path, shape, drawn):
    values = np.zeros(shape)
    values[-1, -1] = 2
    np.save(tmp_path / "a.npy", values)
    (picture,) = read_pictures(tmp_path, {"attention": "a.npy"})
    assert (picture["name"], picture["shape"]) == ("attention", drawn)
    assert picture["range"] == [0, 2]
    grey = base64.b64decode(picture["values"])
    assert (len(grey), grey[-1], sum(grey)) == (drawn[0] * drawn[1], 255, 255)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "[1]",
        "[[0, 1]]",
        '[{"start": 0}]',
        '[[1, 0, "a"]]',
        '[["a", 1, "b"]]',
        '[[0, NaN, "a"]]',
    ],
)
def test_other_json_is_not(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    assert read_pictures(tmp_path, {"a": "a.json"}) == []


@pytest.mark.parametrize(
    "values",
    [np.zeros(3), np.zeros((0, 3)), np.zeros((1, 2, 3)), np.array([["a"]]), np.array([[np.nan]])],
)
def test_other_arrays_are_not(tmp_path, values):
    np.save(tmp_path / "a.npy", values)
    (tmp_path / "b.npy").write_bytes(b"no array")
    (tmp_path / "c.wav").write_bytes(b"")
    files = {"a": "a.npy", "b": "b.npy", "c": "c.wav", "d": "missing.npy"}
    assert read_pictures(tmp_path, files) == []
