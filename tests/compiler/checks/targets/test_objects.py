"""Plain data where an argument must be an object: named with the class that was likely meant."""

import pytest

from tests.compiler.target_kit import HEAD, judged, write

CODE = """
from torch import nn


class Encoder(nn.Module):
    def __init__(self, size: int, layers: int = 2): ...


class ConvEncoder(nn.Module):
    def __init__(self, size: int, kernel: int): ...


class Options:
    def __init__(self, size: int = 3): ...


class Net(nn.Module):
    def __init__(
        self,
        encoder: nn.Module | None = None,
        heads: list[nn.Module] | None = None,
        conv: "ConvEncoder" = None,
        options: Options = None,
        either: nn.Module | dict | str | None = None,
        blocks: nn.ModuleList | None = None,
        plain=None,
    ): ...
"""


@pytest.fixture
def report(tmp_path):
    pytest.importorskip("torch")
    write(tmp_path, {"src/__init__.py": "", "src/net.py": CODE})

    def run(arguments: str):
        text = f"{HEAD}models:\n  net: {{_target_: src.net.Net, {arguments}}}\n"
        return [
            (item.code, item.primary.span.text, item.help) for item in judged(tmp_path, text)[0]
        ]

    return run


NEEDS = 'it needs "_target_": did you mean'
CLASS = 'it needs "_target_", the dotted path of its class'


@pytest.mark.parametrize(
    ("arguments", "place", "advice"),
    [
        ("encoder: {size: 3}", "{size: 3}", f"{NEEDS} src.net.Encoder?"),
        ("encoder: {size: 3, kernel: 5}", "{size: 3, kernel: 5}", f"{NEEDS} src.net.ConvEncoder?"),
        ("encoder: {size: 3, depth: 5}", "{size: 3, depth: 5}", CLASS),
        ("encoder: {}", "{}", CLASS),
        ("conv: {size: 3, kernel: 2}", "{size: 3, kernel: 2}", f"{NEEDS} src.net.ConvEncoder?"),
        ("heads: [{size: 3}]", "{size: 3}", f"{NEEDS} src.net.Encoder?"),
        ("encoder: src.net.Encoder", "src.net.Encoder", "write {_target_: src.net.Encoder}"),
        ("encoder: net.Encoder", "net.Encoder", "write {_target_: src.net.Encoder}"),
        ("encoder: Encoder", "Encoder", "write {_target_: src.net.Encoder}"),
        ("encoder: torch.nn.ReLU", "torch.nn.ReLU", "write {_target_: torch.nn.ReLU}"),
        (
            "encoder: {class_path: src.net.Encoder, size: 3}",
            "{class_path: src.net.Encoder, size: 3}",
            'write "_target_" in place of "class_path"',
        ),
        (
            "encoder: 40",
            "40",
            "an object is written {_target_: package.Class, …}: name the class of encoder",
        ),
        (
            "encoder: [3, 4]",
            "[3, 4]",
            "an object is written {_target_: package.Class, …}: name the class of encoder",
        ),
    ],
)
def test_plain_data_for_a_module(report, arguments, place, advice):
    assert report(arguments) == [("R504", place, (advice,))]


@pytest.mark.parametrize(
    "arguments",
    [
        "encoder: {_target_: src.net.Encoder, size: 3}",
        "encoder: null",
        'encoder: "${models.other}"',
        "heads: [{_target_: src.net.Encoder, size: 3}]",
        "heads: []",
        "options: {size: 3}",
        "either: {size: 3}",
        "either: conv",
        "blocks: [{_target_: src.net.Encoder, size: 3}]",
        "plain: {size: 3}",
        "plain: src.net.Encoder",
        "encoder: {task: espnet2.tasks.asr.ASRTask}",
    ],
)
def test_what_may_be_right_is_silent(report, arguments):
    assert report(arguments) == []
