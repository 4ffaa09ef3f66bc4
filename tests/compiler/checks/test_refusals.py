"""What training and inference refuse by settings alone, and settings that only look like it."""

import pytest

from tests.compiler.checks.checks_kit import CONFIGS, HEAD

SETS = "train: [{data_src_args: {split: train}}], valid: [{data_src_args: {split: v}}]"
KEEPER = "_target_: lightning.pytorch.callbacks.ModelCheckpoint"

ONE_CYCLE = "torch.optim.lr_scheduler.OneCycleLR"
CYCLE = f"{{_target_: {ONE_CYCLE}, max_lr: 0.1}}"
SGD = "{_target_: torch.optim.SGD, lr: 0.1"
STEP = "{_target_: torch.optim.lr_scheduler.StepLR, step_size: 1}"
NAMED = "{a: {optimizer: {_target_: torch.optim.Adam}, params: size}}"


def batches(limits: str) -> str:
    block = f"{{type: numel, batch_bins: 4000, length_key: speech, {limits}}}"
    return f"dataloader: {{valid: {{batches: {block}}}}}"


def train(check, settings: str, stages: str = "[train]") -> list[tuple[str, str]]:
    found = check(
        f"{HEAD}configs:\n  training: {{dataset: {{{SETS}}}, {settings}}}\nstages: {stages}\n"
    )
    return [pair for pair in found if pair[0] != "R207"]


@pytest.mark.parametrize(
    ("trainer", "found"),
    [
        ("val_check_interval: 1.5", ("R415", "1.5")),
        ("limit_train_batches: 2.5", ("R415", "2.5")),
        ("val_check_interval: 0", ("R415", "0")),
        ("check_val_every_n_epoch: null, val_check_interval: 0.5", ("R415", "0.5")),
        ("barebones: true", ("R415", "true")),
        ("devices: 0", ("R415", "0")),
        ("accelerator: cpu, devices: [0, 1]", ("R415", "[0, 1]")),
        ("accelerator: cpu, strategy: deepspeed_stage_2", ("R415", "deepspeed_stage_2")),
        ("accelerator: mps, strategy: ddp", ("R415", "ddp")),
        ("min_steps: 20, max_steps: 10", ("R809", "20")),
        ("val_check_interval: 2.0", None),
        ("val_check_interval: 1.0", None),
        ("limit_val_batches: 2", None),
        ("check_val_every_n_epoch: null, val_check_interval: 500", None),
        ("accelerator: cpu, devices: 2, strategy: ddp", None),
        ("accelerator: gpu, strategy: fsdp", None),
        ("strategy: fsdp", None),
        ("accelerator: gpu, devices: [0, 1]", None),
        ("enable_checkpointing: true", None),
        ("min_epochs: 5, max_epochs: -1", None),
        ("min_epochs: 5, max_epochs: 5", None),
        ("fast_dev_run: true", None),
        ("limit_val_batches: 0", None),
        ("limit_val_batches: 0, val_check_interval: 0", None),
        ("limit_val_batches: .inf", ("R415", ".inf")),
        ("accelerator: cpu, strategy: {_target_: apex.tools.HalfFSDPStrategy}", None),
    ],
)
def test_settings_of_the_trainer(check, trainer, found):
    assert train(check, f"trainer: {{{trainer}}}") == ([found] if found else [])


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ("optimizer: {_target_: torch.optim.SGD, lr: .nan}", ("R605", ".nan")),
        ("optimizer: {_target_: torch.optim.AdamW, betas: [0.9, 1.0]}", ("R605", "1.0")),
        (
            "scheduler: {_target_: torch.optim.lr_scheduler.StepLR, step_size: 0}",
            ("R605", "0"),
        ),
        ("optimizer: {_target_: torch.optim.SGD, lr: 0}", None),
        ("optimizer: {_target_: torch.optim.Adam, lr: 1e-3, betas: [0.9, 0.98]}", None),
        ("best_model_criterion: [[valid/uar, 1, min]]", ("R808", "min")),
        ("best_model_criterion: [[valid/f1, 1, max], [valid/mae, 1, min]]", None),
        ("early_stopping: {monitor: valid/acc, mode: max}", None),
        ("early_stopping: {monitor: valid/loss}", None),
        ("early_stopping: {monitor: valid/closs}", None),
        ("best_model_criterion: [[valid/neg_loss, 1, max]]", None),
        ("optimizer: {_target_: apex.tools.Own, lr: -1}", None),
        ("fit: {ckpt_path: best}", ("R701", "best")),
        ("fit: {ckpt_path: /data/last.ckpt}", None),
        (f"optimizer: {SGD}, nesterov: true}}", ("R415", "nesterov")),
        (f"optimizer: {SGD}, nesterov: true, momentum: 0}}", ("R415", "nesterov")),
        (
            f"optimizer: {SGD}, nesterov: true, momentum: 0.9, dampening: 0.1}}",
            ("R415", "nesterov"),
        ),
        (f"optimizer: {SGD}, nesterov: true, momentum: 0.9}}", None),
        (f"optimizer: {SGD}, nesterov: false}}", None),
        (f"optimizer: {SGD}, nesterov: true, momentum: '${{oc.env:M,0.9}}'}}", None),
        ("optimizer: null", ("R603", "null")),
        ("optimizers: {}", ("R603", "{}")),
        (f"schedulers: {{a: {{scheduler: {CYCLE}}}}}", ("R603", "schedulers")),
        (f"optimizer: null, optimizers: {NAMED}", None),
        (f"scheduler: {CYCLE}, trainer: {{max_epochs: -1}}", ("R415", ONE_CYCLE)),
        (f"scheduler: {CYCLE}, trainer: {{max_time: '00:01:00:00'}}", ("R415", ONE_CYCLE)),
        (f"scheduler: {CYCLE}, trainer: {{max_epochs: -1, max_steps: 500}}", None),
        (f"scheduler: {CYCLE}, trainer: {{max_epochs: 9, max_time: '00:01:00:00'}}", None),
        (f"scheduler: {CYCLE[:-1]}, total_steps: 9}}, trainer: {{max_epochs: -1}}", None),
        (f"scheduler: {STEP}, trainer: {{max_epochs: -1}}", None),
        (batches("min_batch_size: 8, batch_size: 4"), ("R415", "8")),
        (batches("min_batch_size: 4, batch_size: 4"), None),
        (batches("min_batch_size: 4"), None),
        ("trainer: {max_epochs: 4, check_val_every_n_epoch: 4}", None),
        ("trainer: {max_epochs: 4, check_val_every_n_epoch: 5}", ("R809", "5")),
        ("trainer: {max_epochs: -1, check_val_every_n_epoch: 5}", None),
        (
            "early_stopping: {}, trainer: {max_epochs: 4, check_val_every_n_epoch: 5}",
            ("R809", "5"),
        ),
        (
            "early_stopping: {patience: 5}, trainer: {max_epochs: 30, check_val_every_n_epoch: 10}",
            ("R809", "5"),
        ),
        (
            "early_stopping: {patience: 2}, trainer: {max_epochs: 30, check_val_every_n_epoch: 10}",
            None,
        ),
        ("early_stopping: {patience: 5}, trainer: {max_epochs: 30}", None),
        ("early_stopping: {patience: 5}, trainer: {max_epochs: 5}", ("R809", "5")),
        ("early_stopping: {patience: 5}, trainer: {max_epochs: 5, val_check_interval: 0.1}", None),
        ("early_stopping: {patience: 5, monitor: train/loss}, trainer: {max_epochs: 5}", None),
        ("early_stopping: {patience: 5}, trainer: {max_steps: 5}", None),
        (
            "trainer: {max_epochs: 4, check_val_every_n_epoch: 5, limit_val_batches: 0}",
            None,
        ),
        ("trainer: {max_steps: 100, val_check_interval: 500}", ("R809", "500")),
        (
            "trainer: {max_steps: 100, val_check_interval: 500, accumulate_grad_batches: 5}",
            None,
        ),
        (
            f"trainer: {{max_epochs: 4, callbacks: [{{{KEEPER}, every_n_epochs: 5}}]}}",
            ("R809", "5"),
        ),
    ],
)
def test_settings_of_a_training(check, settings, found):
    assert train(check, settings) == ([found] if found else [])


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ("tokenizer: null", ("R603", "null")),
        ("create_dataset: {}", ("R603", "train_tokenizer")),
        ("tokenizer: {vocab_size: 3}", ("R605", "3")),
        ("tokenizer: {vocab_size: 4}", None),
        ("tokenizer: {vocab_size: 5, model_type: char}", ("R605", "5")),
        ("tokenizer: {vocab_size: 6, model_type: char}", None),
        ("tokenizer: {vocab_size: 5, model_type: char, user_defined_symbols: [<a>]}", None),
        (
            "tokenizer: {vocab_size: 4, model_type: word, user_defined_symbols: [a, b]}",
            ("R605", "4"),
        ),
        ("tokenizer: {vocab_size: 9, user_defined_symbols: [<unk>]}", ("R415", "<unk>")),
        ("tokenizer: {vocab_size: 9, user_defined_symbols: [a, a]}", ("R415", "a")),
        ("tokenizer: {vocab_size: 9, user_defined_symbols: [a, A, <s>]}", None),
        ("tokenizer: {vocab_size: 9, character_coverage: 0.9}", ("R605", "0.9")),
        ("tokenizer: {vocab_size: 9, character_coverage: 0.9995}", None),
        ("tokenizer: {vocab_size: 9, train_file: src/model.py}", None),
    ],
)
def test_settings_of_a_tokenizer(check, settings, found):
    found_here = train(check, settings, "[train_tokenizer]")
    assert [pair for pair in found_here if pair[0] != "R208"] == ([found] if found else [])


@pytest.mark.parametrize(
    ("stages", "given", "found"),
    [
        ("[train_tokenizer]", "", [("R605", "train_tokenizer")]),
        ("[train_tokenizer, train]", "", [("R605", "train_tokenizer")]),
        ("[train_tokenizer]", ", train_file: src/model.py", []),
    ],
)
def test_a_tokenizer_needs_a_text(check, stages, given, found):
    text = (
        f"{HEAD}configs:\n  training: {{tokenizer: {{vocab_size: 9{given}}}}}\nstages: {stages}\n"
    )
    assert [pair for pair in check(text) if pair[0] != "R208"] == found


def test_parts_that_start_afresh_need_a_start(check):
    assert train(check, "reinit: [size]") == [("R809", "reinit")]
    stages = "[train, {name: tune, run: train, init_from: train}]"
    assert train(check, "reinit: [size]", stages) == []


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("{name: dev}", "{name: dev}, {name: dev}", [("R201", "dev")]),
        ("{name: dev}", "{name: dev}, {name: test}", []),
        ("{name: dev}", "{name: work}", [("R202", "work")]),
        ("    runner: {_target_: src.model.Net, size: 8}\n", "", [("R418", "infer")]),
        (
            "    runner: {_target_: src.model.Net, size: 8}\n",
            "    model: {_target_: src.model.Net, size: 8}\n",
            [],
        ),
        ("best_checkpoint", "last_checkpoint", []),
        ("best_checkpoint", "tensorboard", []),
        ("best_checkpoint", "curves", [("R423", "${stages.train.curves}")]),
        ("training: {", "training: {average: false, ", []),
    ],
)
def test_settings_of_inference(check, old, new, found):
    assert check(HEAD + CONFIGS.replace(old, new, 1) + "stages: [train, infer]\n") == found


def test_one_checkpoint_may_stand_in_for_another(check):
    use = "{best_checkpoint: '${stages.train.averaged_checkpoint}'}"
    stages = f"[train, {{name: export, call: src.steps.export, with: {use}}}]\n"
    text = HEAD + CONFIGS.partition("  inference")[0] + f"stages: {stages}"
    steps = {"src/steps.py": "def export(best_checkpoint): ...\n"}
    assert check(text, steps) == []
    curves = check(text.replace("averaged_checkpoint", "curves"), steps)
    assert curves == [("R423", "${stages.train.curves}")]


@pytest.mark.parametrize(("packed", "found"), [("smoke", [("R810", "true")]), ("train", [])])
def test_only_the_training_that_is_packed_may_be_no_trial(check, packed, found):
    text = f"""{HEAD}{CONFIGS.replace("stages.train", f"stages.{packed}")}
  smoke:
    trainer: {{fast_dev_run: true}}
    dataset: {{train: [{{data_src_args: {{split: train}}}}]}}
  publication: {{pack_model: {{include: [src]}}}}
stages: [{{name: smoke, run: train, config: smoke}}, train, infer, pack_model]
"""
    assert check(text) == found


@pytest.mark.parametrize(
    ("trainer", "stages", "found"),
    [
        ("limit_train_batches: 1", "[train, infer, measure]", True),
        ("limit_train_batches: 1, max_epochs: -1", "[train, infer, measure]", True),
        ("limit_val_batches: 1", "[train, infer, measure]", True),
        ("limit_train_batches: 5, max_epochs: 2", "[train, infer, measure]", False),
        ("limit_train_batches: 1, limit_val_batches: 1", "[train, infer, measure]", False),
        ("limit_train_batches: 5", "[train, infer, measure]", False),
        ("limit_train_batches: 500, max_epochs: 2", "[train, infer, measure]", False),
        ("limit_train_batches: 1.0", "[train, infer, measure]", False),
        ("limit_train_batches: 1", "[train, infer]", False),
    ],
)
def test_limits_of_a_trial_are_not_left_on(check, trainer, stages, found):
    metric = "{_target_: espnet3_runtime.metrics.wer.WER}"
    metrics = f"{{metric: {metric}, inputs: {{ref: 'dataset:text', hyp: text}}}}"
    configs = CONFIGS.replace("training: {", f"training: {{trainer: {{{trainer}}}, ")
    found_here = check(f"{HEAD}{configs}  metrics: {{metrics: [{metrics}]}}\nstages: {stages}\n")
    assert [one[0] for one in found_here if one[0] != "R207"] == (["R810"] if found else [])


WARMUP = "_target_: espnet3_runtime.training.schedulers.warmup_cosine"
COSINE = "_target_: torch.optim.lr_scheduler.CosineAnnealingLR"
STEPS = "_target_: torch.optim.lr_scheduler.MultiStepLR"
DECAY = "_target_: torch.optim.lr_scheduler.StepLR"
EXPONENTIAL = "_target_: torch.optim.lr_scheduler.ExponentialLR"
EPOCHS = "trainer: {max_epochs: 40}"


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        (f"scheduler: {{{COSINE}, T_max: 40}}, {EPOCHS}", "40"),
        (f"scheduler: {{{COSINE}, T_max: 39}}, {EPOCHS}", None),
        (f"scheduler: {{{COSINE}, T_max: 40}}, {EPOCHS}, scheduler_interval: epoch", None),
        (f"scheduler: {{{COSINE}, T_max: 40}}, trainer: {{max_epochs: 40, max_steps: 40}}", None),
        (f"scheduler: {{{STEPS}, milestones: [20, 30]}}, {EPOCHS}", None),
        (f"scheduler: {{{STEPS}, milestones: [200, 300]}}, {EPOCHS}", None),
        (f"scheduler: {{{DECAY}, step_size: 10, gamma: 0.5}}, {EPOCHS}", "10"),
        (f"scheduler: {{{DECAY}, step_size: 10}}, {EPOCHS}", "10"),
        (f"scheduler: {{{DECAY}, step_size: 10}}, {EPOCHS}, scheduler_interval: epoch", None),
        (f"scheduler: {{{DECAY}, step_size: 1000}}, {EPOCHS}", None),
        (f"scheduler: {{{DECAY}, step_size: 10, gamma: 0.99}}, {EPOCHS}", None),
        (f"scheduler: {{{DECAY}, step_size: 10, gamma: 1.5}}, {EPOCHS}", None),
        (f"scheduler: {{{DECAY}, step_size: 2}}, trainer: {{max_epochs: 4, max_steps: 8}}", None),
        (f"scheduler: {{{DECAY}, step_size: 2}}, {EPOCHS[:-1]}, limit_train_batches: 1}}", None),
        (f"scheduler: {{{EXPONENTIAL}, gamma: 0.9}}, {EPOCHS}", "0.9"),
        (f"scheduler: {{{EXPONENTIAL}, gamma: 0.9999}}, {EPOCHS}", None),
        (
            f"scheduler: {{{WARMUP}, warmup_steps: 41}}, {EPOCHS}, scheduler_interval: epoch",
            "epoch",
        ),
        (f"scheduler: {{{WARMUP}, warmup_steps: 40}}, {EPOCHS}, scheduler_interval: epoch", None),
        (f"scheduler: {{{COSINE}, T_max: 80}}, {EPOCHS}, scheduler_interval: epoch", None),
    ],
)
def test_a_schedule_counts_in_its_unit(check, settings, found):
    assert train(check, settings) == ([("R814", found)] if found else [])


def test_a_length_may_be_right_in_one_of_its_configs(check):
    sets = f"dataset: {{{SETS}}}, scheduler: {{{COSINE}, T_max: 40}}"
    text = (
        f"{HEAD}configs:\n  training: {{{sets}, {EPOCHS}}}\n"
        "  more: {extends: training, trainer: {max_epochs: 50}}\n"
        "stages: [train, {name: again, run: train, config: more, init_from: train}]\n"
    )
    assert check(text) == []
    assert check(text.replace("50", "40")) == [("R814", "40")]
