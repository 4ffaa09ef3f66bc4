"""What infer wrote, measured by DER and by VERSA, with the commands that a user types."""

import json
import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.recipes.recipe_runs import run

VERSA = Path(__file__).parents[1] / "runtime/fake_versa"
MANIFEST = """\
version: 1
recipe: mini/diar
system: base
configs:
  inference:
    dataset: {test: [{name: dev}]}
    model: {_target_: src.model.Turns}
    input_key: speech
    contract:
      inputs: {speech: {kind: audio, sample_rate: 8000}}
      outputs:
        turns: {kind: segments}
        rttm: {kind: text}
        wave: {kind: audio, sample_rate: 8000}
  metrics:
    metrics:
      - name: der
        metric: {_target_: espnet3_runtime.metrics.der.DER}
        inputs: {ref: "dataset:turns", hyp: turns}
      - name: der_collar
        metric: {_target_: espnet3_runtime.metrics.der.DER, collar: 0.25, skip_overlap: true}
        inputs: {ref: "dataset:rttm", hyp: rttm}
      - name: versa
        metric:
          _target_: espnet3_runtime.metrics.versa.VERSA
          scores: [{name: distance}, {name: level, scale: 2}]
          headline: level
          sample_rate: 8000
        inputs: {generated: wave, ref: "dataset:speech"}
stages: [infer, measure]
"""
DATASET = '''
"""Two recordings, the second one with two speakers who overlap."""
import numpy as np

TURNS = ([(0.0, 4.0, "anna")], [(0.0, 4.0, "anna"), (3.0, 8.0, "bert")])


class Dataset:
    def __init__(self, recipe_dir=None): pass

    def __len__(self): return 2

    def __getitem__(self, index):
        turns = TURNS[index]
        rttm = "".join(f"SPEAKER r{index} 1 {a} {b - a} <NA> <NA> {who} <NA> <NA>\\n"
                       for a, b, who in turns)
        speech = np.full(8000, 0.25 + 0.25 * index, dtype=np.float32)
        return {"utt_id": f"r{index}", "speech": speech, "turns": turns, "rttm": rttm}
'''
MODEL = '''
"""Says of every recording that one speaker speaks for 4 s and another one from then on."""


class Turns:
    def __call__(self, speech):
        turns = [{"start": 0, "end": 4, "speaker": "x", "text": ""},
                 {"start": 4, "end": 8, "speaker": "y", "text": ""}][:1 + int(speech.max() > 0.4)]
        lines = (f"SPEAKER r 1 {one['start']} 4 <NA> <NA> {one['speaker']} <NA> <NA>"
                 for one in turns)
        return {"turns": turns, "rttm": "\\n".join(lines), "wave": speech}
'''


@pytest.fixture
def recipe(tmp_path):
    files = {"recipe.yaml": MANIFEST, "dataset/__init__.py": DATASET, "src/model.py": MODEL}
    for name, text in {**files, "src/__init__.py": ""}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    compiled = run("-m", "espnet3_compiler", "recipe.yaml", folder=tmp_path)
    assert compiled.returncode == 0, compiled.stderr
    return tmp_path


@pytest.mark.skipif(
    find_spec("simpleder") is None, reason="simpleder is not installed; make test installs it"
)
def test_segments_and_recordings_of_infer_are_measured(recipe):
    done = run(
        "build/run.py",
        "--stages",
        "all",
        folder=recipe,
        PYTHONPATH=os.pathsep.join(filter(None, [str(VERSA), os.environ.get("PYTHONPATH")])),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = recipe.glob("exp/**/metrics.json")
    found = {name: tests["dev"] for name, tests in json.loads(file.read_text())["metrics"].items()}
    assert next(iter(found["der"].items())) == ("der", pytest.approx(100 / 13))
    assert found["der"]["miss"] == found["der"]["der"]
    assert found["der_collar"]["der"] == 0
    assert found["versa"]["level"] == pytest.approx(0.375, abs=1e-3)
    assert found["versa"]["distance"] == pytest.approx(0, abs=1e-3)
