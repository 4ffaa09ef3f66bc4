"""What the reports advise, where another stage or value would be named by a slip; what passes."""

import pytest

from espnet3_compiler.pipeline import compile_manifest
from tests.compiler.checks.checks_kit import CONFIGS, HEAD

NO_CHECKPOINT = CONFIGS.replace("    checkpoint: ${stages.train.best_checkpoint}\n", "")
NEEDING = "needs: [create_dataset]"
CALLBACK = "{_target_: src.hear.Hear}"
HEAR = "from lightning.pytorch import Callback\n\nclass Hear(Callback): ...\n"
OF_LIGHTNING = "{_target_: lightning.pytorch.callbacks.ModelSummary}"


@pytest.mark.parametrize(
    ("configs", "stages", "helped"),
    [
        (
            CONFIGS,
            "{name: infer, needs: [create_dataset, train]}, create_dataset, train",
            ('move stage "infer" after stage "train"',),
        ),
        (
            CONFIGS,
            f"{{name: train, {NEEDING}}}, {{name: infer, {NEEDING}}}, create_dataset",
            ('move stage "create_dataset" before stage "train"',),
        ),
        (
            NO_CHECKPOINT,
            "train, {name: again, run: train}, infer",
            ("write checkpoint: ${stages.again.best_checkpoint}",),
        ),
        (
            CONFIGS.replace("training: {", "training: {scheduler_interval: epoch, ").replace(
                "dataset: {train",
                "scheduler: {_target_: torch.optim.lr_scheduler.OneCycleLR, max_lr: 1, "
                "steps_per_epoch: 2}, dataset: {train",
            ),
            "train, infer",
            ("write scheduler_interval: step, or total_steps: and the number of epochs",),
        ),
    ],
)
def test_the_advice_names_the_right_thing(check, configs, stages, helped):
    check(HEAD + configs + f"stages: [{stages}]\n")
    (finding,) = compile_manifest(check.manifest).diagnostics
    assert finding.help == helped


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ("early_stopping: {monitor: valid/mine}", []),
        ("early_stopping: {monitor: mine}", [("R412", "mine")]),
        (f"early_stopping: {{monitor: mine}}, trainer: {{callbacks: [{CALLBACK}]}}", []),
        (
            f"early_stopping: {{monitor: mine}}, trainer: {{callbacks: [{OF_LIGHTNING}]}}",
            [("R412", "mine")],
        ),
        (
            f"early_stopping: {{monitor: valid/los}}, trainer: {{callbacks: [{CALLBACK}]}}",
            [("R412", "valid/los")],
        ),
    ],
)
def test_callbacks_of_the_recipe_may_measure_anything(check, settings, found):
    sets = "dataset: {valid: [{data_src_args: {split: dev}}], train"
    configs = CONFIGS.replace("dataset: {train", f"{settings}, {sets}", 1)
    files = {"src/hear.py": HEAR}
    assert check(HEAD + configs + "stages: [train, infer]\n", files) == found


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("src", []),
        (".", [("R420", ".")]),
        ("src/..", [("R702", "src/..")]),
        ("src/../src", [("R702", "src/../src")]),
        ("..", [("R702", "..")]),
        ("src/../../x", [("R702", "src/../../x")]),
        ("/etc", [("R702", "/etc")]),
    ],
)
def test_packed_paths_stay_inside(check, path, found):
    configs = CONFIGS + f"  publication: {{pack_model: {{include: [{path}]}}}}\n"
    assert check(HEAD + configs + "stages: [train, infer, pack_model]\n") == found


@pytest.mark.parametrize(
    ("name", "better"), [("2nd-train", "n2nd_train"), ("class", "class_1"), ("_x", "x")]
)
def test_a_name_that_can_be_used_is_offered(check, name, better):
    check(HEAD + CONFIGS + f"stages: [train, infer, {{name: {name}, run: train}}]\n")
    (finding,) = compile_manifest(check.manifest).diagnostics
    assert (finding.code, finding.help) == ("R202", (f'for example "{better}"',))


@pytest.mark.parametrize(
    ("length", "found"),
    [
        ("steps_per_epoch: 2", ["R801"]),
        ("epochs: 3, steps_per_epoch: 2", []),
        ("total_steps: 9", []),
    ],
)
def test_a_schedule_of_epochs_knows_their_number(check, length, found):
    cycle = f"{{_target_: torch.optim.lr_scheduler.OneCycleLR, max_lr: 1, {length}}}"
    settings = f"scheduler_interval: epoch, scheduler: {cycle}, dataset: {{train"
    configs = CONFIGS.replace("dataset: {train", settings, 1)
    codes = [code for code, _ in check(HEAD + configs + "stages: [train, infer]\n")]
    assert codes == found


@pytest.mark.parametrize(
    ("keys", "artifact", "found"),
    [
        ("[text, wave]", "wave", []),
        ("[text]", "text", [("R604", "wave")]),
        ("[text]", "wave", [("R604", "wave")]),
        ("[txet, wave]", "wave", [("R604", "txet")]),
    ],
)
def test_artifacts_are_outputs_that_are_kept(check, keys, artifact, found):
    contract = "contract: {outputs: {text: {kind: text}, wave: {kind: audio}}}"
    kept = (
        f"output_keys: {keys}\n    {contract}\n    output_artifacts: {{{artifact}: {{type: json}}}}"
    )
    configs = CONFIGS.replace("output_keys: [text]", kept)
    assert check(HEAD + configs + "stages: [train, infer]\n") == found


def test_what_the_runtime_passes_is_not_suggested(check):
    provider = "def load(model, checkpoint, device, beam=1): ...\n"
    configs = CONFIGS.replace(
        "    output_keys", "    provider: {_target_: src.load.load, devise: cpu}\n    output_keys"
    )
    text = HEAD + configs + "stages: [train, infer]\n"
    assert check(text, {"src/load.py": provider}) == [("R502", "devise")]
    (finding,) = compile_manifest(check.manifest).diagnostics
    assert (finding.fix, [line for line in finding.help if "device" in line]) == (None, [])


def test_a_misspelt_target_of_an_object_that_two_places_share_is_one_finding(check):
    pytest.importorskip("torch")
    model = """
        from torch import nn

        class Frames(nn.Module):
            def __init__(self, size: int): ...

        class Net(nn.Module):
            def __init__(self, features: nn.Module): ...
    """
    text = """\
version: 1
recipe: mini/asr
system: asr
models:
  net: {_target_: src.model.Net, features: {target: src.model.Frames, size: 4}}
configs:
  training:
    collect_stats: {features: "${models.net.features}"}
    dataset: {train: [{}]}
stages: [collect_stats, train]
"""
    found = [item for item in check(text, {"src/model.py": model}) if item[1] != "train"]
    assert found == [("R601", "target")]
