"""A tiny recipe that can be trained, and contexts of the stages that prepare and train it."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch

from espnet3_runtime.build.instantiate import instantiate
from espnet3_runtime.errors import Stopped
from espnet3_runtime.stage import StageContext, StageSpec, Stop
from espnet3_runtime.stages.train import train
from tests.runtime.inference_kit import make_context

torch.set_num_threads(1)

DATASET = '''
"""Sequences that say their class: frames of noise around the class number."""
import numpy as np

WORDS = ("zero", "one", "two", "three")


class Dataset:
    def __init__(self, split="train", size=24, offset=0, data_dir=None, recipe_dir=None):
        self.size, self.seed = size, len(split) + offset
        self.data_dir, self.recipe_dir, self.split = data_dir, recipe_dir, split

    def __len__(self):
        return self.size

    def frames(self, index):
        return 3 + (index * 7 + self.seed) % 11

    def __getitem__(self, index):
        rng = np.random.default_rng([self.seed, index])
        label = index % 4
        noise = rng.normal(scale=0.5, size=(self.frames(index), 2))
        return {
            "utt_id": f"{self.split}{index}",
            "speech": (label + noise).astype(np.float32),
            "label": np.int64(label),
            "text": f"{WORDS[label]} {WORDS[(label + 1) % 4]}",
        }


class Measured(Dataset):
    def lengths(self):
        return np.array([self.frames(i) for i in range(self.size)])

    def texts(self):
        return ["from texts"] * self.size


class DatasetBuilder:
    def __init__(self, data_dir):
        self.data_dir = data_dir

    def source(self, name="corpus", **_):
        return self.data_dir / f"{name}.source"

    def built(self, name="corpus", **_):
        return self.data_dir / f"{name}.built"

    def is_source_prepared(self, **kwargs):
        return self.source(**kwargs).exists()

    def prepare_source(self, **kwargs):
        self.source(**kwargs).write_text("source")

    def is_built(self, **kwargs):
        return self.built(**kwargs).exists()

    def build(self, size=1, fail=False, **kwargs):
        if fail:
            raise OSError("disk full")
        self.built(**kwargs).write_text("b" * size)
'''

MODEL = '''
"""Mean over time, two layers, cross entropy; dropout makes it random."""
import torch
from torch import nn


class Classifier(nn.Module):
    def __init__(self, hidden=8, classes=4, dropout=0.1, feats_stats=None):
        super().__init__()
        self.encoder = nn.Linear(2, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden, classes)

    def forward(self, speech, speech_lengths, label):
        inside = torch.arange(speech.shape[1], device=speech.device) < speech_lengths[:, None]
        mean = (speech * inside[:, :, None]).sum(1) / speech_lengths[:, None]
        logits = self.head(self.dropout(torch.relu(self.norm(self.encoder(mean)))))
        loss = nn.functional.cross_entropy(logits, label)
        accuracy = (logits.argmax(-1) == label).float().mean()
        return loss, {"loss": loss.detach(), "accuracy": accuracy}, torch.tensor(len(label))


class Statistical(Classifier):
    def collect_feats(self, speech, speech_lengths, label):
        return {"feats": speech, "feats_lengths": speech_lengths}
'''

FEATURES = '''
"""Features, transforms and preprocessors."""
import numpy as np
import torch


class Doubled(torch.nn.Module):
    """Two frames for one; what follows the end is not zero on purpose."""
    def forward(self, speech, speech_lengths):
        return (speech + 100.0 * (speech == 0)).repeat_interleave(2, 1), speech_lengths * 2


def shout(sample):
    return {**sample, "text": sample["text"].upper()}


class Drop:
    """Keep only what the model reads."""
    def __init__(self, keys=("text",)):
        self.keys = keys

    def __call__(self, sample):
        return {key: value for key, value in sample.items() if key not in self.keys}


class Noise:
    """Augmentation: random in training."""
    def __init__(self, train):
        self.train = train

    def __call__(self, utt_id, sample):
        import random
        value = sample["speech"]
        if self.train:
            value = value + np.random.normal(size=value.shape).astype(np.float32)
            value = value + random.random() + torch.rand(1).item()
        return {**sample, "speech": value}
'''


@contextmanager
def recipe_in(directory: Path, **files: str) -> Iterator[Path]:
    """Write the recipe and run in it, as ``launch`` does; forget its modules afterwards."""
    texts = {"dataset/__init__.py": DATASET, "src/__init__.py": "", "src/model.py": MODEL}
    for name, text in {**texts, "src/features.py": FEATURES, **files}.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (directory / "data").mkdir(exist_ok=True)
    before, path, cwd = set(sys.modules), list(sys.path), Path.cwd()
    sys.path.insert(0, str(directory))
    os.chdir(directory)
    try:
        yield directory
    finally:
        os.chdir(cwd)
        sys.path[:] = path
        for name in set(sys.modules) - before:
            if name.partition(".")[0].partition("_of_")[0] in ("src", "dataset", "sets", "shards"):
                del sys.modules[name]


def stage_context(
    recipe: Path, kind: str, training: dict[str, Any] | None = None, **changes: Any
) -> StageContext:
    """Return the context of a stage whose config holds only what its kind may read."""
    return make_context(
        recipe, kind, configs={"training": training or {}, **changes.pop("configs", {})}, **changes
    )


SETS = {
    "train": [{"data_src_args": {"size": 42}}],
    "valid": [{"data_src_args": {"size": 13, "split": "valid"}}],
    "preprocessor": {"_target_": "src.features.Drop"},
}
CLASSIFIER = {"_target_": "src.model.Classifier"}


def training(**changes: Any) -> dict[str, Any]:
    """Return a training config for the CPU: 6 batches of 8 items an epoch, 3 epochs.

    With ``dataset=None`` it has no such key.
    """
    trainer = {
        "max_epochs": 3,
        "accelerator": "cpu",
        "log_every_n_steps": 2,
        "logger": False,
        "num_sanity_val_steps": 1,
        **changes.pop("trainer", {}),
    }
    values = {"seed": 1, "dataset": SETS, "trainer": trainer, **changes}
    return {key: value for key, value in values.items() if value is not None or key != "dataset"}


def train_context(recipe: Path, model: Any = CLASSIFIER, **changes: Any) -> StageContext:
    """Return the context of a training stage; ``changes`` go into the config."""
    context = {k: changes.pop(k) for k in list(changes) if k in _CONTEXT}
    return stage_context(recipe, "train", training(**changes), model=model, **context)


_CONTEXT = (
    "stop",
    "resume",
    "upstream",
    "upstream_kinds",
    "spec",
    "result",
    "progress",
    "rank",
    "refresh",
)


class StopAfter:
    """Answers true once it was asked more than ``polls`` times."""

    def __init__(self, polls: int) -> None:
        self.left = polls

    def __call__(self) -> bool:
        self.left -= 1
        return self.left < 0


def stop_after(polls: int) -> Stop:
    """Return a stop that is requested after so many batches and epochs."""
    return Stop(requested=StopAfter(polls), gracefully=nullcontext)


def same(one: Any, other: Any) -> bool:
    """Compare nested containers of tensors and numbers exactly; NaN equals NaN."""
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and torch.equal(
            one.nan_to_num(123.0) if one.is_floating_point() else one,
            other.nan_to_num(123.0) if other.is_floating_point() else other,
        )
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other) or (one != one and other != other)  # noqa: PLR0124


def load(path: Path) -> Any:
    """Read a checkpoint."""
    return torch.load(path, weights_only=True)


SGD = {"_target_": "torch.optim.SGD", "lr": 0.05}


ONE = {"max_epochs": 1}


def rows(outputs):
    return [json.loads(line) for line in outputs["curves"].read_text().splitlines()]


def weights(outputs, name="last_checkpoint"):
    return load(outputs[name])["state_dict"]


def initial(recipe, seed=1):
    """Return the weights that the model starts with."""
    from espnet3_runtime.data.sampler import seed_generators

    seed_generators(seed)
    return instantiate(CLASSIFIER).state_dict()


POLLS_PER_EPOCH = 7  # six batches and the end


def reference(recipe, **changes):
    outputs = train(train_context(recipe, **changes))
    return state(outputs["best_checkpoint"].parent)


def cut(recipe, polls, **changes):
    context = train_context(recipe, stop=stop_after(polls), **changes)
    with pytest.raises(Stopped):
        train(context)
    return context


def spec(init_from):
    return StageSpec(name="train", run="train", init_from=init_from)


def state(directory):
    """Return all that a training leaves, without times."""
    files = {path.name: load(path) for path in sorted(directory.glob("*.ckpt"))}
    rows = [json.loads(line) for line in (directory / "curves.jsonl").read_text().splitlines()]
    for row in rows:
        del row["seconds"]
    return {"files": files, "rows": rows}


BAD = """
        if self.training and (label == 0).sum() > 1:
            loss = loss * float("nan")
"""


def bad_model(recipe, code=BAD):
    text = (recipe / "src" / "model.py").read_text()
    mark = "        accuracy = (logits"
    (recipe / "src" / "bad.py").write_text(text.replace(mark, code.lstrip("\n") + mark))
    return {"_target_": "src.bad.Classifier"}
