"""digits/enh runs for real, made small, and is heard by a bundle of digits/asr."""

import json
from pathlib import Path

import pytest
import soundfile

from evaluation.recipes import settings
from tests.recipes.recipe_runs import copy_recipes, module, put_recogniser, run

pytest.importorskip("espeakng_loader")

SMALL = (
    "training.create_dataset.sizes={train: 24, valid: 4, test: 4}",
    "training.create_dataset.longest=4",
    "training.trainer.max_epochs=1",
    "enhancer.hidden_size=16",
)


@pytest.mark.timeout(900)
@pytest.mark.slow
def test_noise_is_taken_away_and_a_recogniser_of_another_recipe_listens(
    tmp_path: Path, recogniser: Path
) -> None:
    folder = copy_recipes(tmp_path) / "digits" / "enh"
    compiled = run("-m", "espnet3_compiler", "recipe.yaml", *settings(SMALL), folder=folder)
    assert compiled.returncode == 0, compiled.stderr
    refused = run("build/run.py", folder=folder)
    assert refused.returncode == 1
    assert 'there is no directory "../asr/exp/recipe/pack_model/bundle"' in refused.stderr
    assert "conf/transcription.yaml:" in refused.stderr
    assert not (folder / "data").exists(), "no stage had started"

    bundle = put_recogniser(recogniser, folder.parent)
    done = run("build/run.py", folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    exp = folder / "exp" / "recipe"
    scores = {
        stage: json.loads((exp / stage / "metrics.json").read_text())["metrics"]
        for stage in ("measure", "measure_words")
    }
    gain = scores["measure"]["si_sdr"]["test"]
    assert gain["items"] == 4
    assert gain["si_sdr"] - gain["si_sdr_noisy"] == pytest.approx(
        gain["si_sdr_improvement"], abs=1e-3
    )
    assert set(scores["measure_words"]["wer"]) == {"clean", "noisy", "enhanced"}
    wavs = sorted((exp / "infer" / "test" / "enhanced").glob("*.wav"))
    noisy = next((folder / "data").rglob(f"noisy-*/*/{wavs[0].name}"))
    assert len(wavs) == 4
    assert soundfile.info(wavs[0]).frames == soundfile.info(noisy).frames
    demo = (exp / "pack_demo" / "demo" / "demo.yaml").read_text()
    assert demo.count("type: audio") == 2

    with (bundle / "bundle.json").open("a") as file:
        file.write("\n")  # as after another training of the recogniser
    again = run("build/run.py", "--dry_run", folder=folder).stdout
    assert "measure         skipped" in again
    assert "transcribe      runs" in again
    assert "pack_model/bundle/bundle.json changed" in again


def test_a_cut_recording_is_mixed_again_and_a_split_may_be_empty(tmp_path: Path) -> None:
    builder = module("digits/enh", "dataset.mixtures").DatasetBuilder(str(tmp_path))
    settings = {"sizes": {"train": 1, "valid": 0}, "seed": 1, "longest": 1}
    builder.build(**settings, jobs=1)
    assert builder.is_built(**settings)
    (wav,) = tmp_path.rglob("noisy-*/*/*.wav")
    whole = wav.read_bytes()
    wav.write_bytes(whole[:-100])
    assert not builder.is_built(**settings)
    builder.build(**settings, jobs=1)
    assert builder.is_built(**settings)
    assert wav.read_bytes() == whole
    (tmp_path / "digits" / "train-noisy.tsv").unlink()
    assert not builder.is_built(**settings)
