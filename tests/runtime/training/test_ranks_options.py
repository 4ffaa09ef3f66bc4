"""What two ranks share beside the weights: named optimizers, own loaders, a chosen strategy."""

import json

import pytest
import torch

from espnet3_runtime.data.custom_loader import make_custom_loader
from espnet3_runtime.data.sampler import Clock
from espnet3_runtime.errors import UserError
from espnet3_runtime.stages.train import train
from tests.runtime.rank_kit import plainly, run_ranks
from tests.runtime.training.test_optimizers import GAN
from tests.runtime.training_kit import SETS, SGD, load, train_context

CLOSE = {"rtol": 1e-4, "atol": 1e-6}
TARGET = "torch.utils.data.DataLoader"


def last(recipe):
    return load(recipe / "exp" / "tiny" / "train" / "last.ckpt")


def equal(one, other):
    assert one["global_step"] == other["global_step"]
    for name, value in one["state_dict"].items():
        torch.testing.assert_close(other["state_dict"][name], value, **CLOSE)


def test_named_optimizers_on_two_ranks(recipe):
    """One of them accumulates, one steps every other time and clips, both have schedulers."""
    scheduler = {"_target_": "torch.optim.lr_scheduler.ExponentialLR", "gamma": 0.9}
    body = {"optimizer": SGD, "params": "encoder", "accum_grad_steps": 2}
    head = {"optimizer": SGD, "params": "head", "step_every_n_iters": 2, "gradient_clip_val": 0.1}
    named = {
        "optimizer": None,
        "optimizers": {"body": body, "head": head},
        "schedulers": {"body": {"scheduler": scheduler}, "head": {"scheduler": scheduler}},
    }
    changes = {**plainly(recipe, 8), **named}
    trainer = {"max_epochs": 2, "gradient_clip_val": None}
    train(train_context(recipe, trainer=trainer, **changes))
    alone = last(recipe)
    changes["dataloader"]["train"]["batches"]["batch_size"] = 4
    run_ranks(recipe, trainer, **changes)
    equal(alone, last(recipe))
    rates = [[g["lr"] for g in o["param_groups"]] for o in alone["optimizer_states"]]
    assert rates == [[g["lr"] for g in o["param_groups"]] for o in last(recipe)["optimizer_states"]]


def test_losses_by_name_on_two_ranks(recipe):
    (recipe / "src" / "gan.py").write_text(GAN)
    named = {
        "g": {"optimizer": {**SGD, "lr": 0.1}, "params": "generator"},
        "d": {"optimizer": {**SGD, "lr": 0.1}, "params": "critic"},
    }
    changes = {"model": {"_target_": "src.gan.Gan"}, "optimizer": None, "optimizers": named}
    changes["best_model_criterion"] = [["valid/g/loss", 1, "min"]]
    sets = {**SETS, "train": [{"data_src_args": {"size": 32}}]}
    changes |= {"dataset": sets, "dataloader": {"train": {"batches": {"batch_size": 4}}}}
    run_ranks(recipe, {"max_epochs": 1, "gradient_clip_val": None}, **changes)
    g, d = 1.0, 2.0
    for _ in range(4):
        g, d = g - 0.1 * d, d + 0.1 * g
    found = last(recipe)["state_dict"]
    assert (found["generator"].item(), found["critic"].item()) == pytest.approx((g, d), rel=1e-5)


def test_the_loader_of_pytorch_gives_each_rank_its_share(recipe):
    loader = {"_target_": TARGET, "batch_size": 8, "shuffle": True}
    changes = plainly(recipe, 8)
    changes["dataloader"]["train"] = {"loader": loader}
    changes["optimizer"] = {**SGD, "lr": 0.0}  # so that each epoch measures the same
    run_ranks(recipe, {"max_epochs": 2}, **changes)
    assert last(recipe)["global_step"] == 6  # 40 items: 20 for a rank, in three batches, twice
    path = recipe / "exp" / "tiny" / "train" / "curves.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    losses = [r["train/loss"] for r in rows if r["at"] == "epoch" and "train/loss" in r]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)  # every item once, in both epochs
    changes["dataloader"]["train"] = {"batches": {"batch_size": 40}}
    train(train_context(recipe, trainer={"max_epochs": 1}, **changes))
    alone = [json.loads(line) for line in path.read_text().splitlines()]
    (whole,) = [r["train/loss"] for r in alone if r["at"] == "epoch" and "train/loss" in r]
    assert losses[0] == pytest.approx(whole, rel=1e-4)


LOADER = """
from torch.utils.data import DataLoader, Subset


def everything(data, collate_fn):
    return DataLoader(data, batch_size=8, collate_fn=collate_fn)


def share(data, collate_fn, rank, world):
    mine = Subset(data, range(rank, len(data), world))
    return DataLoader(mine, batch_size=4, collate_fn=collate_fn)
"""


def test_a_loader_that_does_not_ask_for_its_rank_is_refused(recipe):
    (recipe / "src" / "loading.py").write_text(LOADER)
    node = {"_target_": "src.loading.everything"}
    offered = {"collate_fn": list, "generator": torch.Generator(), "rank": 1, "world": 2}
    with pytest.raises(UserError, match="does not ask which rank it is for: with 2 ranks"):
        make_custom_loader(node, range(16), offered, Clock(seed=1))
    alone = make_custom_loader(node, range(16), {**offered, "rank": 0, "world": 1}, Clock(seed=1))
    assert [len(batch) for batch in alone] == [8, 8]


def test_a_strategy_by_target_and_a_loader_that_shares(recipe):
    """The strategy has a setting without which a part that no loss reaches fails."""
    strategy = {
        "_target_": "lightning.pytorch.strategies.DDPStrategy",
        "find_unused_parameters": True,
        "process_group_backend": "gloo",
    }
    changes = plainly(recipe, 8)
    with (recipe / "src" / "model.py").open("a") as file:
        file.write(UNUSED)
    (recipe / "src" / "loading.py").write_text(LOADER)
    changes["model"] = {"_target_": "src.model.Unused"}
    changes["dataloader"]["train"] = {"loader": {"_target_": "src.loading.share"}}
    run_ranks(recipe, {"max_epochs": 1, "strategy": strategy}, **changes)
    assert last(recipe)["global_step"] == 5


UNUSED = """

class Unused(Plain):
    def __init__(self):
        super().__init__()
        self.spare = nn.Linear(2, 2)
"""


ROWS = """
import numpy as np

class Rows:
    def __init__(self, data, own=False):
        self.count, self.own = len(data), own
    def __len__(self):
        return self.count // 4
    def __iter__(self):
        order = (np.random.default_rng() if self.own else np.random).permutation(self.count)
        return iter(order[: len(self) * 4].reshape(-1, 4).tolist())
"""
SEEN = """
import os
from src.model import Classifier as Base

class Classifier(Base):
    def forward(self, speech, **others):
        if self.training:
            with open("seen" + os.environ.get("LOCAL_RANK", "0"), "a") as file:
                file.write(f"{float(speech.sum()):.5f}\\n")
        return super().forward(speech, **others)
"""


def test_an_own_batch_sampler_is_spread_over_two_ranks(recipe):
    (recipe / "src" / "rows.py").write_text(ROWS)
    (recipe / "src" / "seen.py").write_text(SEEN)
    block = {"train": {"sampler": {"_target_": "src.rows.Rows"}}}
    model = {"_target_": "src.seen.Classifier"}
    run_ranks(recipe, {"max_epochs": 1}, model=model, dataloader=block)
    seen = [(recipe / f"seen{rank}").read_text().split() for rank in range(2)]
    assert [len(batches) for batches in seen] == [5, 5]
    assert not set(seen[0]) & set(seen[1])
