"""Schedules and intervals that are longer than the training."""

import pytest

from tests.compiler.checks.checks_kit import HEAD

TEN = "trainer: {max_epochs: 10}"
EACH = "dataloader: {train: {num_iters_per_epoch: 100}}"
SETS = "{train: [{data_src_args: {split: train}}], valid: [{data_src_args: {split: dev}}]}"
WARM = "{_target_: espnet3_runtime.training.schedulers.warmup, warmup_steps: 2500}"
STOP = "{_target_: lightning.pytorch.callbacks.EarlyStopping, monitor: valid/loss, patience: 9"
PER_EPOCH = "scheduler_interval: epoch"


def torch_scheduler(name, arguments):
    return f"scheduler: {{_target_: torch.optim.lr_scheduler.{name}, {arguments}}}"


def train(check, settings):
    given = f"dataset: {SETS}, {settings}"
    return check(f"{HEAD}configs: {{training: {{{given}}}}}\nstages: [train]\n")


@pytest.mark.parametrize(
    ("settings", "code", "place"),
    [
        (f"scheduler: {WARM}, trainer: {{max_steps: 2000}}", "R809", "2500"),
        (f"scheduler: {WARM}, {EACH}, {TEN}", "R809", "2500"),
        (
            f"scheduler: {WARM}, trainer: {{max_epochs: 10, limit_train_batches: 100}}",
            "R809",
            "2500",
        ),
        (
            (
                f"scheduler: {WARM}, trainer: {{max_epochs: 40, limit_train_batches: 100, "
                "accumulate_grad_batches: 2}"
            ),
            "R809",
            "2500",
        ),
        (f"{torch_scheduler('StepLR', 'step_size: 10')}, {PER_EPOCH}, {TEN}", "R809", "10"),
        (
            f"{torch_scheduler('MultiStepLR', 'milestones: [20, 30]')}, {PER_EPOCH}, {TEN}",
            "R809",
            "[20, 30]",
        ),
        (
            f"{torch_scheduler('CosineAnnealingLR', 'T_max: 5000')}, {PER_EPOCH}, {TEN}",
            "R809",
            "5000",
        ),
        (f"{torch_scheduler('LinearLR', 'total_iters: 11')}, {PER_EPOCH}, {TEN}", "R809", "11"),
        (
            (
                f"{torch_scheduler('OneCycleLR', 'max_lr: 1, total_steps: 9000')}, "
                "trainer: {max_steps: 1000}"
            ),
            "R809",
            "9000",
        ),
        (
            (
                f"{torch_scheduler('ReduceLROnPlateau', 'patience: 9')}, {PER_EPOCH}, "
                f"scheduler_monitor: valid/loss, {TEN}"
            ),
            "R809",
            "9",
        ),
        (f"early_stopping: {{patience: 10}}, {TEN}", "R809", "10"),
        (
            ("early_stopping: {patience: 4}, trainer: {max_steps: 2000, val_check_interval: 500}"),
            "R809",
            "4",
        ),
        (
            (
                "trainer: {max_epochs: 3, callbacks: [{_target_: lightning.pytorch.callbacks."
                "EarlyStopping, monitor: valid/loss, patience: 5}]}"
            ),
            "R809",
            "5",
        ),
        (f"{EACH}, trainer: {{val_check_interval: 500}}", "R415", "500"),
        ("trainer: {val_check_interval: 500, limit_train_batches: 50}", "R415", "500"),
        (
            "trainer: {val_check_interval: 500, limit_train_batches: 50, max_steps: 9}",
            "R415",
            "500",
        ),
    ],
)
def test_a_length_above_that_of_the_training(check, settings, code, place):
    assert train(check, settings) == [(code, place)]


@pytest.mark.parametrize(
    "settings",
    [
        f"scheduler: {WARM}, trainer: {{max_steps: 2500}}",
        f"scheduler: {WARM}, {TEN}",
        f"scheduler: {WARM}, {EACH}, trainer: {{max_epochs: 25}}",
        f"scheduler: {WARM}, trainer: {{max_epochs: -1, limit_train_batches: 100}}",
        f"scheduler: {WARM}, trainer: {{max_epochs: 1, limit_train_batches: 1}}",
        f"{torch_scheduler('StepLR', 'step_size: 9')}, {PER_EPOCH}, {TEN}",
        f"{torch_scheduler('MultiStepLR', 'milestones: [9, 30]')}, {PER_EPOCH}, {TEN}",
        f"{torch_scheduler('CosineAnnealingLR', 'T_max: 50')}, {PER_EPOCH}, {TEN}",
        (
            f"{torch_scheduler('LinearLR', 'start_factor: 1, end_factor: 0, total_iters: 30')}, "
            f"{PER_EPOCH}, {TEN}"
        ),
        (
            f"{torch_scheduler('ReduceLROnPlateau', 'patience: 8')}, {PER_EPOCH}, "
            f"scheduler_monitor: valid/loss, {TEN}"
        ),
        f"early_stopping: {{patience: 9}}, {TEN}",
        "early_stopping: {patience: 4}, trainer: {max_epochs: 2}",
        f"trainer: {{max_epochs: 3, callbacks: [{STOP}, stopping_threshold: 0.1}}]}}",
        (
            f"trainer: {{max_epochs: 30, check_val_every_n_epoch: 10, callbacks: [{STOP}, "
            "check_on_train_epoch_end: true}]}"
        ),
        "early_stopping: {patience: 4}, trainer: {max_epochs: 3, overfit_batches: 10}",
        (
            f"{torch_scheduler('StepLR', 'step_size: 9')}, {PER_EPOCH}, "
            f"trainer: {{max_epochs: 3, fast_dev_run: true}}"
        ),
        f"scheduler: {WARM}, trainer: {{max_steps: 2000, overfit_batches: 10}}",
        "early_stopping: {patience: 30}, trainer: {max_steps: 2000}",
        "early_stopping: {patience: 3}, trainer: {max_steps: 2000, val_check_interval: 500}",
        "early_stopping: {patience: 30}, trainer: {max_epochs: 9, val_check_interval: 0.1}",
        f"{EACH}, trainer: {{val_check_interval: 500, check_val_every_n_epoch: null}}",
        f"{EACH}, trainer: {{val_check_interval: 100}}",
        f"{EACH}, trainer: {{val_check_interval: 1.0}}",
        "trainer: {val_check_interval: 500, limit_train_batches: 50, limit_val_batches: 0}",
        "trainer: {val_check_interval: 500, limit_train_batches: 0.5}",
    ],
)
def test_a_length_that_is_reached_or_may_be(check, settings):
    assert [one for one in train(check, settings) if one[0] in ("R415", "R809")] == []


@pytest.mark.parametrize(("epochs", "found"), [(30, []), (20, [("R809", "2500")])])
def test_a_length_of_several_stages_is_too_long_for_all(check, epochs, found):
    given = f"dataset: {SETS}, scheduler: {WARM}, {EACH}, trainer: {{max_epochs: {epochs}}}"
    first = f"training: {{{given}}}"
    second = "short: {extends: training, trainer: {max_epochs: 1}}"
    stages = "[train, {name: again, run: train, config: short, init_from: train}]"
    text = f"{HEAD}configs: {{{first}, {second}}}\nstages: {stages}\n"
    assert [one for one in check(text) if one[0] == "R809"] == found


def test_a_shorter_training_that_inherits_a_patience_does_not_excuse_it(check):
    given = f"dataset: {SETS}, early_stopping: {{patience: 5}}, trainer: {{max_epochs: 3}}"
    short = "short: {extends: training, trainer: {max_epochs: 1}}"
    long = "long: {extends: training, trainer: {max_epochs: 9}}"
    stages = "[train, {name: again, run: train, config: OTHER}]"
    for other, found in (("short", [("R809", "5")]), ("long", [])):
        configs = f"configs: {{training: {{{given}}}, {short if other == 'short' else long}}}"
        text = f"{HEAD}{configs}\nstages: {stages.replace('OTHER', other)}\n"
        assert [one for one in check(text) if one[0] == "R809"] == found
