"""Bundles in use: movable, and silent unless trusted."""

import json
import os
import shutil
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet3_runtime.errors import UserError
from espnet3_runtime.publication.model import InferenceModel
from tests.recipes.recipe_runs import run
from tests.runtime.bundle_kit import INFERENCE, pack, speech
from tests.runtime.inference_kit import WORDS


@pytest.fixture
def moved(recipe, tmp_path, monkeypatch):
    """A bundle far from its recipe, which is gone."""
    bundle = pack(recipe)
    assert not list(bundle.rglob("__pycache__"))
    place = tmp_path / "far" / "away"
    shutil.move(bundle, place)
    monkeypatch.chdir(tmp_path)
    shutil.rmtree(recipe)
    sys.path.remove(str(recipe))
    for name in [name for name in sys.modules if name.partition(".")[0] == "src"]:
        del sys.modules[name]
    yield place
    recipe.mkdir()
    sys.path.insert(0, str(recipe))


def test_a_bundle_works_where_its_recipe_is_gone(moved):
    model = InferenceModel.from_packed(moved, trust_user_code=True)
    assert model(speech("two", "four"), 16000) == {"text": "two four"}
    assert model.forward_batch([speech("one"), speech("zero", "three")]) == [
        {"text": "one"},
        {"text": "zero three"},
    ]
    assert model(speech=speech("two", "four")) == {"text": "two four"}  # as the stage infer does
    assert "src" not in sys.modules
    assert str(moved / "code") not in sys.path


def test_inputs_by_name_without_a_contract(recipe):
    bundle = pack(recipe, inference={**INFERENCE, "contract": None})
    model = InferenceModel.from_packed(bundle, trust_user_code=True)
    assert model(speech=speech("two", "four")) == {"text": "two four"}


def test_audio_files_of_any_rate_and_channels(moved, tmp_path):
    wave = speech("two", "four", "one")
    model = InferenceModel.from_packed(moved, trust_user_code=True)
    soundfile.write(tmp_path / "plain.wav", wave, 16000)
    assert model(tmp_path / "plain.wav") == {"text": "two four one"}
    soundfile.write(tmp_path / "stereo.flac", np.stack([wave, wave], 1), 16000)
    assert model(str(tmp_path / "stereo.flac")) == {"text": "two four one"}
    constant = np.full(32000, 0.3, dtype=np.float32)
    soundfile.write(tmp_path / "fast.wav", constant, 32000, subtype="FLOAT")
    words = model(tmp_path / "fast.wav")["text"].split()
    assert len(words) == 100
    assert set(words[1:-1]) == {"three"}
    assert model({"speech": tmp_path / "plain.wav"}) == {"text": "two four one"}
    with pytest.raises(UserError, match=r'there is no audio file "none\.wav"'):
        model("none.wav")
    with pytest.raises(UserError, match="samples that are not finite"):
        model(np.array([np.nan], dtype=np.float32))


def test_the_command_line(moved, tmp_path):
    soundfile.write(tmp_path / "a.wav", speech("two"), 16000)
    command = ["-m", "espnet3_runtime.publication.transcribe", str(moved), "a.wav"]
    refused = run(*command, folder=tmp_path)
    assert refused.returncode == 1
    assert "wants to run code of its own: src.decode.Reader, src.model.Scale" in refused.stderr
    assert "Traceback" not in refused.stderr
    command.append("--trust_user_code")
    done = run(*command, folder=tmp_path)
    assert done.stdout == "a.wav\ttwo\n"
    command += ["--format", "json"]
    done = run(*command, folder=tmp_path)
    assert json.loads(done.stdout) == {"file": "a.wav", "text": "two"}


def test_code_of_a_bundle_runs_only_when_trusted(moved, tmp_path):
    mark = tmp_path / "ran"
    model = moved / "code/src/model.py"
    model.write_text(f"open({str(mark)!r}, 'w')\n" + model.read_text())
    with pytest.raises(UserError, match="wants to run code of its own") as caught:
        InferenceModel.from_packed(moved, verify=False)
    assert "it carries: " in str(caught.value)
    assert "src/model.py" in str(caught.value)
    assert not mark.exists()
    InferenceModel.from_packed(moved, verify=False, trust_user_code=True)
    assert mark.exists()


def test_bundles_whose_packages_have_one_name(recipe):
    """Both call their package "src"; ESPnet3 refuses the second."""
    first = pack(recipe)
    first = first.rename(first.with_name("first"))
    words = Path("src/words.py")
    words.write_text(WORDS.replace("two", "zwei"))
    for name in [name for name in sys.modules if name.partition(".")[0] == "src"]:
        del sys.modules[name]
    second = pack(recipe, inference={**INFERENCE, "runner": {"_target_": "src.decode.Reader"}})
    import src.words as mine

    one = InferenceModel.from_packed(first, trust_user_code=True)
    two = InferenceModel.from_packed(second, trust_user_code=True)
    assert one(speech("two"))["text"] == "two"
    assert two(speech("two"))["text"] == "zwei"
    assert one(speech("two"))["text"] == "two"
    assert sys.modules["src.words"] is mine


SLOW = """
import time


def read(model, speech, speech_lengths):
    time.sleep(0.001)  # another thread gets its turn
    from src import words
    return [{"text": words.WORDS[2]} for _ in speech]
"""


def test_two_threads_call_two_bundles_whose_packages_have_one_name(recipe):
    bundles = []
    Path("src/decode.py").write_text(SLOW)
    runner = {"_target_": "src.decode.read", "_partial_": True}
    for name in ("two", "zwei"):
        Path("src/words.py").write_text(WORDS.replace("two", name))
        bundle = pack(recipe, inference={**INFERENCE, "runner": runner})
        bundles.append(bundle.rename(bundle.with_name(name)))
    models = [InferenceModel.from_packed(one, trust_user_code=True) for one in bundles]
    start = threading.Barrier(2)
    before = {name for name in sys.modules if name.partition(".")[0] == "src"}

    def call(model):
        start.wait(timeout=30)
        return {model(speech("two"))["text"] for _ in range(50)}

    with ThreadPoolExecutor(2) as pool:
        texts = list(pool.map(call, models))
    assert texts == [{"two"}, {"zwei"}]
    assert {name for name in sys.modules if name.partition(".")[0] == "src"} == before


def test_imports_inside_functions_find_the_bundle(recipe):
    Path("src/decode.py").write_text(
        "def read(model, speech, speech_lengths):\n"
        "    from src.words import WORDS\n"
        "    return [{'text': WORDS[2]} for _ in speech]\n"
    )
    bundle = pack(
        recipe,
        inference={**INFERENCE, "runner": {"_target_": "src.decode.read", "_partial_": True}},
    )
    Path("src/words.py").write_text("WORDS = 'abc'\n")
    model = InferenceModel.from_packed(bundle, trust_user_code=True)
    assert model(speech("one"))["text"] == "two"


def test_a_bundle_can_come_from_any_working_directory(moved, monkeypatch):
    monkeypatch.chdir(moved.parent)
    model = InferenceModel.from_packed(os.path.relpath(moved), trust_user_code=True)
    monkeypatch.chdir("/")
    assert model(speech("one"))["text"] == "one"


def test_options_of_a_call_reach_the_runner(recipe):
    Path("src/decode.py").write_text(
        "def read(model, speech, speech_lengths, beam=1):\n"
        "    return [{'text': f'beam {beam}'} for _ in speech]\n"
    )
    runner = {"_target_": "src.decode.read", "_partial_": True}
    model = InferenceModel.from_packed(
        pack(recipe, inference={**INFERENCE, "runner": runner}), trust_user_code=True
    )
    assert model(speech("one"), beam=5) == {"text": "beam 5"}
    with pytest.raises(UserError, match="unexpected keyword argument 'width'"):
        model(speech("one"), width=3)
