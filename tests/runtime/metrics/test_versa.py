"""Scorers of VERSA, for which a package with the same functions stands in."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet3_runtime.errors import UserError
from espnet3_runtime.metrics.versa import VERSA

STAND_IN = Path(__file__).parents[1] / "fake_versa"
LEVEL, DISTANCE, LETTERS = ({"name": name} for name in ("level", "distance", "letters"))


@pytest.fixture
def versa(monkeypatch):
    for name in ("versa", "versa.scorer_shared"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(str(STAND_IN))
    yield
    for name in ("versa", "versa.scorer_shared"):
        sys.modules.pop(name, None)


@pytest.fixture
def columns(tmp_path):
    """Three items of a wav file and an array each; the last one is short."""
    found = {"generated": [], "ref": [], "text": ["one", "three", "a"], "utt_ids": ["a", "b", "c"]}
    for number, size in enumerate((800, 1600, 40)):
        wave = np.full(size, 0.25 * (number + 1))
        found["generated"].append(str(tmp_path / f"{number}.wav"))
        soundfile.write(found["generated"][-1], wave, 8000, subtype="FLOAT")
        found["ref"].append(str(tmp_path / f"{number}.npy"))
        np.save(found["ref"][-1], wave[None] + 0.001)
    return {**found, "directory": tmp_path}


@pytest.mark.usefixtures("versa")
def test_numbers_of_the_summary(columns):
    metric = VERSA([LETTERS, LEVEL, DISTANCE], headline="level", sample_rate=8000)
    found = metric(**columns)
    assert next(iter(found)) == "level"
    assert found == {
        "level": 0.375,
        "distance": pytest.approx(0.001, abs=1e-6),
        "letters": 4,
        "rate": 8000,
        "items": 2,
        "not_scored": 1,  # and "sir", which is infinite, is left out
    }
    lines = (columns["directory"] / "scores.jsonl").read_text().splitlines()
    assert [json.loads(line)["key"] for line in lines] == ["a", "b"]


@pytest.mark.usefixtures("versa")
def test_scorers_without_references(columns):
    del columns["ref"], columns["text"]
    assert list(VERSA([LEVEL])(**columns)) == ["level", "rate", "items", "not_scored"]
    with pytest.raises(UserError, match="VERSA has not loaded distance, letters, fad; its log"):
        VERSA([LEVEL, DISTANCE, LETTERS, {"name": "fad"}])(**columns)


@pytest.mark.usefixtures("versa")
def test_what_cannot_be_scored(columns):
    with pytest.raises(UserError, match="does not say its sample rate; give the metric"):
        VERSA([LEVEL])(**columns)
    with pytest.raises(UserError, match='VERSA gave distance, rate, and no "utmos"'):
        VERSA([DISTANCE], headline="utmos", sample_rate=8000)(**columns)
    short = {"generated": columns["generated"][2:], "utt_ids": ["c"]}
    with pytest.raises(UserError, match="VERSA gave no number"):
        VERSA([LEVEL])(**short, directory=columns["directory"])
    for scores in ([], ["level"], [{"scale": 2}]):
        with pytest.raises(ValueError, match="scores lists the scorers of VERSA"):
            VERSA(scores)


def test_without_versa_it_is_said_how_to_install_it():
    with pytest.raises(UserError, match=r'"versa(.scorer_shared)?" is not installed') as error:
        VERSA([LEVEL])
    assert "github.com/wavlab-speech/versa" in error.value.hint
