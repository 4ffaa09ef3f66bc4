"""A recipe whose model is packed, and packing it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from espnet3_runtime.stages.pack_model import pack_model
from tests.runtime.inference_kit import in_recipe, make_context

LATE = {"checkpoint": "${stages.train.best_checkpoint}"}


RUNNER = {"_target_": "src.decode.Reader", "word_list": "exp/words.txt"}


INFERENCE = {
    "dataset": {"test": [{"name": "a"}]},
    "checkpoint": "best.ckpt",
    "runner": RUNNER,
    "input_key": "speech",
    "contract": {
        "inputs": {"speech": {"kind": "audio", "sample_rate": 16000}},
        "outputs": {"text": {"kind": "text"}},
    },
    "device": "cpu",
}


MODEL = {"_target_": "src.model.Scale", "vocab_file": "data/vocab.txt"}


FACTS = {"class": "src.model.Scale", "parameters": 1, "detail": "Scale()"}


@contextmanager
def packable(place: Path) -> Iterator[Path]:
    """Enter a recipe that has been trained."""
    with in_recipe(place) as directory:
        torch.save({"state_dict": {"scale": torch.ones(1)}}, "best.ckpt")
        Path("exp").mkdir()
        Path("data").mkdir()
        Path("exp/words.txt").write_text("zero one two three four\n")
        Path("data/vocab.txt").write_text("a\n")
        yield directory


def pack(
    recipe, *, proof=False, publication=None, inference=None, composed=None, model=None, **changes
):
    configs = {
        "publication": {"pack_model": publication or {}},
        "inference": inference or INFERENCE,
    }
    context = make_context(
        recipe,
        "pack_model",
        configs=configs,
        composed={"inference": composed} if composed else {},
        model=model or MODEL,
        **changes,
    )
    with pytest.MonkeyPatch.context() as patch:
        if not proof:  # the fresh process takes seconds; three tests do without the shortcut
            patch.setattr("espnet3_runtime.publication.pack.load_elsewhere", lambda _: FACTS)
        return pack_model(context)["bundle"]


def speech(*words):
    names = ["zero", "one", "two", "three", "four"]
    values = np.array([names.index(word) for word in words], dtype=np.float32) / 10
    return np.repeat(values, 160)
