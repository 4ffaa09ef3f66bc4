"""What becomes of the parts of an ESPnet3 recipe: its stages, its methods, its configs."""

import json

import pytest
import yaml

from espnet3_compiler.cli import main as cli
from tests.compiler.convert.shapes_kit import Conversions


def manifest(converted: Conversions, name: str) -> dict:
    return yaml.safe_load((converted(name)[0] / "recipe.yaml").read_text())


def test_the_curriculum_becomes_two_stages(converted: Conversions):
    found = manifest(converted, "curriculum")
    assert found["system"] == "base"
    assert found["configs"]["training_easy"] == {
        "extends": "training_full",
        "file": "conf_compile/training_easy.yaml",
    }
    assert found["stages"][2:] == [
        {"name": "train_easy", "run": "train", "config": "training_easy"},
        {"name": "train_full", "run": "train", "config": "training_full"},
    ]
    recipe, _, report = converted("curriculum")
    full = yaml.safe_load((recipe / "conf_compile" / "training_full.yaml").read_text())
    assert full["fit"] == {"ckpt_path": "${stages.train_easy.last_checkpoint}"}
    easy = yaml.safe_load((recipe / "conf_compile" / "training_easy.yaml").read_text())
    assert easy["trainer"] == {"max_epochs": 1}
    assert {"--training_easy_config", "--training_full_config"} <= {
        item["key"] for item in report["changed"]
    }


def test_a_stage_logs_where_its_spec_says(converted: Conversions):
    recipe, _, report = converted("tts")
    declared = yaml.safe_load((recipe / "system_compile.yaml").read_text())
    assert declared["kinds"]["create_token_list"]["log_dir"] == "token_list.save_path"
    assert cli.main([str(recipe / "recipe.yaml")]) == 0
    lock = json.loads((recipe / "build" / "recipe.lock.json").read_text())
    logs = {stage["name"]: stage["log_dir"] for stage in lock["stages"] if "log_dir" in stage}
    assert logs == {"create_token_list": "data/tokens"}
    assert "log_dir of create_token_list: token_list.save_path" in {
        item["key"] for item in report["changed"]
    }


def test_a_second_model_is_trained_by_its_own_stage(converted: Conversions):
    found = manifest(converted, "svs")
    assert found["models"]["model_vocoder"]["size"] == 8
    assert found["stages"][3] == {
        "name": "train_vocoder",
        "run": "train",
        "config": "vocoder",
        "model": "model_vocoder",
    }


def test_methods_of_a_system_are_kept_as_they_are(converted: Conversions):
    recipe, _, report = converted("ssl")
    found = manifest(converted, "ssl")
    assert found["system"] == "system_compile.SSLSystem"
    declared = yaml.safe_load((recipe / "system_compile.yaml").read_text())["kinds"]
    assert declared["make_targets"]["roles"] == {
        "make_targets_targets": {},
        "make_targets_training": {},
    }
    assert declared["make_targets"]["consumes"] == ["create_dataset", "collect_stats", "train"]
    config = yaml.safe_load((recipe / "conf_compile/make_targets_targets.yaml").read_text())
    assert config == {"clusters": 100, "layer": 6, "out": "data/targets"}
    (clusters,) = [item for item in report["changed"] if item["key"] == "clusters"]
    assert clusters["to"] == "clusters of the config make_targets_targets"


def test_metrics_that_ours_measure_too_become_ours(converted: Conversions):
    recipe, _, report = converted("spoken")
    found = yaml.safe_load((recipe / "conf_compile/metrics.yaml").read_text())["metrics"]
    package = "espnet3_runtime.metrics."
    scores = [{"name": "pesq"}, {"name": "pseudo_mos", "predictor_types": ["utmos"]}]
    pair = {"ref": "dataset:speech", "enhanced": "wav"}
    assert found == [
        {
            "metric": {"_target_": f"{package}versa.VERSA", "use_gpu": True, "scores": scores},
            "inputs": {"generated": "wav", "ref": "dataset:speech", "text": "dataset:text"},
        },
        {"metric": {"_target_": f"{package}stoi.STOI", "sample_rate": 8000}, "inputs": pair},
        {"metric": {"_target_": f"{package}si_sdr.SISDR"}, "inputs": pair},
    ]
    changed = {item["key"]: item["to"] for item in report["changed"]}
    assert changed["metrics[0].metric.score_config"] == "metric.scores"
    assert changed["metrics[1].metric.ref_key"] == "inputs.ref"


def test_a_recipe_may_train_nothing(converted: Conversions):
    found = manifest(converted, "s2t")
    assert "models" not in found
    assert list(found["configs"]) == ["inference", "metrics"]


@pytest.mark.parametrize(
    ("name", "loader"),
    [
        (
            "tse",
            {
                "batches": {
                    "type": "numel",
                    "length_key": ["enroll", "text"],
                    "batch_bins": 900,
                    "shuffle": False,
                }
            },
        ),
        (
            "enh",
            {
                "batches": {
                    "type": "chunk",
                    "batch_size": 4,
                    "chunk_length": 100,
                    "chunk_shift_ratio": 0.25,
                    "chunk_excluded_keys": ["enroll"],
                    "drop_last": True,
                    "shuffle": False,
                }
            },
        ),
        (
            "cls",
            {
                "num_iters_per_epoch": 7,
                "batches": {"type": "category", "category_key": "label", "batch_size": 3},
            },
        ),
        (
            "folded",
            {
                "batches": {
                    "type": "folded",
                    "batch_size": 20,
                    "length_key": ["speech", "text"],
                    "fold_lengths": [80000, 150],
                    "category_key": "text",
                    "min_batch_size": 2,
                }
            },
        ),
        (
            "powers",
            {
                "batches": {
                    "type": "category",
                    "category_key": "label",
                    "category_power": 0.5,
                    "dataset_power": 0.3,
                    "epoch_factor": 1.2,
                    "batch_bins": 900,
                    "batch_size": 8,
                }
            },
        ),
    ],
)
def test_batches_keep_their_meaning(name, loader, converted: Conversions):
    recipe, _, _ = converted(name)
    config = yaml.safe_load((recipe / "conf_compile" / "training.yaml").read_text())
    assert config["dataloader"]["train"] == loader


def test_methods_of_a_mixin_are_found(converted: Conversions):
    recipe, _, _ = converted("st")
    config = yaml.safe_load((recipe / "conf_compile/train_src_tokenizer.yaml").read_text())
    assert config == {
        "recipe_dir": ".",
        "exp_dir": "exp/${exp_tag}",
        "src_tokenizer": {"vocab_size": 10, "save_path": "data/src"},
        "seed": 3,
    }  # what the method reads, and nothing of the rest


def test_a_metric_of_the_recipe_is_called_as_espnet3_calls_it(converted: Conversions):
    recipe, _, _ = converted("spk")
    config = yaml.safe_load((recipe / "conf_compile" / "metrics.yaml").read_text())
    assert config["metrics"] == [
        {
            "name": "eer",
            "metric": {
                "_target_": "espnet3_runtime.metrics.scp_metric.ScpMetric",
                "metric": {"_target_": "src.metrics.EER", "threshold": 0.5},
            },
            "inputs": {"ref": "dataset:label", "hyp": "text"},
        }
    ]


def test_the_defaults_are_those_of_the_template_that_is_named(converted: Conversions):
    recipe, _, _ = converted("spk")
    config = yaml.safe_load((recipe / "conf_compile" / "training.yaml").read_text())
    assert config["optimizer"] == {"_target_": "torch.optim.AdamW", "lr": 0.001}
    assert config["trainer"] == {"max_epochs": 3}


FORWARD = "espnet3_runtime.inference.forward_runner"


@pytest.mark.parametrize(
    ("name", "runner"),
    [
        ("vc", {"output_fn": {"_target_": "src.inference.build", "_partial_": True}}),
        (
            "owsm",
            {
                "runner": {"_target_": "src.inference.Runner", "_partial_": True},
                "batched": True,
                "options": {"language": "en"},
            },
        ),
    ],
)
def test_a_function_or_a_runner_of_the_recipe_is_called_as_it_is(
    name, runner, converted: Conversions
):
    recipe, _, _ = converted(name)
    config = yaml.safe_load((recipe / "conf_compile" / "inference.yaml").read_text())
    called = {"_target_": f"{FORWARD}.ForwardRunner", "input_key": "speech"}
    assert config["runner"] == called | runner
    assert config["dataloader"] == {"collate_fn": {"_target_": f"{FORWARD}.ListItems"}}
    assert "input_key" not in config
