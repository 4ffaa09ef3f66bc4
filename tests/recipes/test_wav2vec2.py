"""digits/wav2vec2 runs for real, made small: a model of transformers, and one of a cache."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.recipes.recipe_runs import copy_recipes, run, run_all

pytest.importorskip("transformers")
pytest.importorskip("espeakng_loader")

SMALL = (
    "training.create_dataset.sizes={train: 16, valid: 4, test: 4}",
    "training.trainer.max_epochs=1",
    "tuning.trainer.max_epochs=1",
)
COMMIT = "0" * 40


def cache_on_disk(place: Path, directory: Path) -> None:
    """Lay a directory into a cache of the hub, as its client does after a download."""
    repository = place / "hub" / "models--somebody--digits"
    shutil.copytree(directory, repository / "snapshots" / COMMIT)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)


def replaced(file: Path, before: str, after: str) -> None:
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))


@pytest.mark.timeout(900)
@pytest.mark.slow
def test_a_model_of_transformers_is_trained_saved_tuned_and_packed(tmp_path: Path) -> None:
    folder = copy_recipes(tmp_path) / "digits" / "wav2vec2"
    said = run_all(folder, SMALL)
    exp = folder / "exp" / "recipe"
    assert "transformers.Wav2Vec2ForCTC: 648,034 parameters" in said
    assert "frozen: wav2vec2.feature_extractor" in (exp / "tune" / "tune.log").read_text()
    scores = json.loads((exp / "measure" / "metrics.json").read_text())["metrics"]
    assert scores["wer"]["test"]["utterances"] == 4

    bundle = exp / "pack_model" / "bundle"
    assert list(bundle.rglob("vocab.json"))
    elsewhere = Path(shutil.move(bundle, tmp_path / "elsewhere"))
    wav = next((folder.parent / "asr" / "data").rglob("*.wav"))
    transcribe = ("-m", "espnet3_runtime.publication.transcribe", str(elsewhere), str(wav))
    heard = run(*transcribe, "--trust_user_code", folder=tmp_path, HF_HUB_OFFLINE="1")
    assert heard.returncode == 0, heard.stderr
    assert heard.stdout.startswith(str(wav))

    # The same with a name on the hub, offline: first not in the cache, then in it.
    manifest = folder / "recipe.yaml"
    replaced(manifest, "${stages.save.pretrained}", "somebody/digits")
    home = {"HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"}
    sets = [word for one in SMALL for word in ("--set", one)]
    compiled = run("-m", "espnet3_compiler", "recipe.yaml", *sets, folder=folder)
    assert compiled.returncode == 0, compiled.stderr
    stages = ("build/run.py", "--stages", "tune", "infer", "pack_model")
    before = (exp / "stages" / "tune.json").read_bytes()
    refused = run(*stages, folder=folder, **home)
    assert refused.returncode == 1
    assert "error[R903 construction-failed]" in refused.stderr
    assert '"somebody/digits" is not in the cache' in refused.stderr
    assert (exp / "stages" / "tune.json").read_bytes() == before, "no stage had started"
    cache_on_disk(tmp_path / "home", exp / "pretrained")
    done = run(*stages, folder=folder, **home)
    assert done.returncode == 0, done.stdout + done.stderr
    facts = (bundle / "README.md").read_text()
    assert "transformers.models.wav2vec2.modeling_wav2vec2.Wav2Vec2ForCTC" in facts

    # And a directory that a manifest names, without what such a directory has.
    os.mkdir(folder / "empty")  # noqa: PTH102
    replaced(manifest, "somebody/digits", "empty")
    compiled = run("-m", "espnet3_compiler", "recipe.yaml", *sets, folder=folder)
    assert compiled.returncode == 0, compiled.stderr
    looked = run("build/run.py", "--preflight", "--stages", "tune", folder=folder)
    assert 'the directory "empty" has no config.json' in looked.stderr
    replaced(
        manifest, "pretrained_model_name_or_path: empty", "pretrained_model_name_or_path: ./emty"
    )
    checked = run("-m", "espnet3_compiler", "--check", "recipe.yaml", folder=folder)
    assert 'error[R701 missing-file]: the recipe has no directory "./emty"' in checked.stderr
