"""Bundles: closed, movable, and silent unless trusted."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from inference_kit import WORDS, in_recipe, make_context

from espnet3_runtime.errors import UserError
from espnet3_runtime.publication.bundle import inside, open_bundle
from espnet3_runtime.publication.model import InferenceModel
from espnet3_runtime.publication.trust import is_harmless
from espnet3_runtime.stages.pack_model import pack_model

LATE = {"checkpoint": "${stages.train.best_checkpoint}"}
RUNNER = {"_target_": "src.decode.Reader", "word_list": "exp/words.txt"}
INFERENCE = {
    "dataset": {"test": [{"name": "a"}]},
    "checkpoint": "best.ckpt",
    "runner": RUNNER,
    "input_key": "speech",
    "contract": {
        "inputs": {"speech": {"kind": "audio", "sample_rate": 16000}},
        "outputs": {"text": {"kind": "text"}},
    },
    "device": "cpu",
}
MODEL = {"_target_": "src.model.Scale", "vocab_file": "data/vocab.txt"}


@pytest.fixture
def recipe(tmp_path):
    with in_recipe(tmp_path / "recipe") as directory:
        torch.save({"state_dict": {"scale": torch.ones(1)}}, "best.ckpt")
        Path("exp").mkdir()
        Path("data").mkdir()
        Path("exp/words.txt").write_text("zero one two three four\n")
        Path("data/vocab.txt").write_text("a\n")
        yield directory


FACTS = {"class": "src.model.Scale", "parameters": 1, "detail": "Scale()"}


def pack(
    recipe, *, proof=False, publication=None, inference=None, composed=None, model=None, **changes
):
    configs = {
        "publication": {"pack_model": publication or {}},
        "inference": inference or INFERENCE,
    }
    context = make_context(
        recipe,
        "pack_model",
        configs=configs,
        composed={"inference": composed} if composed else {},
        model=model or MODEL,
        **changes,
    )
    with pytest.MonkeyPatch.context() as patch:
        if not proof:  # the fresh process takes seconds; three tests do without the shortcut
            patch.setattr("espnet3_runtime.publication.pack.load_elsewhere", lambda _: FACTS)
        return pack_model(context)["bundle"]


def speech(*words):
    names = ["zero", "one", "two", "three", "four"]
    values = np.array([names.index(word) for word in words], dtype=np.float32) / 10
    return np.repeat(values, 160)


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
    assert "src" not in sys.modules
    assert str(moved / "code") not in sys.path


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
    command = [sys.executable, "-m", "espnet3_runtime.publication.transcribe", str(moved), "a.wav"]
    refused = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert refused.returncode == 1
    assert "wants to run code of its own: src.decode.Reader, src.model.Scale" in refused.stderr
    assert "Traceback" not in refused.stderr
    command.append("--trust_user_code")
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.stdout == "a.wav\ttwo\n"
    command += ["--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
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


def test_weights_are_the_checkpoints(recipe):
    torch.save({"state_dict": {"scale": torch.full((1,), 2.0)}}, "best.ckpt")
    bundle = pack(recipe)
    assert InferenceModel.from_packed(bundle, trust_user_code=True)(speech("two"))["text"] == "four"
    from safetensors.torch import load_file

    assert load_file(bundle / "model.safetensors")["scale"].item() == 2.0
    meta = json.loads((bundle / "bundle.json").read_text())
    assert meta["checkpoint"]["path"] == "best.ckpt"
    assert not list(bundle.rglob("*.ckpt"))


def test_references_become_files_and_secrets_stay_out(recipe, monkeypatch):
    monkeypatch.setenv("TINY_TOKEN", "s3cr3t-value")
    composed = {
        **INFERENCE,
        **LATE,
        "runner": {"_target_": "src.decode.Reader", "word_list": "${stages.tok.token_list}"},
    }
    Path("src/model.py").write_text(
        Path("src/model.py").read_text().replace("width=1", "width=1, token=None")
    )
    bundle = pack(
        recipe,
        composed=composed,
        model={**MODEL, "token": "s3cr3t-value"},
        composed_model={**MODEL, "token": "${oc.env:TINY_TOKEN}"},
    )
    everything = b"".join(path.read_bytes() for path in bundle.rglob("*") if path.is_file())
    assert b"s3cr3t" not in everything
    assert "word_list: bundle://files/words.txt" in (bundle / "inference.yaml").read_text()
    assert "${oc.env:TINY_TOKEN}" in (bundle / "model.yaml").read_text()
    assert str(recipe).encode() not in everything
    monkeypatch.delenv("TINY_TOKEN")
    with pytest.raises(UserError, match='the environment variable "TINY_TOKEN" is not set'):
        InferenceModel.from_packed(bundle, trust_user_code=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"checkpoint": "none.ckpt"}, 'there is no checkpoint ".*none.ckpt"'),
        ({"runner": {**RUNNER, "word_list": "exp/no.txt"}}, 'would lack "exp/no.txt"'),
    ],
)
def test_a_missing_file_is_named(recipe, change, message):
    with pytest.raises(UserError, match=message):
        pack(recipe, inference={**INFERENCE, **change})
    assert not (recipe / "exp/tiny/pack_model/bundle").exists()


def test_missing_outputs_of_stages_are_named(recipe):
    missing = {**INFERENCE, "runner": {**RUNNER, "word_list": str(recipe / "exp/tokens")}}
    late = {**INFERENCE, "runner": {**RUNNER, "word_list": "${stages.tok.token_list}"}}
    with pytest.raises(UserError, match="would lack") as caught:
        pack(recipe, inference=missing, composed=late)
    assert "inference.runner.word_list" in str(caught.value)


def test_code_that_is_left_out_is_named(recipe):
    with pytest.raises(UserError, match=r"would lack code that it runs: src/words\.py") as caught:
        pack(recipe, publication={"exclude": ["src/words.py"]})
    assert "pack_model.include" in str(caught.value)


def test_files_that_code_opens_by_itself_are_named(recipe):
    Path("conf").mkdir()
    Path("conf/lexicon.txt").write_text("a\n")
    decode = Path("src/decode.py")
    decode.write_text(
        decode.read_text().replace(
            "def __init__(self, word_list=None):",
            'def __init__(self, word_list=None):\n        open("conf/lexicon.txt").read()',
        )
    )
    with pytest.raises(UserError, match=r"opens files that would not be inside: conf/lexicon\.txt"):
        pack(recipe)


def test_what_only_works_beside_the_recipe_is_found_by_trying(recipe):
    Path("exp/hidden.txt").write_text("a\n")
    Path("src/model.py").write_text(
        Path("src/model.py")
        .read_text()
        .replace("super().__init__()", "super().__init__(); open('/'.join(['exp', 'hidden.txt']))")
    )
    with pytest.raises(UserError, match="does not load outside of the recipe") as caught:
        pack(recipe, proof=True)
    assert "exp/hidden.txt" in str(caught.value)


def test_packing_again_replaces_the_bundle(recipe):
    pack(recipe)
    (recipe / "exp/tiny/pack_model/bundle/stray.txt").touch()
    bundle = pack(recipe, publication={"files": {"notes/words.txt": "exp/words.txt"}})
    assert not (bundle / "stray.txt").exists()
    model = InferenceModel.from_packed(bundle, trust_user_code=True)
    assert model.files["notes/words.txt"].read_text().startswith("zero")


def test_a_named_file_cannot_leave_the_bundle(recipe):
    with pytest.raises(UserError, match="leads out of the bundle"):
        pack(recipe, publication={"files": {"../../words.txt": "exp/words.txt"}})


def test_the_model_card(recipe):
    scores = {
        "metrics": {"wer": {"a": {"wer": 1.5}}},
        "about": {"wer": {"headline": "wer", "unit": "%"}},
    }
    Path("metrics.json").write_text(json.dumps(scores))
    found = {
        "upstream": {"measure.metrics": recipe / "metrics.json"},
        "upstream_kinds": {"measure": "measure"},
    }
    card = (pack(recipe, proof=True, **found) / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: espnet3-compile\n")
    assert "pipeline_tag: automatic-speech-recognition" in card
    assert "| a | 1.50 % |" in card
    assert "A `src.model.Scale` with 1 parameters." in card
    assert "${" not in card
    own = recipe / "card.md"
    own.write_text("# ${recipe} by ${author}\n${nothing}\n${results}\n")
    settings = {"readme": "card.md", "readme_context": {"author": "me", "nothing": ""}}
    card = (pack(recipe, publication=settings, **found) / "README.md").read_text()
    assert card.startswith("# tiny/asr by me\n| test set")
    own.write_text("${resluts}")
    with pytest.raises(UserError, match="resluts") as caught:
        pack(recipe, publication=settings)
    assert 'did you mean "results"' in str(caught.value)


def test_an_altered_bundle_is_refused(recipe):
    bundle = pack(recipe)
    (bundle / "code/src/words.py").write_text("WORDS = ()\n")
    with pytest.raises(UserError, match=r'"code/src/words\.py" of the bundle .* was altered'):
        open_bundle(bundle)
    (bundle / "code/src/words.py").unlink()
    with pytest.raises(UserError, match=r'lacks "code/src/words\.py"'):
        open_bundle(bundle)
    (bundle / "bundle.json").write_text("{}")
    with pytest.raises(UserError, match="does not describe a bundle"):
        open_bundle(bundle)
    with pytest.raises(UserError, match="is no bundle"):
        open_bundle(bundle.parent)


@pytest.mark.parametrize("name", ["../up", "/etc/passwd", "a/../../b", "c:\\x", "link/x"])
def test_names_cannot_leave_the_bundle(tmp_path, name):
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "link").symlink_to(tmp_path)
    with pytest.raises(UserError, match="leads out of the bundle"):
        inside(bundle, name)


def test_paths_in_configs_cannot_leave_the_bundle(recipe):
    bundle = pack(recipe)
    file = bundle / "inference.yaml"
    file.write_text(file.read_text().replace("bundle://files/words.txt", "bundle://../../x"))
    with pytest.raises(UserError, match="leads out of the bundle"):
        InferenceModel.from_packed(bundle, trust_user_code=True, verify=False)


def test_a_bundle_without_code_needs_no_trust(recipe):
    model = {"_target_": "torch.nn.Linear", "in_features": 160, "out_features": 1}
    torch.save(torch.nn.Linear(160, 1).state_dict(), "best.ckpt")
    inference = {**INFERENCE, "runner": None, "model": model, "checkpoint": None, "contract": None}
    bundle = pack(recipe, inference=inference, publication={"include": []})
    loaded = InferenceModel.from_packed(bundle)
    assert loaded.bundle.code == ()


@pytest.mark.parametrize(
    ("target", "harmless"),
    [
        ("torch.nn.Linear", True),
        ("torch.nn.modules.conv.Conv1d", True),
        ("torch.nn.Module", True),
        ("espnet3_runtime.data.collate.CommonCollateFn", True),
        ("espnet3_runtime.atomic.write_text", False),
        ("torch.nn.utils.rnn.torch.load", False),
        ("torch.nn.modules.module.torch.hub.load", False),
        ("torch.load", False),
        ("os.system", False),
        ("builtins.eval", False),
        ("src.model.Scale", False),
        ("torch.nn.nothing", False),
    ],
)
def test_what_is_harmless(target, harmless):
    assert is_harmless(target) is harmless


def test_a_bundle_can_come_from_any_working_directory(moved, monkeypatch):
    monkeypatch.chdir(moved.parent)
    model = InferenceModel.from_packed(os.path.relpath(moved), trust_user_code=True)
    monkeypatch.chdir("/")
    assert model(speech("one"))["text"] == "one"


def test_a_bundle_from_the_hub(moved, monkeypatch):
    from types import SimpleNamespace

    from espnet3_runtime.publication import hub

    errors = pytest.importorskip("huggingface_hub.errors")
    asked = []

    def snapshot_download(repo, revision):
        asked.append((repo, revision))
        if repo == "me/none":
            raise errors.OfflineModeIsEnabled("offline")
        return str(moved)

    fake = SimpleNamespace(snapshot_download=snapshot_download, errors=errors)
    monkeypatch.setattr(hub, "_library", lambda: fake)
    model = InferenceModel.from_pretrained("me/tiny", revision="v1", trust_user_code=True)
    assert model(speech("four"))["text"] == "four"
    assert asked == [("me/tiny", "v1")]
    with pytest.raises(UserError, match="wants to run code of its own"):
        InferenceModel.from_pretrained("me/tiny")
    with pytest.raises(UserError, match="the hub cannot be used: offline"):
        InferenceModel.from_pretrained("me/none")


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
