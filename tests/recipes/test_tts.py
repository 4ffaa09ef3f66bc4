"""digits/tts runs for real, made small: phones become spectra, and spectra waves that are heard."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet3_runtime.inference.scp import read_scp
from evaluation.recipes import settings
from tests.recipes.recipe_runs import copy_recipes, module, put_recogniser, run

pytest.importorskip("espeakng_loader")

SMALL = (
    "training.create_dataset.sizes={train: 24, valid: 2, test: 3}",
    "training.trainer.max_epochs=1",
    "acoustic.width=16",
    "voice.generator.width=16",
    "vocoder.trainer.max_epochs=1",
    "vocoder.dataloader.train.num_iters_per_epoch=2",
)
SPEAK = """
import sys
from espnet3_runtime.errors import UserError
from espnet3_runtime.publication.model import InferenceModel

model = InferenceModel.from_packed(sys.argv[1], trust_user_code=True)
wave = model("One two")["wave"]
print(wave.ndim, len(wave) > 300, abs(wave).max() <= 1)
try:
    model("one hundred")
except UserError as error:
    print(error.message)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return copy_recipes(tmp_path) / "digits" / "tts"


@pytest.mark.timeout(900)
def test_digits_are_spoken_by_a_bundle_and_heard_by_another(
    folder: Path, tmp_path: Path, recogniser: Path
) -> None:
    compiled = run("-m", "espnet3_compiler", "recipe.yaml", *settings(SMALL), folder=folder)
    assert compiled.returncode == 0, compiled.stderr
    refused = run("build/run.py", folder=folder)
    assert refused.returncode == 1
    assert 'there is no directory "../asr/exp/recipe/pack_model/bundle"' in refused.stderr
    assert not (folder / "data").exists(), "no stage had started"

    put_recogniser(recogniser, folder.parent)
    done = run("build/run.py", folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    exp = folder / "exp" / "recipe"
    lexicon = (exp / "prepare_tokens/lexicon.tsv").read_text()
    assert "one\tw 'V n\n" in lexicon
    assert len(lexicon.splitlines()) == 10
    log = (exp / "train_vocoder/train_vocoder.log").read_text()
    assert "frozen: acoustic" in log
    curves = (exp / "train_vocoder/curves.jsonl").read_text()
    assert "generator/loss" in curves
    assert "discriminator/loss" in curves
    scores = json.loads((exp / "measure/metrics.json").read_text())["metrics"]["mcd"]["test"]
    assert scores["items"] == 3
    assert scores["mcd"] > 0
    heard = json.loads((exp / "measure_words/metrics.json").read_text())["metrics"]["wer"]
    assert {name: score["utterances"] for name, score in heard.items()} == {
        "spoken": 3,
        "recordings": 3,
    }

    spoken = run("-c", SPEAK, str(exp / "pack_model/bundle"), folder=tmp_path)
    assert spoken.returncode == 0, spoken.stderr
    assert spoken.stdout.splitlines()[0] == "1 True True"
    assert 'the word "hundred" is not in the lexicon' in spoken.stdout
    demo = (exp / "pack_demo/demo/demo.yaml").read_text()
    assert demo.index("type: text") < demo.index("type: audio")
    _check_data(folder, read_scp(exp / "infer/test/wave.scp"))


def _check_data(folder: Path, waves: dict[str, str]) -> None:
    """Check that durations fill the recordings, and that a data set reads spoken waves instead."""
    dataset = module("digits/tts", "dataset.dataset").Dataset
    for item in dataset("train", folder / "data"):
        phones = item["phones"].replace("|", "").split()
        assert len(phones) == len(item["durations"])
        assert sum(item["durations"]) == len(item["speech"])
        assert min(item["durations"]) > 0
    absolute = {name: str(folder / path) for name, path in waves.items()}
    scp = folder / "waves.scp"
    scp.write_text("".join(f"{name} {path}\n" for name, path in absolute.items()))
    first = dataset("test", folder / "data", waves=str(scp))[0]
    heard, rate = soundfile.read(absolute[first["utt_id"]], dtype="float32")
    assert rate == 16000
    assert np.array_equal(first["speech"], heard)


def test_lost_phones_are_aligned_again(tmp_path: Path) -> None:
    builder = module("digits/tts", "dataset.builder").DatasetBuilder(str(tmp_path))
    settings = {"sizes": {"valid": 1}, "seed": 1, "longest": 1}
    builder.build(**settings, jobs=1)
    assert builder.is_built(**settings)
    (tmp_path / "digits" / "valid.phones.tsv").unlink()
    assert not builder.is_built(**settings)
