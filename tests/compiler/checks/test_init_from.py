"""Parts of weights that ``init_from`` names."""

import pytest

from espnet3_compiler.pipeline import compile_manifest
from espnet3_schemas.initial_weights import InitialWeights, split_init_from

MODEL = """\
class Net:
    def __init__(self, size: int): self.encoder = self.head = size
class Other:
    # has no bdoy
    def __init__(self, size: int): self.body = size
"""
TEXT = """\
version: 1
recipe: mini/asr
system: asr
models:
  net: {{_target_: src.model.Net, size: 8}}
  other: {{_target_: src.model.Other, size: 8}}
configs:
  training: {{dataset: {{train: [{{data_src_args: {{split: train}}}}]}}}}
stages:
  - {{name: easy, run: train, model: other}}
  - {{name: full, run: train, model: net, init_from: {start}}}
"""
DATASET = """\
class Dataset:
    def __init__(self, split=""): ...
    def __len__(self): return 1
    def __getitem__(self, index): return {"speech": [0.0]}
"""


@pytest.mark.parametrize(
    ("start", "found"),
    [
        ("easy", [("R409", "easy")]),
        ("easy:body:encoder", []),
        ('"easy::head"', []),
        ('"${stages.easy.best_checkpoint}:body:head"', []),
        ("esay:body:encoder", [("R205", "esay")]),
        ("none.ckpt:body:encoder", [("R701", "none.ckpt")]),
        ("easy:body:encodr", [("R807", "encodr")]),
        ("easy:bdoy:encoder", [("R807", "bdoy")]),
        ("data/w.ckpt:body:encoder", []),
    ],
)
def test_the_source_and_the_part_are_checked_apart(check, start, found):
    files = {"src/model.py": MODEL, "dataset/__init__.py": DATASET, "data/w.ckpt": ""}
    named = ("R2", "R4", "R5", "R7", "R8")
    text = TEXT.format(start=start)
    assert [one for one in check(text, files) if one[0].startswith(named)] == found
    if not found:
        recipe = compile_manifest(check.manifest).recipe
        assert recipe is not None
        stage = recipe.stages[1]
        assert stage.init_from is not None
        assert f"{stage.init_from.value}{stage.init_parts}" == start.strip('"')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("easy", InitialWeights("easy")),
        ("a/b.ckpt:encoder", InitialWeights("a/b.ckpt", "encoder", "encoder")),
        ("b.ckpt:asr.encoder:encoder", InitialWeights("b.ckpt", "asr.encoder", "encoder")),
        ("b.ckpt:encoder:", InitialWeights("b.ckpt", "encoder", "")),
        ("b.ckpt::head", InitialWeights("b.ckpt", "", "head")),
        ("C:/models/b.ckpt", InitialWeights("C:/models/b.ckpt")),
        ("${oc.env:START}", InitialWeights("${oc.env:START}")),
        ("${oc.env:START}:a:b", InitialWeights("${oc.env:START}", "a", "b")),
        ("", InitialWeights("")),
    ],
)
def test_init_from_is_split_as_espnet_does(text, expected):
    assert split_init_from(text) == expected


TORCH = """\
import torch
from espnet3_runtime.data.preprocess import read_labels
class Net(torch.nn.Module):
    def __init__(self, size: int):
        super().__init__()
        self.body = Other(size)
        self.head = torch.nn.Linear(size, len(read_labels("a")))
class Other(torch.nn.Module):
    def __init__(self, size: int):
        super().__init__()
        self.encoder = torch.nn.Linear(size, size)
        MORE
"""


@pytest.mark.parametrize(
    ("start", "more", "found"),
    [
        ("easy:body", "", [("R807", "easy:body")]),
        ("easy:head:head", "", [("R807", "easy:head:head")]),
        ("easy:decoder:body", "", [("R807", "decoder")]),
        ("easy::tail", "", [("R807", "tail")]),
        ("easy:encoder:head", "", []),
        ("easy::body", "", []),
        ("easy:encoder:body.encoder", "", []),
        ("easy:body", "self.add_module(make(), make())", []),
        ("easy:body", "setattr(self, make(), 1)", []),
    ],
)
def test_parts_are_attributes_of_the_class(check, start, more, found):
    files = {
        "src/model.py": TORCH.replace("MORE", more),
        "dataset/__init__.py": DATASET,
    }
    text = TEXT.format(start=f'"{start}"')
    assert [(one, place.strip('"')) for one, place in check(text, files) if one == "R807"] == found
