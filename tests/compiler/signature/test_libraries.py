"""Signatures of real libraries, read from their texts and asked from Python: no disagreement.

What cannot be read is not judged, and may be much; what is read must be right.
"""

import importlib
import inspect
import json
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from espnet3_compiler.signature.library import Library, open_library
from espnet3_compiler.signature.read import read
from espnet3_compiler.signature.result import NotAnalyzable, Signature

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("lightning", reason="lightning is not installed")

COMMON = (
    "torch.nn",
    "torch.optim",
    "torch.optim.lr_scheduler",
    "lightning.pytorch.callbacks",
    "lightning.pytorch.loggers",
)
MORE = (
    *("torch.nn.functional", "torch.nn.init", "torch.nn.utils", "torch.utils.data"),
    *("torch.distributions", "torch.optim.swa_utils", "lightning.pytorch", "lightning.fabric"),
    *("lightning.pytorch.strategies", "lightning.pytorch.plugins", "lightning.pytorch.profilers"),
    *("torchmetrics", "torchmetrics.text", "torchmetrics.functional", "dask", "omegaconf"),
    *("hydra.utils", "jsonschema", "logging", "argparse", "json", "csv", "string", "queue"),
)
KINDS = {
    inspect.Parameter.POSITIONAL_ONLY: "positional",
    inspect.Parameter.POSITIONAL_OR_KEYWORD: "both",
    inspect.Parameter.KEYWORD_ONLY: "keyword",
}


def public(module: str) -> Iterator[tuple[str, object]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = importlib.import_module(module)
        except ImportError:
            pytest.skip(f"{module} is not installed")
        for name in sorted(dir(found)):
            value = getattr(found, name)
            own = str(getattr(value, "__module__", "")).startswith(module.partition(".")[0])
            if not name.startswith("_") and callable(value) and own:
                yield name, value


def disagreement(reading: object, real: inspect.Signature) -> str | None:
    """Return how a reading could lead to a false finding, or None."""
    if not isinstance(reading, Signature):
        return str(reading)
    every = real.parameters.values()
    wanted = [(p.name, KINDS[p.kind], p.default is p.empty) for p in every if p.kind in KINDS]
    got = [(p.name, p.kind, p.required) for p in reading.parameters]
    places = any(p.kind is p.VAR_POSITIONAL for p in every)
    names = any(p.kind is p.VAR_KEYWORD for p in every)
    if names or places:  # these are followed to where they go: more may be known
        fits = {item[0] for item in wanted} <= {item[0] for item in got}
    else:
        fits = wanted == got and not reading.more_positional and not reading.more_keywords
    return None if fits else f"{wanted} is read as {got}"


def compare(library: Library, module: str) -> tuple[int, int]:
    """Return how many public callables were judged, of how many."""
    judged = total = 0
    for name, value in public(module):
        total += 1
        reading = read(library, f"{module}.{name}")
        if isinstance(reading, NotAnalyzable):
            continue
        try:
            real = inspect.signature(value)
        except (ValueError, TypeError):
            continue
        judged += 1
        assert disagreement(reading, real) is None, f"{module}.{name}"
    return judged, total


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Library:
    return open_library(tmp_path_factory.mktemp("recipe"))


@pytest.mark.parametrize("module", COMMON)
def test_what_recipes_name(library, module):
    judged, total = compare(library, module)
    print(f"{module}: {judged} of {total} judged")
    assert judged >= 0.9 * total


@pytest.mark.slow
@pytest.mark.parametrize("module", MORE)
def test_more(library, module):
    judged, total = compare(library, module)
    print(f"{module}: {judged} of {total} judged")
    assert judged >= 0.2 * total


@pytest.mark.slow
def test_what_torch_has_is_never_called_missing(library):
    found = [read(library, f"torch.{name}") for name, _ in public("torch")]
    assert [item for item in found if not isinstance(item, Signature | NotAnalyzable)] == []
    assert sum(isinstance(item, Signature) for item in found) > 0.8 * len(found)


MISTAKES = [
    ("torch.optim.AdamW", "learning_rate", "weight_decay"),
    ("torch.optim.lr_scheduler.StepLR", "warmup_steps", "step_size"),
    ("lightning.pytorch.callbacks.EarlyStopping", "montior", "monitor"),
    ("torch.nn.LSTM", "hidden", "input_size"),
    ("torch.nn.Tanh", "inplace", None),
    ("torch.nn.GRU", "hidden", "hidden_size"),
    ("torch.tensor", "type", "dtype"),
    ("torch.Generator", "seed", "device"),
    ("lightning.pytorch.Trainer", "max_epoch", "max_epochs"),
]


@pytest.mark.parametrize(("path", "wrong", "right"), MISTAKES)
def test_known_mistakes(library, path, wrong, right):
    reading = read(library, path)
    assert isinstance(reading, Signature), reading
    assert not reading.more_keywords
    assert reading.find(wrong) is None
    assert right is None or reading.find(right)


@pytest.mark.parametrize("name", ["GRU", "LSTM", "RNN"])
def test_recurrent_layers_need_their_sizes(library, name):
    reading = read(library, f"torch.nn.{name}")
    assert isinstance(reading, Signature)
    assert [p.name for p in reading.parameters if p.required] == ["input_size", "hidden_size"]


def test_this_runtime(library):
    """Every default target of the schemas is judged and takes what its default gives it."""
    schemas = Path(__file__).parents[3] / "schemas" / "espnet3_schemas"
    nodes: list[dict[str, object]] = []
    for file in sorted(schemas.glob("*.schema.json")):
        nodes.extend(defaults(json.loads(file.read_text(encoding="utf-8"))))
    assert len(nodes) >= 3
    for node in nodes:
        reading = read(library, str(node["_target_"]))
        assert isinstance(reading, Signature), node
        for name in node:
            assert name == "_target_" or reading.find(name), node


def defaults(value: object) -> Iterator[dict[str, object]]:
    """Yield the targets among the defaults of a schema."""
    if isinstance(value, dict):
        found = value.get("default")
        if isinstance(found, dict) and "_target_" in found:
            yield found
        for item in value.values():
            yield from defaults(item)
    elif isinstance(value, list):
        for item in value:
            yield from defaults(item)
