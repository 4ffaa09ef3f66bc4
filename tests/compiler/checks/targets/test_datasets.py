"""Arguments of data sets, their builders and metrics."""

import textwrap
from pathlib import Path

import pytest

from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import search_path
from tests.compiler.target_kit import judged, shown, write

DATASET = """
    class Dataset:
        def __init__(self, split: str, data_dir: str, limit: int | None = None): ...
    class DatasetBuilder:
        def __init__(self, data_dir): ...
        def is_source_prepared(self, **_): ...
        def prepare_source(self, **_): ...
        def is_built(self, *, seed: int, **_): ...
        def build(self, progress, *, seed: int, sizes: dict[str, int], jobs: int = 2): ...
"""
FILES = {
    "a/asr/dataset/__init__.py": "from .parts import Dataset, DatasetBuilder\n",
    "a/asr/dataset/parts.py": DATASET,
    "a/asr/src/corpus.py": "class Dataset:\n    def __init__(self, part): ...\n",
    "a/asr/src/metric.py": """
        class Rate:
            def __init__(self, scale=1): ...
            def __call__(self, ref, hyp, *, utt_ids=None, directory=None, item_scores): ...
        def score(ref, hyp, utt_ids, scale=1): ...
    """,
    "b/asr/dataset/__init__.py": "class Dataset:\n    def __init__(self, other): ...\n",
}


def check(root: Path, configs: str, stages: str = "[create_dataset]") -> list[Diagnostic]:
    write(root, {name: textwrap.dedent(text) for name, text in FILES.items()})
    inner = textwrap.indent(textwrap.dedent(configs), "  ")
    manifest = f"version: 1\nrecipe: a/asr\nsystem: base\nconfigs:\n{inner}\nstages: {stages}\n"
    recipe = root / "a" / "asr"
    return judged(recipe, manifest, Library(search_path(recipe, [])))[0]


def training(root: Path, entry: str, create: str = "{seed: 1, sizes: {train: 3}}") -> list[str]:
    text = f"training:\n  create_dataset: {create}\n  dataset: {{train: [{entry}]}}\n"
    return shown(check(root, text))


@pytest.mark.parametrize(
    "entry",
    [
        "{data_src_args: {split: train}}",
        "{data_src_args: {split: train, data_dir: elsewhere, limit: null}}",
        "{data_src_args: {split: '${oc.env:SPLIT}'}}",
        "{data_src_args: {split: train}, builder_args: {jobs: 3}}",
        "{data_src: src.corpus, data_src_args: {part: train}}",
        "{data_src: b/asr, data_src_args: {other: train}}",
        "{data_src: elsewhere/tts, data_src_args: {other: train}}",
        "{data_src: unheard_of.corpora}",
        "{data_src: torchaudio.datasets, data_src_args: {other: train}}",
    ],
)
def test_silent(tmp_path, entry):
    assert training(tmp_path, entry) == []


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (
            "{data_src_args: {splt: train}}",
            "R502 'splt': dataset.Dataset has no argument \"splt\"",
        ),
        (
            "{data_src_args: {}}",
            "R503 'data_src_args': dataset.Dataset needs the argument \"split\"",
        ),
        ("{name: x}", "R503 'name': dataset.Dataset needs the argument \"split\""),
        (
            "{data_src_args: {split: 3}}",
            "R504 '3': \"split\" of dataset.Dataset must be str, not the number 3",
        ),
        (
            "{data_src_args: {split: train}, builder_args: {job: 3}}",
            "R502 'job': dataset.DatasetBuilder.build has no argument \"job\"",
        ),
        (
            "{data_src: src.corpus, data_src_args: {split: train}}",
            "R502 'split': src.corpus.Dataset has no argument \"split\"",
        ),
        ("{data_src: b/asrr}", "R501 'b/asrr': there is no recipe \"b/asrr\" beside this one"),
        ("{data_src: src.metric}", 'R501 \'src.metric\': "src.metric" exports no "Dataset"'),
        ("{data_src: scr.corpus}", "R501 'scr': there is no package \"scr\""),
        ("{data_src: src.corpsu}", 'R501 \'corpsu\': "src" has no "corpsu"'),
        (
            "{data_src: b/asr, data_src_args: {others: train}}",
            "R502 'others': dataset.Dataset has no argument \"others\"",
        ),
    ],
)
def test_one_mistake_one_finding(tmp_path, entry, expected):
    found = training(tmp_path, entry)
    assert expected in found
    assert [row for row in found if row != expected and not row.startswith("R503")] == []


def test_bars_are_the_runtimes_to_give(tmp_path):
    create = "{seed: 1, sizes: {train: 3}, progress: true}"
    assert training(tmp_path, "{data_src_args: {split: train}}", create) == [
        "R506 'progress': the runtime passes \"progress\" to dataset.DatasetBuilder.build itself"
    ]


@pytest.mark.parametrize(
    ("create", "expected"),
    [
        ("{sizes: {train: 3}, seed: 1, sed: 2}", ["R502 'sed'"]),
        ("{sizes: {train: 3}, sed: 2}", ["R502 'sed'"]),
        ("{sizes: {train: 3}}", ["R503 'create_dataset'"]),
        ("{sizes: {train: x}, seed: 1}", ["R504 'x'"]),
        ("{sizes: {train: 3}, seed: one}", ["R504 'one'"]),
    ],
)
def test_what_every_builder_gets(tmp_path, create, expected):
    found = training(
        tmp_path, "{data_src_args: {split: train}}, {data_src_args: {split: b}}", create
    )
    assert [row.split(":")[0] for row in found] == expected


def test_builders_only_where_they_run(tmp_path):
    text = "training:\n  create_dataset: {sed: 1}\n  dataset: {train: []}\n"
    assert check(tmp_path, text, "[train]") == []


@pytest.mark.parametrize(
    ("metric", "inputs", "expected"),
    [
        ("{_target_: src.metric.Rate}", "{ref: a, hyp: b}", []),
        ("{_target_: src.metric.Rate}", "{ref: a}", ["R503 'inputs'"]),
        ("{_target_: src.metric.Rate}", "{reff: a, hyp: b}", ["R502 'reff'"]),
        ("{_target_: src.metric.Rate}", "{ref: a, hyp: b, third: c}", ["R502 'third'"]),
        ("{_target_: src.metric.score, _partial_: true, scale: 2}", "{ref: a, hyp: b}", []),
        ("{_target_: src.metric.score, _partial_: true}", "{ref: a, hyps: b}", ["R502 'hyps'"]),
    ],
)
def test_inputs_of_metrics(tmp_path, metric, inputs, expected):
    text = f"metrics:\n  metrics: [{{metric: {metric}, inputs: {inputs}}}]\n"
    found = shown(check(tmp_path, text, "[measure]"))
    assert [row.split(":")[0] for row in found] == expected
