"""Schedules that end before the training."""

import pytest

from tests.compiler.checks.checks_kit import HEAD

FIVE = "trainer: {max_epochs: 5}"
EACH = "dataloader: {train: {num_iters_per_epoch: 10}}"
HALVED = "trainer: {max_epochs: 5, accumulate_grad_batches: 2}"


def train(check, arguments, settings):
    cycle = f"{{_target_: torch.optim.lr_scheduler.OneCycleLR, max_lr: 1e-3, {arguments}}}"
    sets = "{train: [{data_src_args: {split: train}}], valid: [{data_src_args: {split: dev}}]}"
    given = f"dataset: {sets}, scheduler: {cycle}, {settings}"
    return check(f"{HEAD}configs: {{training: {{{given}}}}}\nstages: [train]\n")


@pytest.mark.parametrize(
    ("arguments", "settings", "place"),
    [
        ("total_steps: 600", "trainer: {max_steps: 1200}", "600"),
        ("total_steps: 600", "trainer: {max_epochs: -1, max_steps: 1200}", "600"),
        ("total_steps: 3", FIVE, "3"),
        ("total_steps: 40", f"{EACH}, {FIVE}", "40"),
        ("total_steps: 24", f"{EACH}, {HALVED}", "24"),
        ("epochs: 4, steps_per_epoch: 10", f"{EACH}, {FIVE}", "4"),
        ("total_steps: 3", f"scheduler_interval: epoch, {FIVE}", "3"),
    ],
)
def test_a_cycle_that_is_too_short(check, arguments, settings, place):
    assert train(check, arguments, settings) == [("R415", place)]


@pytest.mark.parametrize(
    ("arguments", "settings"),
    [
        ("total_steps: 1200", "trainer: {max_steps: 1200}"),
        ("total_steps: 600", "trainer: {max_epochs: 5, max_steps: 1200}"),
        ("total_steps: 50", f"{EACH}, {FIVE}"),
        ("total_steps: 25", f"{EACH}, {HALVED}"),
        ("epochs: 5, steps_per_epoch: 10", f"{EACH}, {FIVE}"),
        ("total_steps: 40", FIVE),
        ("pct_start: 0.1", FIVE),
        ("total_steps: 5", f"scheduler_interval: epoch, {FIVE}"),
        ("total_steps: 3", f"early_stopping: {{patience: 2}}, {FIVE}"),
        ("total_steps: 3", "trainer: {max_epochs: 5, max_time: '00:01:00:00'}"),
        ("total_steps: 3", "trainer: {max_epochs: 5, callbacks: [{_target_: apex.tools.Stop}]}"),
        ("total_steps: 3", "trainer: {max_epochs: -1}"),
        ("total_steps: 3", "trainer: {}"),
    ],
)
def test_a_cycle_that_lasts_or_may_last(check, arguments, settings):
    assert train(check, arguments, settings) == []
