"""From the answers of the probe to whole reports, without a process."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from espnet3_compiler.deep.code_span import code_span, place_name
from espnet3_compiler.deep.findings import (
    answer_finding,
    model_summaries,
    probe_findings,
    recipe_warnings,
    unprobed_notes,
)
from espnet3_compiler.deep.process import ProbeLimits, ProbeResult, missing_packages
from espnet3_compiler.deep.request import LARGEST, make_request
from espnet3_compiler.filesystem import shown_path
from espnet3_compiler.output.human import render_one
from espnet3_compiler.pipeline import compile_manifest
from espnet3_compiler.result import CompileResult

MANIFEST = """\
version: 1
recipe: mini/any
system: base
models:
  net: {_target_: src.model.Net, sizes: [8, 4, {deep: 4}], bias: true, width: 8, depth: 2, n: 8}
configs:
  training:
    dataset: {train: [{data_src: one, data_src_args: {}}]}
    optimizer: {_target_: torch.optim.SGD, lr: 0.1, nesterov: true, momentum: 0.9}
    seed: ${configs.other.seed}
  other: {seed: 3}
stages:
  - train
  - {name: again, run: train, init_from: train}
  - {name: export, call: src.model.export, with: {path: x, many: [{a: 1}]}}
"""
CODE = """\
import torch

class Net(torch.nn.Module):
    def __init__(self, sizes, bias, width, depth, n):
        super().__init__()
    def forward(self, x):
        return 1 + frozenset

def export(path, many): pass
"""


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> CompileResult:
    folder = tmp_path_factory.mktemp("recipe")
    (folder / "recipe.yaml").write_text(MANIFEST)
    (folder / "src").mkdir()
    (folder / "src" / "model.py").write_text(CODE)
    return compile_manifest(folder / "recipe.yaml")


def line(owner: str, *path: str | int, stage: str | None = None, **more: Any) -> dict[str, Any]:
    kind, _, name = owner.partition(".")
    values = {"kind": "finding", "code": "R908", "message": "it fails", "label": "here"}
    values |= {"place": None, "in_code": False, "numbers": [], "help": [], "notes": []}
    return {**values, "owner": [kind, name], "path": list(path), "stage": stage, **more}


def shown(outcome: CompileResult, found: Mapping[str, Any]) -> list[tuple[int, int, str, str]]:
    assert outcome.recipe is not None
    assert outcome.resolved is not None
    finding = answer_finding(found, outcome.recipe, outcome.resolved)
    return [
        (*label.span.source.line_column(label.span.start), label.span.text, label.text)
        for label in (finding.primary, *finding.related)
    ]


@pytest.mark.parametrize(
    ("owner", "path", "stage", "place"),
    [
        ("recipe.system", (), None, (3, 9, "base")),
        ("recipe.system", ("x",), "again", (3, 9, "base")),
        ("stages.again", ("init_from",), None, (14, 42, "train")),
        ("stages.train", ("init_from",), None, (13, 5, "train")),
        ("stages.export", (), None, (15, 26, "src.model.export")),
        ("stages.export", ("call",), None, (15, 26, "src.model.export")),
        ("stages.train", (), None, (13, 5, "train")),
        ("stages.export", ("with", "path"), None, (15, 57, "x")),
        ("stages.export", ("with", "many"), None, (15, 60, "many")),
        ("stages.export", ("with", "many", 0), None, (15, 68, "a")),
        ("stages.export", ("with", "none"), None, (15, 12, "export")),
        ("stages.none", ("x",), None, (2, 9, "mini/any")),
        ("models.net", (), None, (5, 19, "src.model.Net")),
        ("models.net", (), "export", (5, 19, "src.model.Net")),
        ("models.net", ("bias",), None, (5, 60, "bias")),
        ("models.net", ("width",), None, (5, 79, "8")),
        ("models.net", ("sizes",), None, (5, 34, "sizes")),
        ("models.net", ("sizes", 1), None, (5, 45, "4")),
        ("models.net", ("sizes", 2), None, (5, 49, "deep")),
        ("models.net", ("sizes", 9), None, (5, 34, "sizes")),
        ("models.net", ("none", "deeper"), None, (5, 19, "src.model.Net")),
        ("models.none", ("x",), "again", (14, 12, "again")),
        ("models.none", ("x",), None, (2, 9, "mini/any")),
        ("configs.training", ("optimizer",), None, (9, 27, "torch.optim.SGD")),
        ("configs.training", ("optimizer", "nesterov"), None, (9, 53, "nesterov")),
        ("configs.training", ("dataset", "train", 0), None, (8, 24, "data_src")),
        (
            "configs.training",
            ("dataset", "train", 0, "data_src_args"),
            None,
            (8, 39, "data_src_args"),
        ),
        ("configs.training", ("dataset",), None, (8, 5, "dataset")),
        ("configs.training", ("trainer", "accelerator"), "train", (13, 5, "train")),
    ],
)
def test_the_place_of_an_answer(
    outcome: CompileResult, owner: str, path: tuple[str | int, ...], stage: str | None, place: Any
) -> None:
    assert shown(outcome, line(owner, *path, stage=stage))[0] == (*place, "here")


def test_a_fetched_value_is_shown_where_it_was_written(outcome: CompileResult) -> None:
    assert shown(outcome, line("configs.training", "seed")) == [
        (11, 17, "3", "here"),
        (10, 11, "${configs.other.seed}", "fetched here"),
    ]


@pytest.mark.parametrize(
    ("path", "numbers", "labels"),
    [
        ((), [], []),
        ((), [2], [(5, 89, "2", "2 here")]),
        ((), [8], [(5, 42, "8", "8 here"), (5, 79, "8", "8 here"), (5, 95, "8", "8 here")]),
        ((), [4, 8], [(5, 42, "8", "8 here"), (5, 45, "4", "4 here"), (5, 55, "4", "4 here")]),
        (("width",), [8], [(5, 42, "8", "8 here"), (5, 95, "8", "8 here")]),
        (("width",), [1], []),
    ],
)
def test_three_sizes_that_a_message_names_are_shown(
    outcome: CompileResult, path: tuple[str, ...], numbers: list[int], labels: Any
) -> None:
    assert shown(outcome, line("models.net", *path, numbers=numbers))[1:] == labels
    assert shown(outcome, line("configs.training", "seed", numbers=[3]))[1:] == [
        (10, 11, "${configs.other.seed}", "fetched here")
    ]


def place(outcome: CompileResult, **changes: Any) -> dict[str, Any]:
    file = str(outcome.path.parent / "src" / "model.py")
    values = {"file": file, "line": 7, "column": 20, "end_column": 29, "name": "forward"}
    return {**values, **changes}


def test_whole_reports(outcome: CompileResult) -> None:
    assert outcome.recipe is not None
    assert outcome.resolved is not None
    texts = []
    for in_code, numbers, advice in ((True, [2], ["do"]), (False, [2], []), (False, [], [])):
        notes = [each.upper() for each in advice]
        found = line("models.net", numbers=numbers, help=advice, notes=notes, in_code=in_code)
        found["place"] = place(outcome) if numbers else None
        text = render_one(answer_finding(found, outcome.recipe, outcome.resolved))
        texts.append(text.replace(f"{shown_path(outcome.path.parent)}/", ""))
    source = (
        " 5 |   net: {_target_: src.model.Net, sizes: [8, 4, {deep: 4}], bias: true, width: 8, "
    )
    source += "depth: 2, n: 8}"
    mark, number = f"   |{' ' * 19}", f"   |{' ' * 89}- 2 here"
    head = ["error[R908 optimizer-misfit]: it fails"]
    code = [" 7 |         return 1 + frozenset", f"   |{' ' * 20}"]
    assert [text.splitlines() for text in texts] == [
        [
            *head,
            "  --> src/model.py:7:20",
            "   |",
            code[0],
            f"{code[1]}^^^^^^^^^ here",
            "   |",
            "  ::: recipe.yaml:5:19",
            "   |",
            source,
            f"{mark}------------- used here",
            number,
            "   |",
            "   = help: do",
            "   = note: DO",
        ],
        [
            *head,
            "  --> recipe.yaml:5:19",
            "   |",
            source,
            f"{mark}^^^^^^^^^^^^^ here",
            number,
            "   |",
            "  ::: src/model.py:7:20",
            "   |",
            code[0],
            f"{code[1]}--------- in forward",
        ],
        [*head, "  --> recipe.yaml:5:19", "   |", source, f"{mark}^^^^^^^^^^^^^ here"],
    ]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "frozenset"),
        ({"line": 1, "column": 1, "end_column": 7}, "import"),
        ({"line": 4, "column": 5, "end_column": 8}, "def"),
        ({"end_column": 99}, "frozenset"),
        ({"column": 99, "end_column": 99}, ""),
        ({"column": 20, "end_column": 10}, ""),
        ({"line": 10, "column": 1, "end_column": 1}, ""),
        ({"line": 11}, None),
        ({"line": 0}, None),
        ({"file": "/none.py"}, None),
    ],
)
def test_spans_of_code(outcome: CompileResult, changes: dict[str, Any], text: str | None) -> None:
    span = code_span(place(outcome, **changes))
    assert (span and span.text) == text
    assert code_span(None) is None


def test_code_that_is_no_text_has_no_span(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"\xff\xfe")
    assert code_span({"file": str(tmp_path / "a.py"), "line": 1}) is None


def result(*lines: dict[str, Any], ended: bool = False, **more: Any) -> ProbeResult:
    values = {"timed_out": False, "code": 0, "complaint": ""}
    return ProbeResult(lines, ended, **{**values, **more})


OF_NET = "src.model.Net"
NET = f"constructing {OF_NET}"
STEP = {**line("models.net"), "kind": "step", "what": NET}
LATER = {**line("configs.training", "optimizer"), "kind": "step", "what": "SGD"}


@pytest.mark.parametrize(
    ("answer", "message", "text"),
    [
        (result(ended=True, code=1), None, ""),
        (result(STEP, ended=True, timed_out=True), None, ""),
        (result(STEP, code=-9), None, ""),
        (
            result(STEP, code=-9, timed_out=True),
            f"{NET} did not come to an end within 2.5 s",
            OF_NET,
        ),
        (result(code=3), "starting the probe ended the process (exit 3)", "mini/any"),
        (result(code=0), "starting the probe ended the process (exit 0)", "mini/any"),
        (result(STEP, LATER, code=-11), "SGD ended the process (signal 11)", "torch.optim.SGD"),
        (result(STEP, code=1), f"{NET} ended the process (exit 1)", OF_NET),
    ],
)
def test_an_early_end_is_a_finding(
    outcome: CompileResult, answer: ProbeResult, message: str | None, text: str
) -> None:
    assert outcome.recipe is not None
    assert outcome.resolved is not None
    limits = ProbeLimits(seconds=2.5)
    found = probe_findings(answer, outcome.recipe, outcome.resolved, limits)
    if message is None:
        assert found == ()
        return
    (finding,) = found
    assert (finding.code, finding.message, finding.primary.span.text) == ("R910", message, text)
    hint = "give it more time with --deep-timeout SECONDS, if it is only slow"
    assert finding.help == ((hint,) if answer.timed_out else ())


def test_findings_come_before_the_end_with_its_last_complaint(outcome: CompileResult) -> None:
    assert outcome.recipe is not None
    assert outcome.resolved is not None
    note = {"kind": "note", "text": "x"}
    answer = result(line("models.net"), STEP, note, code=1, complaint="first\nlast \n\n")
    found = probe_findings(answer, outcome.recipe, outcome.resolved, ProbeLimits())
    assert [(finding.code, finding.notes) for finding in found] == [
        ("R908", ()),
        ("R910", ("last",)),
    ]


@pytest.mark.parametrize(
    ("answer", "killed"),
    [
        (result(code=-9), True),
        (result(code=-9, ended=True), False),
        (result(code=-9, timed_out=True), False),
        (result(code=-6), False),
    ],
)
def test_notes_say_what_was_not_probed(answer: ProbeResult, killed: bool) -> None:
    rest = "not probed: the rest; the system killed the probe, probably for lack of memory"
    assert list(unprobed_notes(answer)) == [rest] * killed
    notes = result(
        {"kind": "note", "text": "this"}, STEP, {"kind": "note", "text": "that"}, ended=True
    )
    assert list(unprobed_notes(notes)) == ["not probed: this", "not probed: that"]


def test_warnings_and_models_are_told_in_order(
    outcome: CompileResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(outcome.path.parent)
    warning = {"kind": "warning", "place": place(outcome), "text": "old"}
    model = {"kind": "model", "stage": "train", "name": "src.model.Net", "parameters": 12345}
    model |= {
        "frozen": 45,
        "device": "cpu",
        "inputs": "x (2, 3)",
        "items": "a, b",
        "returns": "a loss",
    }
    bare = {**model, "frozen": 0, "device": "meta", "inputs": "", "returns": ""}
    answer = result(STEP, model, warning, bare)
    assert list(recipe_warnings(answer)) == ["warned at src/model.py:7: old"]
    assert list(model_summaries(answer)) == [
        "train: src.model.Net",
        "  parameters  12,345, trainable 12,300",
        "  inputs      x (2, 3)  (a, b)",
        "  forward     returns a loss",
        "train: src.model.Net (on the meta device)",
        "  parameters  12,345, trainable 12,345",
    ]
    assert place_name(place(outcome)) == "src/model.py:7"


def test_the_request_is_the_plan(outcome: CompileResult) -> None:
    assert outcome.plan is not None, outcome.diagnostics
    request = make_request(outcome.plan, 77)
    assert list(request) == [
        "version", "recipe_dir", "data_dir", "memory", "largest", "configs", "models", "stages",
        "late_values",
    ]  # fmt: skip
    assert (request["version"], request["memory"], request["largest"]) == (1, 77, LARGEST)
    assert request["recipe_dir"] == str(outcome.path.parent)
    assert request["data_dir"] == "data"
    assert {name: each["role"] for name, each in request["configs"].items()} == {
        "training": "training", "other": None,
    }  # fmt: skip
    assert request["configs"]["other"]["value"] == {"seed": 3}
    assert request["models"]["net"]["width"] == 8
    assert [stage["name"] for stage in request["stages"]] == ["train", "again", "export"]
    assert LARGEST == 60_000_000
    assert (ProbeLimits().seconds, ProbeLimits().memory) == (120.0, 8 * 1024**3)


def test_missing_packages_are_named_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing_packages() == ()
    for name in ("numpy", "torch"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "meta_path", [])
    for name in ("numpy", "torch", "espnet3_runtime"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert missing_packages() == ("espnet3_runtime", "torch", "numpy")
