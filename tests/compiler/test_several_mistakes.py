"""Several mistakes in the shipped recipes, of which one hides what the other is seen by.

Each case edits files of a recipe; every edit must be told once, at its word, and nothing else.
"""

import pytest

from espnet3_compiler.pipeline import compile_manifest
from evaluation.mutations.model import load_recipe
from evaluation.mutations.trial import workspace
from evaluation.recipes import RECIPES

MAIN, INFERENCE, METRICS = "recipe.yaml", "conf/inference.yaml", "conf/metrics.yaml"
ORDER = (MAIN, "train, infer", "infer, train", "R402 infer")
HYPOTHESIS = (METRICS, "hyp: text", "hyp: txt", "R410 txt")

CASES = {
    "the file of another role": (
        "digits/asr",
        (
            MAIN,
            "inference: conf/inference.yaml",
            "inference: conf/metrics.yaml",
            "R406 conf/metrics.yaml",
        ),
        HYPOTHESIS,
    ),
    "another role by misspelt keys": (
        "digits/asr",
        (
            MAIN,
            "metrics: conf/metrics.yaml",
            "metrics: conf/inference.yaml",
            "R406 conf/inference.yaml",
        ),
        (INFERENCE, "num_threads", "num_theads", "R601 num_theads"),
        (METRICS, "metrics:", "metriccs:", "R601 metriccs"),
        HYPOTHESIS,
    ),
    "a declaration that cannot be read": (
        "digits/asr",
        (MAIN, "inference: conf/inference.yaml", "inference: *nowhere", "R110 *nowhere"),
        HYPOTHESIS,
    ),
    "a list for a declaration": (
        "digits/asr",
        (MAIN, "inference: conf/inference.yaml", "inference: [1, 2]", "R602 [1, 2]"),
        HYPOTHESIS,
    ),
    "brackets around a declaration": (
        "librispeech_100/asr",
        (
            MAIN,
            "{extends: training_base}",
            "[{extends: training_base}]",
            "R602 [{extends: training_base}]",
        ),
        ("conf/training.yaml", "10, max]", "10, min]", "R808 min"),
    ),
    "a base that cannot be read": (
        "librispeech_100/asr",
        (MAIN, "inference_base: conf/inference.yaml", "inference_base: *nowhere", "R110 *nowhere"),
        HYPOTHESIS,
    ),
    "the name of a base that cannot be read": (
        "librispeech_100/asr",
        (MAIN, "training_base: conf", "12: conf", "R106 12"),
    ),
    "extends that cannot be read": (
        "librispeech_100/asr",
        (MAIN, "{extends: inference_base}", "{12: inference_base}", "R106 12"),
    ),
    "extends in a file that cannot be read": (
        "digits/finetune",
        ("conf/tuning.yaml", "extends: pretraining", "extends: *nowhere", "R110 *nowhere"),
    ),
    "a misspelt reference that asks for an order": (
        "digits/keywords",
        (INFERENCE, "${stages.train.", "${stges.train.", "R301 stges"),
        ORDER,
    ),
    "a misspelt stage in a reference that asks for an order": (
        "digits/keywords",
        (INFERENCE, "${stages.train.", "${stages.trian.", "R205 trian"),
        ORDER,
    ),
    "a misspelt root and a misspelt output": (
        "digits/asr",
        (
            INFERENCE,
            "${stages.train_tokenizer.token_list}",
            "${stges.train_tokenizer.token_lst}",
            "R301 stges",
        ),
        (INFERENCE, "token_lst", "token_lst", "R404 token_lst"),
    ),
    "a list that a reference fetches": (
        "digits/finetune",
        (
            "conf/pretraining.yaml",
            'builder_args: {sizes: "${configs.sizes.digits}", seed: 1}',
            'builder_args: [{sizes: "${configs.sizes.digits}", seed: 1}]',
            'R602 [{sizes: "${configs.sizes.digits}", seed: 1}]',
        ),
    ),
    "the config of a role that cannot be read": (
        "digits/finetune",
        (MAIN, "inference: decode_digits}, model", "inference: *nowhere}, model", "R110 *nowhere"),
    ),
    "the role of a config that cannot be read": (
        "digits/finetune",
        (MAIN, "inference: decode_digits}, model", "12: decode_digits}, model", "R106 12"),
    ),
    "the name of a stage": (
        "digits/export",
        (MAIN, "{name: measure, config", "{name: *nowhere, config", "R110 *nowhere"),
    ),
    "the config of a stage": (
        "digits/export",
        (MAIN, "config: corpus}", "config: *nowhere}", "R110 *nowhere"),
    ),
    "the key of a config": ("digits/export", (MAIN, "config: corpus}", "12: corpus}", "R106 12")),
    "the key of a name": (
        "digits/finetune",
        (MAIN, "{name: tokens_of_numbers,", "{12: tokens_of_numbers,", "R106 12"),
    ),
    "the key of a kind": (
        "digits/finetune",
        (MAIN, "run: pack_model,", "12: pack_model,", "R106 12"),
    ),
    "a kind that cannot be read": (
        "digits/finetune",
        (
            MAIN,
            "tokens_of_numbers, run: train_tokenizer",
            "tokens_of_numbers, run: *nowhere",
            "R110 *nowhere",
        ),
    ),
    "the key of a runner": ("digits/asr", (INFERENCE, "runner:", "12:", "R106 12")),
    "the key of a task": ("mini_an4/espnet2_asr", (MAIN, "task:", "12:", "R106 12")),
    "the key of a name in a group": (
        "digits/finetune",
        (MAIN, "- name: tune_${matrix.round}", "- 12: tune_${matrix.round}", "R106 12"),
    ),
    "a name in a group": (
        "digits/finetune",
        (MAIN, "- name: tune_${matrix.round}", "- name: *nowhere", "R110 *nowhere"),
    ),
    "a value in the row of a group": (
        "digits/finetune",
        (MAIN, "{round: 2,", "{round: *nowhere,", "R110 *nowhere"),
    ),
    "a config that a group gives": (
        "digits/finetune",
        (
            MAIN,
            'config: "decode_${matrix.round}"',
            'config: "decode_${natrix.round}"',
            "R301 natrix",
        ),
    ),
    "the outputs of a call": ("digits/export", (MAIN, "outputs: {onnx", "12: {onnx", "R106 12")),
    "the name of an output of a call": (
        "digits/export",
        (MAIN, "outputs: {onnx:", "outputs: {12:", "R106 12"),
    ),
    "the key of a nested target": (
        "librispeech_100/asr",
        (MAIN, "_target_: src.decoder.T", "12: src.decoder.T", "R106 12"),
    ),
    "the block of the models": (
        "mini_an4/espnet2_asr",
        (MAIN, "models:", "12:", "R106 12"),
    ),
    "an argument of a task that a stage leaves out": (
        "mini_an4/espnet2_asr",
        (MAIN, "normalize_conf:", "12:", "R106 12"),
    ),
    "a target that replaces a default": (
        "mini_an4/espnet2_asr",
        (INFERENCE, "_target_: espnet3", "12: espnet3", "R106 12"),
    ),
    "the role of a bundle": (
        "digits/finetune",
        (MAIN, "config: {publication:", "config: {12:", "R106 12"),
    ),
    "a config that another one extends": (
        "librispeech_100/asr",
        (MAIN, "  training: {", "  12: {", "R106 12"),
    ),
    "the configs of a group": (
        "digits/finetune",
        (MAIN, "    configs:", "    12:", "R106 12"),
    ),
    "a misspelt key whose value asks for an order": (
        "digits/keywords",
        (INFERENCE, "checkpoint:", "checkopint:", "R601 checkopint"),
        ORDER,
    ),
    "a misspelt argument that replaces an inherited one": (
        "digits/finetune",
        ("conf/decoding.yaml", "  token_list:", "  token_lst:", "R502 token_lst"),
    ),
    "the function of a call": (
        "digits/export",
        (MAIN, "call: src.export.to_onnx", "call: *nowhere", "R110 *nowhere"),
        (MAIN, "path: ${exp_dir}", "path: ${exp_die}", "R301 exp_die"),
    ),
    "the name of a call": (
        "digits/export",
        (MAIN, "- name: parity", "- name: *nowhere", "R110 *nowhere"),
        (MAIN, "onnx: ${stages.export.onnx}", "onnx: ${stages.exort.onnx}", "R205 exort"),
    ),
    "outputs that are no texts": (
        "digits/keywords",
        (INFERENCE, "output_keys: [keyword]", "output_keys: [1, 2]", "R602 1"),
        (INFERENCE, "[1, 2]", "[1, 2]", "R602 2"),
        (METRICS, "hyp: keyword", "hyp: keywrd", "R410 keywrd"),
    ),
}


@pytest.mark.parametrize("case", CASES, ids=lambda name: name.replace(" ", "-"))
def test_each_mistake_is_told_once(case):
    name, *edits = CASES[case]
    recipe = load_recipe(RECIPES / name / MAIN)
    with workspace(recipe) as copy:
        for file, good, bad, _ in edits:
            text = (copy / file).read_text()
            assert good in text
            (copy / file).write_text(text.replace(good, bad, 1))
        found = compile_manifest(copy / MAIN).diagnostics
    told = sorted(f"{finding.code} {finding.primary.span.text}" for finding in found)
    assert told == sorted(expected for *_, expected in edits)


def test_the_file_that_was_meant_is_offered():
    recipe = load_recipe(RECIPES / "digits/asr" / MAIN)
    with workspace(recipe) as copy:
        manifest = copy / MAIN
        good = manifest.read_text()
        manifest.write_text(good.replace("inference: conf/inference", "inference: conf/metrics"))
        (found,) = compile_manifest(manifest).diagnostics
    assert found.help == ('did you mean "conf/inference.yaml"?',)
    assert found.fix is not None
    assert found.fix.certain
    assert found.fix.edits[0].text == "conf/inference.yaml"


def test_a_file_of_another_role_on_the_command_line():
    recipe = load_recipe(RECIPES / "digits/asr" / MAIN)
    with workspace(recipe) as copy:
        other = {"inference": copy / "conf/metrics.yaml"}
        (found,) = compile_manifest(copy / MAIN, config_files=other).diagnostics
    assert found.code == "R406"
    assert found.primary.span.text.startswith("--inference_config ")


def test_a_base_that_two_roles_extend_is_of_none(tmp_path):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/common.yaml").write_text("num_threads: 1\nmetrics: []\n")
    manifest = tmp_path / "recipe.yaml"
    manifest.write_text(
        "version: 1\nrecipe: a/b\nsystem: base\nconfigs:\n  common: conf/common.yaml\n"
        "  training: {extends: common, dataset: {train: [{data_src: a}]}}\n"
        "  inference: {extends: common}\nstages: [train, infer]\n"
    )
    assert "R406" not in {found.code for found in compile_manifest(manifest).diagnostics}
