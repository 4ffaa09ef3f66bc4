"""The recipes in the wheel espnet 202611 become recipes that check clean."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from espnet3_compiler.pipeline import compile_manifest

VARIANTS = {
    "mini_an4": [
        "recipe.yaml",
        "recipe_asr_streaming.yaml",
        "recipe_asr_streaming_parallel.yaml",
        "recipe_asr_streaming_serial.yaml",
        "recipe_asr_transducer.yaml",
        "recipe_asr_transformer.yaml",
        "recipe_asr_transformer_split_preprocessor.yaml",
        "recipe_transducer_asr_conformer_rnnt.yaml",
    ],
    "librispeech_100": ["recipe.yaml"],
    "spgispeech": ["recipe.yaml"],
}


def run(folder: Path, path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "espnet3_compiler", *words]
    environment = {**os.environ, "PYTHONPATH": str(path)}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def converted(espnet: Path, tmp_path_factory) -> dict[str, tuple[Path, dict]]:
    """Convert the recipes where ESPnet can be looked into; return folder and report of each."""
    made = {}
    for name in VARIANTS:
        folder = tmp_path_factory.mktemp(name) / "egs3" / name / "esp2_asr"
        shutil.copytree(espnet / "egs3" / name / "esp2_asr", folder)
        done = run(folder, espnet, "--from-espnet3", ".", "--format", "json")
        assert done.returncode == 0, done.stderr
        made[name] = (folder, json.loads(done.stdout))
    return made


def config(folder: Path, name: str) -> dict:
    return yaml.safe_load((folder / name).read_text())


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_checks_clean_with_every_target_looked_at(name, converted, espnet):
    folder, report = converted[name]
    assert sorted(p.name for p in folder.glob("*.yaml")) == sorted(VARIANTS[name])
    assert report["clean"]
    checked = run(folder, espnet, "--check", "--strict", *VARIANTS[name])
    assert checked.returncode == 0, checked.stderr
    assert ", 0 not checked" in checked.stderr


@pytest.mark.parametrize("name", VARIANTS)
def test_the_originals_are_untouched(name, converted, espnet):
    folder, _ = converted[name]
    source = espnet / "egs3" / name / "esp2_asr"
    files = [p for p in source.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    assert source / "run.py" in files
    for path in files:
        assert (folder / path.relative_to(source)).read_bytes() == path.read_bytes()


def test_it_compiles(converted, espnet):
    folder, _ = converted["librispeech_100"]
    compiled = run(folder, espnet, "recipe.yaml")
    assert compiled.returncode == 0, compiled.stderr
    lock = json.loads((folder / "build" / "recipe.lock.json").read_text())
    needs = {stage["name"]: stage["needs"] for stage in lock["stages"]}
    assert "collect_stats" in needs["train"]  # through the file of global_mvn
    assert "train_tokenizer" in needs["train"]
    assert "train" in needs["infer"]


def test_every_key_that_is_left_out_is_noted_with_its_line(converted, espnet):
    expected = {
        ("mini_an4", "conf/training.yaml", "model.vocab_size"),
        ("mini_an4", "conf/training.yaml", "model.encoder"),  # the task has no such option
        ("mini_an4", "conf/training_asr_transformer.yaml", "init"),
        ("mini_an4", "conf/training_asr_streaming.yaml", "dataloader.train.total_shards"),
        ("mini_an4", "conf/training.yaml", "tokenizer.character_coverage"),
        ("mini_an4", "conf/demo.yaml", "ui.app_script"),
    }
    for name, file, key in expected:
        folder, report = converted[name]
        notes = [n for n in report["changed"] if (n["file"], n["key"]) == (file, key)]
        assert len(notes) == 1, (file, key)
        line = (folder / file).read_text().splitlines()[notes[0]["line"] - 1]
        assert line.strip().startswith(f"{key.rpartition('.')[2]}:")


def espnet3s_own(espnet: Path, folder: Path, file: Path) -> dict:
    """Merge a training config as ESPnet3 does, with OmegaConf and ESPnet3's own defaults."""
    from omegaconf import OmegaConf

    for resolver in ("self_name", "config_path"):
        OmegaConf.register_new_resolver(resolver, lambda *_: "x", replace=True)
    template = OmegaConf.load(espnet / "egs3" / "TEMPLATE" / "esp2_asr" / "conf" / "training.yaml")
    merged = OmegaConf.merge(template, OmegaConf.load(file))
    return OmegaConf.to_container(merged, resolve=True)


OTHERWISE = {"trainer": {"logger", "check_val_every_n_epoch"}}
"""Keys of the trainer that stand for what our runtime or Lightning does by itself."""


@pytest.mark.parametrize("name", VARIANTS)
def test_values_are_those_that_espnet3_would_use(name, converted, espnet, monkeypatch):
    monkeypatch.syspath_prepend(str(espnet))
    folder, report = converted[name]
    for manifest in VARIANTS[name]:
        plan = compile_manifest(folder / manifest).plan
        assert plan is not None
        ours = next(each.value for each in plan.configs if each.name == "training")
        source = config(folder, manifest)["configs"]["training"]
        source = source["file"] if isinstance(source, dict) else source
        file = folder / "conf" / Path(source).relative_to("conf_compile")
        theirs = espnet3s_own(espnet, folder, file)
        for key in ("optimizer", "scheduler", "best_model_criterion", "scheduler_interval"):
            assert ours[key] == theirs[key], (manifest, key)
        for key in set(theirs["trainer"]) - OTHERWISE["trainer"]:
            assert ours["trainer"][key] == theirs["trainer"][key], (manifest, key)
        for key in ("vocab_size", "model_type", "character_coverage"):
            assert ours["tokenizer"][key] == theirs["tokenizer"][key]
        for split in ("train", "valid"):
            loader = theirs["dataloader"][split]["iter_factory"]
            batches = ours["dataloader"][split]["batches"]
            assert batches["type"] == loader["batches"]["type"]
            assert batches["shuffle"] == loader["shuffle"]
            if batches["batch_bins"] is None:
                assert batches["batch_size"] == loader["batches"]["batch_size"]
            sets = [entry["data_src_args"]["split"] for entry in ours["dataset"][split]]
            assert sets == [entry["data_src_args"]["split"] for entry in theirs["dataset"][split]]
        assert ours["collect_stats"]["batch_size"] == theirs["collect_stats_batch_size"]
        assert ours["parallel"]["n_workers"] == theirs["parallel"]["n_workers"]
        (model,) = (each.value for each in plan.models)
        for key in set(theirs["model"]) - {"token_list", "normalize_conf"}:
            noted = [n for n in report["changed"] if n["key"] == f"model.{key}"]
            assert key in model or noted or theirs["model"][key] is None, (manifest, key)
            if key in model:
                assert model[key] == theirs["model"][key], (manifest, key)


@pytest.mark.parametrize("name", VARIANTS)
def test_every_key_is_in_one_list_and_none_is_lost(name, converted, espnet):
    """Every key that a user wrote and that has no keys below it is in exactly one of the lists."""
    folder, report = converted[name]
    assert report["not_carried"] == []
    listed = Counter((n["file"], n["key"]) for n in (*report["carried"], *report["changed"]))
    for path in sorted((folder / "conf").rglob("*.yaml")):
        file = path.relative_to(folder).as_posix()
        for key in leaf_keys(yaml.safe_load(path.read_text()), ""):
            assert listed[file, key] == 1, (file, key)


def leaf_keys(value: object, path: str) -> Iterator[str]:
    """Yield the paths of keys that have no keys below them."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaf_keys(item, f"{path}[{index}]")
    for key, inner in value.items() if isinstance(value, dict) else ():
        below = list(leaf_keys(inner, f"{path}.{key}"))
        yield from below or [f"{path}.{key}".removeprefix(".")]


def test_paths_of_espnet3_become_references(converted):
    folder, _ = converted["librispeech_100"]
    model = config(folder, "recipe.yaml")["models"]["model"]
    assert model["normalize_conf"] == {"stats_file": "${stages.collect_stats.feats_stats}"}
    assert model["token_list"] == "${stages.train_tokenizer.token_list}"
    inference = config(folder, "conf_compile/inference.yaml")
    assert inference["checkpoint"] == "${stages.train.averaged_checkpoint}"
    assert inference["provider"]["train_config"] == "${stages.train.task_config}"
    training = config(folder, "conf_compile/tuning/training_e_branchformer.yaml")
    bins = training["dataloader"]["train"]["batches"]["batch_bins"]
    assert bins == 3_800_000 // 80 * 160  # as many frames, counted in samples of audio
    folder, _ = converted["mini_an4"]
    inference = config(folder, config(folder, "recipe.yaml")["configs"]["inference"])
    assert inference["model"]["asr_model_file"] == "${stages.train.task_weights}"
    assert "transducer" in inference["model"]["_target_"]  # as the task of training.yaml


def test_code_of_the_recipe_itself_is_local(converted):
    folder, _ = converted["spgispeech"]
    stem = "train_asr_conformer6_n_fft512_hop_length256"
    training = config(folder, f"conf_compile/tuning/{stem}.yaml")
    assert training["tokenizer"]["text_builder"]["_target_"] == "dataset.gather_training_text"
    assert training["trainer"]["devices"] == 4  # ${num_device}


def test_without_espnet_it_is_clean_as_far_as_can_be_seen(espnet, tmp_path):
    folder = tmp_path / "egs3" / "librispeech_100" / "esp2_asr"
    shutil.copytree(espnet / "egs3" / "librispeech_100" / "esp2_asr", folder)
    done = run(folder, tmp_path, "--from-espnet3", ".")
    assert done.returncode == 0, done.stderr
    assert "could not be checked (is ESPnet importable here?)" in done.stderr
