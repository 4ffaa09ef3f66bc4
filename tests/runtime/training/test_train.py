"""Training: what it writes, and that it is right."""

import io
import json

import numpy as np
import pytest
import torch

from espnet3_runtime.build.instantiate import instantiate
from espnet3_runtime.data.collate import CommonCollateFn
from espnet3_runtime.data.dataset_entries import DatasetDirectories
from espnet3_runtime.data.split_dataset import load_split
from espnet3_runtime.stages.collect_stats import collect_stats
from espnet3_runtime.stages.train import train
from espnet3_runtime.training import progress
from tests.runtime.training_kit import (
    CLASSIFIER,
    SETS,
    load,
    same,
    stage_context,
    train_context,
    training,
)


def rows(path, at="epoch"):
    found = [json.loads(line) for line in path.read_text().splitlines()]
    return [row for row in found if row["at"] == at]


def evaluate(recipe, state, split="valid"):
    """Return loss and accuracy over a split, one batch for all items."""
    model = instantiate(CLASSIFIER)
    model.load_state_dict(state)
    data = load_split(SETS, split, DatasetDirectories(recipe, recipe / "data"))
    _, batch = CommonCollateFn()([data[index] for index in range(len(data))])
    _, stats, _ = model.eval()(**batch)
    return {name: float(value) for name, value in stats.items()}


def test_checkpoints_hold_the_bare_model_and_the_numbers_are_means_over_items(recipe):
    outputs = train(train_context(recipe))
    best = load(outputs["best_checkpoint"])
    assert best["state_dict"].keys() == instantiate(CLASSIFIER).state_dict().keys()
    curve = [row["valid/loss"] for row in rows(outputs["curves"]) if "valid/loss" in row]
    assert len(curve) == 3
    assert best["value"] == min(curve)
    assert best["epoch"] == curve.index(min(curve)) + 1
    expected = evaluate(recipe, best["state_dict"])  # 13 items in batches of 8 and 5
    assert best["value"] == pytest.approx(expected["loss"], rel=1e-5)
    row = next(row for row in rows(outputs["curves"]) if row.get("valid/loss") == best["value"])
    assert row["valid/accuracy"] == pytest.approx(expected["accuracy"])
    last = load(outputs["last_checkpoint"])["state_dict"]
    assert evaluate(recipe, last)["loss"] == pytest.approx(curve[-1], rel=1e-5)


def test_the_report_can_be_written_anew_after_every_epoch(recipe):
    """By then the curves have the values of the epoch."""
    seen = []
    curves = recipe / "exp/tiny/train/curves.jsonl"
    train(train_context(recipe, refresh=lambda: seen.append(len(rows(curves)))))
    assert seen == [2, 4, 6]  # one of training and one of validation each


def test_the_average_is_the_mean_of_the_files_on_disk(recipe):
    criteria = [["valid/loss", 2, "min"], ["train/accuracy", 1, "max"]]
    context = train_context(recipe, best_model_criterion=criteria, trainer={"max_epochs": 4})
    outputs = train(context)
    files = list(context.directory.glob("epoch*_valid.loss.ckpt"))
    assert len(files) == 2
    states = [load(path)["state_dict"] for path in files]
    averaged = load(outputs["averaged_checkpoint"])
    assert sorted(averaged["averaged"]) == sorted(path.name for path in files)
    for name, value in averaged["state_dict"].items():
        if value.is_floating_point():
            mean = torch.stack([state[name].double() for state in states]).mean(0)
            assert torch.equal(value, mean.to(value.dtype)), name
    losses = [row["valid/loss"] for row in rows(outputs["curves"]) if "valid/loss" in row]
    assert sorted(load(path)["value"] for path in files) == sorted(losses)[:2]
    assert len(list(context.directory.glob("epoch*_train.accuracy.ckpt"))) == 1
    assert (context.directory / "averaged_train.accuracy.ckpt").is_file()
    assert not list(context.directory.glob(".*"))


def test_one_epoch_gives_an_average_too(recipe):
    outputs = train(train_context(recipe, trainer={"max_epochs": 1}))
    averaged, best = load(outputs["averaged_checkpoint"]), load(outputs["best_checkpoint"])
    assert same(averaged["state_dict"], best["state_dict"])


def test_without_average(recipe):
    outputs = train(train_context(recipe, average=False))
    assert "averaged_checkpoint" not in outputs
    assert not list((outputs["best_checkpoint"].parent).glob("averaged*"))


def test_one_seed_gives_equal_checkpoints(recipe):
    names = ("best_checkpoint", "last_checkpoint", "averaged_checkpoint")
    first = {name: train(train_context(recipe))[name].read_bytes() for name in names}
    outputs = train(train_context(recipe))
    assert first == {name: outputs[name].read_bytes() for name in names}
    other = train(train_context(recipe, seed=2))
    assert other["best_checkpoint"].read_bytes() != first["best_checkpoint"]


def test_no_seed_is_another_run_every_time(recipe, monkeypatch):
    monkeypatch.delenv("ESPNET3_SEED", raising=False)
    first = train(train_context(recipe, seed=None))["best_checkpoint"].read_bytes()
    monkeypatch.delenv("ESPNET3_SEED")
    assert train(train_context(recipe, seed=None))["best_checkpoint"].read_bytes() != first
    monkeypatch.delenv("ESPNET3_SEED")


def test_it_learns(recipe):
    outputs = train(
        train_context(
            recipe,
            trainer={"max_epochs": 25},
            optimizer={"_target_": "torch.optim.AdamW", "lr": 0.03},
            scheduler={"_target_": "torch.optim.lr_scheduler.OneCycleLR", "max_lr": 0.03},
        )
    )
    assert evaluate(recipe, load(outputs["best_checkpoint"])["state_dict"])["accuracy"] > 0.9
    rates = [row["lr"] for row in rows(outputs["curves"]) if "lr" in row]
    assert max(rates) == pytest.approx(0.03, rel=0.05)
    assert rates[-1] < 1e-5  # total_steps was right: the schedule came to its end


@pytest.mark.parametrize(
    "returns",
    [
        "loss",
        "{'loss': loss, 'accuracy': accuracy, 'logits': logits}",
        "{'loss': loss, 'stats': {'accuracy': accuracy}, 'weight': len(label)}",
        "(loss, {'accuracy': accuracy}, None)",
        "(loss.reshape(1), {'accuracy': float(accuracy), 'none': None}, torch.tensor([8.0]))",
    ],
)
def test_every_form_of_forward_trains(recipe, returns):
    text = (recipe / "src" / "model.py").read_text()
    old = 'return loss, {"loss": loss.detach(), "accuracy": accuracy}, torch.tensor(len(label))'
    assert old in text
    (recipe / "src" / "forms.py").write_text(text.replace(old, f"return {returns}"))
    model = {"_target_": "src.forms.Classifier"}
    outputs = train(train_context(recipe, model, trainer={"max_epochs": 1}))
    row = next(row for row in rows(outputs["curves"]) if "valid/loss" in row)
    assert ("valid/accuracy" in row) == (returns != "loss")
    assert "valid/logits" not in row
    reference = train(train_context(recipe, trainer={"max_epochs": 1}))
    assert same(
        load(outputs["last_checkpoint"])["state_dict"],
        load(reference["last_checkpoint"])["state_dict"],
    ) or returns.endswith("torch.tensor([8.0]))")


def test_a_model_that_comes_in_evaluation_mode_is_trained_in_training_mode(recipe):
    made = "\n\ndef from_pretrained():\n    return Classifier().eval()\n"
    text = (recipe / "src" / "model.py").read_text()
    (recipe / "src" / "pretrained.py").write_text(text + made)
    short = {"max_epochs": 1}
    found = [
        load(train(train_context(recipe, model, trainer=short))["last_checkpoint"])["state_dict"]
        for model in ({"_target_": "src.pretrained.from_pretrained"}, CLASSIFIER)
    ]
    assert same(*found)  # with dropout, and batch norms that count


def test_lengths_that_the_model_does_not_take_are_left_out(recipe):
    (recipe / "src" / "plain.py").write_text(
        "import torch\n"
        "class Plain(torch.nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.scale = torch.nn.Parameter(torch.ones(2))\n"
        "    def forward(self, speech, label):\n"
        "        return ((speech * self.scale).mean() - label.float().mean()) ** 2\n"
    )
    outputs = train(train_context(recipe, {"_target_": "src.plain.Plain"}))
    assert load(outputs["best_checkpoint"])["state_dict"].keys() == {"scale"}


def test_lengths_of_collect_stats_sort_the_batches(recipe):
    prepared = stage_context(recipe, "collect_stats", {"dataset": SETS})
    shapes = collect_stats(prepared)
    upstream = {f"stats.{name}": path for name, path in shapes.items()}
    code = (
        "import espnet3_runtime.data.collate as base\n"
        "SPANS = []\n"
        "class Spy(base.CommonCollateFn):\n"
        "    def __call__(self, items):\n"
        "        lengths = [len(sample['speech']) for _, sample in items]\n"
        "        SPANS.append(max(lengths) - min(lengths))\n"
        "        return super().__call__(items)\n"
    )
    (recipe / "src" / "spy.py").write_text(code)
    loader = {"collate_fn": {"_target_": "src.spy.Spy"}}
    train(
        train_context(
            recipe, dataloader=loader, upstream=upstream, upstream_kinds={"stats": "collect_stats"}
        )
    )
    from src.spy import SPANS  # type: ignore[import-not-found]

    assert max(SPANS) <= 5  # of 3 to 13 frames


def test_tensorboard_is_the_default(recipe):
    outputs = train(train_context(recipe, trainer={"logger": None, "max_epochs": 1}))
    events = list(outputs["tensorboard"].glob("events.*"))
    assert events
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = EventAccumulator(str(outputs["tensorboard"]))
    log.Reload()
    tags = set(log.Tags()["scalars"])
    assert {"train/loss", "valid/loss", "valid/accuracy", "train_step/loss", "lr"} <= tags


def test_own_loggers_and_callbacks(recipe):
    (recipe / "src" / "extra.py").write_text(
        "import lightning.pytorch as pl\n"
        "SEEN = []\n"
        "class Count(pl.Callback):\n"
        "    def on_train_epoch_end(self, trainer, module):\n"
        "        SEEN.append(float(trainer.callback_metrics['train/loss']))\n"
        "    def on_validation_epoch_end(self, trainer, module):\n"
        "        module.log('valid/own', 1.0 / (1 + trainer.current_epoch))\n"
    )
    logger = {"_target_": "lightning.pytorch.loggers.CSVLogger", "save_dir": "logs"}
    outputs = train(
        train_context(
            recipe,
            best_model_criterion=[["valid/own", 1, "min"]],
            trainer={"logger": [logger], "callbacks": [{"_target_": "src.extra.Count"}]},
        )
    )
    from src.extra import SEEN  # type: ignore[import-not-found]

    expected = [row["train/loss"] for row in rows(outputs["curves"]) if "train/loss" in row]
    assert pytest.approx(expected, rel=1e-6) == SEEN
    assert list((recipe / "logs").rglob("metrics.csv"))
    assert load(outputs["best_checkpoint"])["epoch"] == 3
    assert "tensorboard" not in outputs


def test_files_of_another_training_are_set_aside(recipe):
    context = train_context(recipe)
    train(context)
    (context.directory / "train.log").write_text("log")
    old = (context.directory / "best.ckpt").read_bytes()
    outputs = train(train_context(recipe, seed=9, trainer={"max_epochs": 1}))
    assert (context.directory / "previous" / "best.ckpt").read_bytes() == old
    assert outputs["best_checkpoint"].read_bytes() != old
    assert len(list(context.directory.glob("epoch*.ckpt"))) == 1
    assert (context.directory / "train.log").exists()
    train(train_context(recipe, seed=9, trainer={"max_epochs": 1}))
    assert not (context.directory / "previous" / "previous").exists()


def test_the_console_has_a_line_an_epoch(recipe, capsys):
    told = {}
    train(train_context(recipe, result=told.__setitem__))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("  src.model.Classifier: 76 parameters")
    assert [line.split()[1] for line in lines[1:]] == ["1/3", "2/3", "3/3"]
    for word in ("train/loss", "valid/loss", "valid/accuracy", " s"):
        assert word in lines[-1]
    assert "best valid/loss" in told


def test_gradient_norms_are_logged(recipe):
    outputs = train(train_context(recipe))
    steps = rows(outputs["curves"], "step")
    assert [row["step"] for row in steps] == [2, 4, 6, 8, 10, 12, 14, 16, 18]
    assert all(row["train/grad_norm"] > 0 for row in steps)
    assert all(np.diff([row["seconds"] for row in steps]) >= 0)


def test_training_with_worker_processes_is_the_same(recipe):
    first = load(train(train_context(recipe))["last_checkpoint"])["state_dict"]
    loader = {"num_workers": 2}
    second = load(train(train_context(recipe, dataloader=loader))["last_checkpoint"])["state_dict"]
    assert same(first, second)


@pytest.mark.parametrize(
    "changes",
    [
        {"dataset": {**SETS, "valid": []}},
        {"trainer": {"limit_val_batches": 0}},
        {"trainer": {"check_val_every_n_epoch": 4}},
    ],
)
def test_without_validation_training_decides(recipe, capsys, changes):
    best = [["valid/loss", 1, "min"], ["train/loss", 1, "min"]]
    outputs = train(train_context(recipe, best_model_criterion=best, **changes))
    assert "no validation: best is what train/loss says" in capsys.readouterr().err
    assert len(list(outputs["best_checkpoint"].parent.glob("epoch*.ckpt"))) == 1
    assert load(outputs["best_checkpoint"])["value"] == min(
        row["train/loss"] for row in rows(outputs["curves"])
    )


def test_kit_reads_only_what_the_kind_declares(recipe):
    context = stage_context(recipe, "train", {**training(), "tokenizer": {"vocab_size": 5}})
    with pytest.raises(RuntimeError, match="not in"):
        context.configs["training"]["tokenizer"]


def test_a_terminal_has_a_bar_an_epoch(recipe, monkeypatch):
    monkeypatch.setattr(progress.sys, "stderr", Terminal())
    context = train_context(recipe)
    train(context)
    assert context.progress.totals == {"epoch 1/3": 6, "epoch 2/3": 6, "epoch 3/3": 6}
    assert set(context.progress.done.values()) == {6}


class Terminal(io.StringIO):
    def isatty(self):
        return True
