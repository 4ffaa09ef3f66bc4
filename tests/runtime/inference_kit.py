"""A tiny recipe and the context of a stage, for tests of infer, measure and the publication."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from espnet3_runtime.incremental.slices import configs_of, model_of
from espnet3_runtime.stage import StageContext, StageSpec, Stop
from tests.runtime.composed_kit import composed_build

DATASET = '''
"""Items whose "speech" says their text: a constant for each word."""
import numpy as np

WORDS = ("zero", "one", "two", "three", "four")


class Dataset:
    def __init__(self, size=10, prefix="utt", recipe_dir=None):
        self.size, self.prefix = size, prefix

    def __len__(self):
        return self.size

    def words(self, index):
        return [WORDS[(index + k) % 5] for k in range(1 + index % 3)]

    def __getitem__(self, index):
        values = [WORDS.index(word) for word in self.words(index)]
        speech = np.repeat(np.array(values, dtype=np.float32) / 10, 160)
        text = " ".join(self.words(index))
        return {"utt_id": f"{self.prefix}{index}", "speech": speech, "text": text, "speaker": "s1"}

    def lengths(self):
        return np.array([160 * len(self.words(i)) for i in range(self.size)])


class DatasetBuilder:
    def is_source_prepared(self, **_):
        return True

    def prepare_source(self, **_):
        pass

    def is_built(self, **_):
        return True

    def build(self, **_):
        pass
'''

MODEL = '''
"""A model with one weight: what it multiplies the audio with."""
import torch


class Scale(torch.nn.Module):
    def __init__(self, vocab_file=None, width=1):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(width))
        self.vocab_file = vocab_file

    def forward(self, speech, speech_lengths):
        return speech * self.scale, speech_lengths
'''

DECODE = '''
"""Reads the words back from the audio."""
from src.words import WORDS


class Reader:
    def __init__(self, word_list=None):
        self.words = open(word_list).read().split() if word_list else WORDS

    def __call__(self, model, speech, speech_lengths):
        speech, lengths = model(speech, speech_lengths)
        return [{"text": self.read(row[:length])} for row, length in zip(speech, lengths.tolist())]

    def read(self, row):
        ids = (row[::160] * 10).round().int().tolist()
        return " ".join(self.words[i] if 0 <= i < 5 else "?" for i in ids)
'''

WORDS = 'WORDS = ("zero", "one", "two", "three", "four")\n'


def write_recipe(directory: Path) -> Path:
    """Write the recipe's code below ``directory``; return it."""
    files = {
        "dataset/__init__.py": DATASET,
        "src/__init__.py": "",
        "src/model.py": MODEL,
        "src/decode.py": DECODE,
        "src/words.py": WORDS,
    }
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory


class Bars:
    """Progress that remembers."""

    def __init__(self) -> None:
        self.totals: dict[str, int | None] = {}
        self.done: dict[str, int] = {}

    @contextmanager
    def __call__(self, description: str, total: int | None = None) -> Iterator[Any]:
        self.totals[description] = total
        self.done[description] = 0
        bars = self

        class _Bar:
            def advance(self, count: int = 1) -> None:
                bars.done[description] += count

            def note(self, text: str) -> None:
                pass

        yield _Bar()


def make_context(recipe_dir: Path, stage: str, **changes: Any) -> StageContext:
    """Return the context of a stage; configs are given as ``{role: values}``."""
    given, model = changes.pop("configs", {}), changes.pop("model", None)
    build = composed_build(stage, given, model)
    late = composed_build(
        stage, {**given, **changes.pop("composed", {})}, changes.pop("composed_model", model)
    )
    (kind,) = build.stages
    exp_dir = recipe_dir / "exp" / "tiny"
    directory = exp_dir / stage
    directory.mkdir(parents=True, exist_ok=True)
    values: dict[str, Any] = {
        "spec": StageSpec(name=stage, run=stage),
        "configs": configs_of(build, kind),
        "model": model_of(build, kind),
        "composed": configs_of(late, late.stage(stage)),
        "composed_model": model_of(late, late.stage(stage)),
        "late": late.late,
        "outputs": {name: recipe_dir / output.path for name, output in kind.outputs.items()},
        "recipe": "tiny/asr",
        "exp_tag": "tiny",
        "recipe_dir": recipe_dir,
        "exp_dir": exp_dir,
        "data_dir": recipe_dir / "data",
        "directory": directory,
        "build": recipe_dir / "build",
        "progress": Bars(),
        "stop": Stop(requested=lambda: False, gracefully=nullcontext),
        "log": logging.getLogger("test"),
        "result": lambda _name, _value: None,
    }
    return StageContext(**{**values, **changes})


@contextmanager
def in_recipe(directory: Path) -> Iterator[Path]:
    """Write the recipe and run in it, as ``launch`` does; forget its modules afterwards."""
    before, path, cwd = set(sys.modules), list(sys.path), Path.cwd()
    write_recipe(directory)
    sys.path.insert(0, str(directory))
    os.chdir(directory)
    try:
        yield directory
    finally:
        os.chdir(cwd)
        sys.path[:] = path
        for name in set(sys.modules) - before:
            if name.partition(".")[0] in ("src", "dataset"):
                del sys.modules[name]
