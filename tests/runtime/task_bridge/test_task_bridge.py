"""Models that a task builds, from compile to bundle, with a small package in ESPnet2's form."""

import json
import shutil
from pathlib import Path
from textwrap import indent

import numpy as np
import pytest
import torch
import yaml

from espnet3_runtime.errors import UserError
from espnet3_runtime.publication.model import InferenceModel
from espnet3_runtime.task_bridge.torchaudio import torchaudio_or_placeholder
from tests.runtime.deep_kit import MANIFEST as PROBED
from tests.runtime.deep_kit import ask, of_kind, place
from tests.runtime.task_kit import DATASET, MANIFEST, REAL, TASK, espnet_in_form, run


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A recipe that ran to its end."""
    folder = tmp_path_factory.mktemp("task")
    (folder / "dataset").mkdir()
    (folder / "dataset" / "__init__.py").write_text(DATASET)
    (folder / "recipe.yaml").write_text(MANIFEST)
    compiled = run(folder, "-m", "espnet3_compiler", "--strict", "recipe.yaml")
    assert compiled.returncode == 0, compiled.stderr
    assert "0 not checked" in compiled.stderr
    done = run(folder, "build/run.py")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def fake(monkeypatch):
    with espnet_in_form(monkeypatch):
        yield


def test_a_task_is_trained_and_decoded(trained):
    exp = trained / "exp" / "recipe"
    texts = (exp / "infer" / "test" / "text.scp").read_text().splitlines()
    assert len(texts) == 4
    receipts = {path.stem: json.loads(path.read_text()) for path in (exp / "stages").glob("*.json")}
    assert {"task_config", "task_weights"} <= receipts["train"]["outputs"].keys()
    read = receipts["infer"]["inputs"]["upstream"]
    assert {"train.task_config", "train.task_weights"} <= read.keys()
    again = run(trained, "build/run.py")
    assert "nothing to do" in again.stdout, again.stdout


def test_the_statistics_are_those_of_the_frontend_and_reach_the_model(trained):
    exp = trained / "exp" / "recipe"
    stats = np.load(exp / "collect_stats" / "train" / "feats_stats.npz")
    assert stats["sum"].shape == (8,)
    weights = torch.load(exp / "train" / "model.pth", weights_only=True)
    expected = stats["sum"] / stats["count"]
    np.testing.assert_allclose(weights["normalize.mean"], expected, rtol=1e-5)


def test_the_config_is_one_of_espnet2(trained):
    text = (trained / "exp" / "recipe" / "train" / "config.yaml").read_text()
    options = yaml.safe_load(text)
    assert str(trained) not in text
    assert options["token_list"][0] == "<blank>"
    assert len(options["token_list"]) == 7
    assert options["encoder_conf"] == {"output_size": 12}
    assert options["max_epoch"] == 40
    assert "task" not in options


def test_espnet2_itself_reads_config_and_weights(trained, fake, monkeypatch):
    monkeypatch.chdir(trained)
    with torchaudio_or_placeholder():
        from espnet2.bin.asr_inference import Speech2Text
    place = Path("exp/recipe/train")
    search = Speech2Text(place / "config.yaml", place / "model.pth")
    own = search.asr_model.state_dict()
    averaged = torch.load(place / "averaged.ckpt", weights_only=True)["state_dict"]
    assert own.keys() == averaged.keys()
    assert all(torch.equal(own[name], averaged[name]) for name in own)


def test_a_bundle_works_elsewhere_and_asks_for_trust(trained, tmp_path, fake):
    exp = trained / "exp" / "recipe"
    bundle = Path(shutil.copytree(exp / "pack_model" / "bundle", tmp_path / "bundle"))
    assert (bundle / "model.safetensors").is_file()
    assert str(trained) not in (bundle / "model.yaml").read_text()
    with pytest.raises(UserError, match=r"espnet2\.tasks\.asr\.ASRTask"):
        InferenceModel.from_packed(bundle)
    model = InferenceModel.from_packed(bundle, trust_user_code=True)
    speech = np.repeat(np.array([-1.5, -0.5], dtype=np.float32) / 4, 80)
    expected = (exp / "infer" / "test" / "text.scp").read_text().splitlines()[0].split(" ", 1)[1:]
    assert model(speech)["text"] == (expected or [""])[0]


def test_only_a_model_of_a_task_has_these_outputs(tmp_path):
    manifest = MANIFEST.replace(
        "    task: espnet2.tasks.asr.ASRTask\n", "    _target_: src.model.Net\n"
    )
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "model.py").write_text("class Net:\n    def __init__(self, **k): ...\n")
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset" / "__init__.py").write_text(DATASET)
    (tmp_path / "recipe.yaml").write_text(manifest)
    checked = run(tmp_path, "-m", "espnet3_compiler", "--check", "recipe.yaml")
    assert "R404" in checked.stderr
    assert 'stage "train" has no output "task_config"' in checked.stderr
    assert 'stage "train" has no output "task_weights"' in checked.stderr


# --deep.


def edits(conf: str = "{output_size: 12}") -> dict[str, str]:
    """Make the small recipe of the probe one with a task."""
    ours = MANIFEST[MANIFEST.index("    task:") : MANIFEST.index("configs:")]
    theirs = PROBED[PROBED.index("    _target_: src.model.Net") : PROBED.index("configs:")]
    provider = MANIFEST[MANIFEST.index("    provider:") : MANIFEST.index("    input_key")]
    runner = PROBED[PROBED.index("    runner:") : PROBED.index("    input_key")]
    features = '    collect_stats: {features: "${models.net.frontend}"}\n'
    return {theirs: ours.replace("{output_size: 12}", conf), runner: provider, features: ""}


def test_a_training_config_of_its_own_makes_no_cycle_of_the_statistics(tmp_path):
    start, end = MANIFEST.index("models:"), MANIFEST.index("configs:")
    node = MANIFEST[start:end].removeprefix("models:\n  net:\n")
    own = "  training:\n    model:\n" + indent(node, "  ")
    manifest = MANIFEST[:start] + MANIFEST[end:].replace("  training:\n", own)
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset" / "__init__.py").write_text(DATASET)
    (tmp_path / "recipe.yaml").write_text(manifest)
    checked = run(tmp_path, "-m", "espnet3_compiler", "--check", "recipe.yaml")
    assert "R403" not in checked.stderr
    assert checked.stderr.count("error[") == checked.stderr.count("error[R404") == 2


def test_in_depth_a_model_of_a_task_is_built_and_called(fake, tmp_path):
    said = ask(tmp_path, edits())
    (model,) = of_kind(said, "model")
    assert model["name"] == TASK
    assert model["returns"] == "(loss, stats, weight)"
    steps = [line["what"] for line in of_kind(said, "step")]
    assert f"collecting features with {TASK}" in steps
    assert "running the inference of an item" in steps
    assert [*of_kind(said, "finding"), *of_kind(said, "note")] == []


def test_in_depth_what_a_class_refuses_is_found(fake, tmp_path):
    said = ask(tmp_path, edits("{output_size: -1}"))
    (found,) = of_kind(said, "finding")
    assert found["code"] == "R903"
    assert place(found) == "models.net.task"
    assert "ASRTask" in found["message"]


@pytest.mark.skipif(REAL, reason="ESPnet is installed here")
def test_in_depth_without_espnet_there_is_only_a_note(tmp_path):
    said = ask(tmp_path, edits())
    assert [*of_kind(said, "finding"), *of_kind(said, "model")] == []
    notes = [line["text"] for line in of_kind(said, "note")]
    assert notes == [f'{TASK}: the package "espnet2" is not installed']
