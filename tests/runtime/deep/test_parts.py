"""Parts of the probe by themselves: ids and classes, chosen items, written fields, warnings."""

import io
import json
import linecache
import re
import textwrap
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as f

from espnet3_runtime.data.dataset_entries import DatasetDirectories, DatasetEntry
from espnet3_runtime.deep.forward import describe_batch
from espnet3_runtime.deep.items.extremes import spread_indices, with_largest
from espnet3_runtime.deep.items.samples import is_absent
from espnet3_runtime.deep.items.written_fields import written_fields
from espnet3_runtime.deep.labels import LabelError, LabelWatch
from espnet3_runtime.deep.recipe_warnings import RecipeWarnings
from espnet3_runtime.preflight.no_effects import Network
from espnet3_runtime.preflight.protocol import Answers, RecipeLocation

SCORES = torch.zeros(6, 2, 4).log_softmax(-1)
LENGTHS = torch.tensor([6, 6])


def ctc(targets: Any, lengths: Any, **more: Any) -> Any:
    return f.ctc_loss(SCORES, torch.tensor(targets), LENGTHS, torch.tensor(lengths), **more)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ctc([[1, 3], [2, 1]], [2, 2]), None),
        (
            lambda: ctc([[1, 4], [2, 1]], [2, 2]),
            "ctc_loss has 4 classes and is given the ids 1 to 4",
        ),
        (lambda: ctc([[1, 4], [2, 1]], [1, 2]), None),  # it lies beyond the length
        (
            lambda: ctc([[1, -1], [2, 1]], [2, 2]),
            "ctc_loss has 4 classes and is given the ids -1 to 2",
        ),
        (lambda: ctc([1, 3, 7], [2, 1]), "ctc_loss has 4 classes and is given the ids 1 to 7"),
        (
            lambda: f.ctc_loss(
                SCORES,
                targets=torch.tensor([[5, 1], [9, 1]]),
                input_lengths=LENGTHS,
                target_lengths=torch.tensor([2, 0]),
            ),
            "ctc_loss has 4 classes and is given the ids 1 to 5",
        ),
        (lambda: f.cross_entropy(torch.zeros(2, 3), torch.tensor([0, 2])), None),
        (lambda: f.cross_entropy(torch.zeros(2, 3), torch.tensor([0, -100])), None),
        (lambda: f.cross_entropy(torch.zeros(2, 3), torch.tensor([0, 7]), ignore_index=7), None),
        (
            lambda: f.cross_entropy(torch.zeros(2, 3), torch.tensor([0, 7]), None, None, 7),
            None,
        ),
        (
            lambda: f.cross_entropy(torch.zeros(2, 3), torch.tensor([0, 3])),
            "cross_entropy has 3 classes and is given the ids 0 to 3",
        ),
        (
            lambda: f.cross_entropy(input=torch.zeros(3), target=torch.tensor(3)),
            "cross_entropy has 3 classes and is given the ids 3 to 3",
        ),
        (
            lambda: f.nll_loss(torch.zeros(2, 3), torch.tensor([-1, 1])),
            "cross_entropy has 3 classes and is given the ids -1 to 1",
        ),
        (lambda: f.cross_entropy(torch.zeros(2, 3), torch.zeros(2, 3)), None),
        (lambda: f.embedding(torch.tensor([0, 4]), torch.zeros(5, 2)), None),
        (
            lambda: f.embedding(torch.tensor([0, 5]), torch.zeros(5, 2)),
            "embedding has 5 classes and is given the ids 0 to 5",
        ),
        (lambda: f.embedding(torch.tensor([], dtype=torch.int64), torch.zeros(5, 2)), None),
        (
            lambda: f.embedding(torch.tensor([9], device="meta"), torch.zeros(5, 2, device="meta")),
            None,
        ),
    ],
)
def test_ids_lie_inside_of_the_classes(call: Any, message: str | None) -> None:
    watch = LabelWatch()
    if message is None:
        with watch:
            call()
        return
    with pytest.raises(LabelError, match=re.escape(message)) as caught, watch:
        call()
    assert str(caught.value) == message
    assert caught.value.classes == int(message.split()[2])
    assert caught.value.low == int(message.split()[-3])


def test_the_classes_of_every_ctc_loss_are_kept() -> None:
    watch = LabelWatch()
    with watch:
        found = ctc([[1, 3], [2, 1]], [2, 2], reduction="sum")
        f.cross_entropy(torch.zeros(2, 3), torch.tensor([0, 2]))
        ctc([[1, 3], [2, 1]], [2, 2])
    assert watch.classes == [4, 4]
    assert found.dim() == 0


# Items.


@pytest.mark.parametrize(
    ("first", "size", "indices"),
    [
        (2, 2, []),
        (2, 5, [2, 3, 4]),
        (0, 64, [*range(64)]),
        (2, 66, [*range(2, 66)]),
        (2, 130, [*range(2, 130, 2)]),
        (0, 96, [number * 3 // 2 for number in range(64)]),
    ],
)
def test_items_all_over_a_data_set(first: int, size: int, indices: list[int]) -> None:
    assert [*spread_indices(first, size)] == indices


def test_items_with_the_largest_ids() -> None:
    def item(name: str, **values: Any) -> tuple[str, dict[str, Any]]:
        return name, values

    first = [item("a", ids=np.array([3, 9]), label=1, speech=np.array([9.0])), item("b", ids=4)]
    more = [
        item("c", ids=np.array([9]), label=2),
        item("d", ids=np.array([1, 10]), label=True, speech=np.array([99.0])),
        item("e", ids=np.array([], dtype=np.int64), label=np.int64(2), other=1000),
        item("f", ids=np.array([10], dtype=np.uint8), label="3"),
    ]
    chosen = with_largest(first, iter(more))
    assert [name for name, _ in chosen] == ["a", "b", "d", "c"]
    assert [name for name, _ in with_largest(first, [])] == ["a", "b"]
    both = [item("c", ids=np.array([11]), label=11)]
    assert [name for name, _ in with_largest(first, both)] == ["a", "b", "c"]


def test_data_that_are_not_there() -> None:
    outer = ValueError("x")
    outer.__cause__ = FileNotFoundError("y")
    found = [is_absent(error) for error in (outer, outer.__cause__, ValueError(), OSError())]
    assert found == [True, True, False, False]


ITEM = "    def __getitem__(self, index):\n        "


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (f"{ITEM}return {{'speech': 1, 'utt_id': 2, 'text': 3}}", ("speech", "text")),
        (f"{ITEM}x = {{'no': 1}}\n        return {{'speech': x}}", ("speech",)),
        (f"{ITEM}return {{'speech': 1, **more}}", ()),
        (f"{ITEM}return {{name: 1}}", ()),
        (f"{ITEM}return dict(speech=1)", ()),
        (f"{ITEM}if index:\n            return {{'a': 1}}\n        return {{'b': 1}}", ()),
        (f"    @decorated\n{ITEM}return {{'speech': 1}}", ()),
        ("    __getitem__ = len", ()),
        ("    pass", ()),
    ],
)
def test_fields_that_are_written_down(
    body: str, fields: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"written_{abs(hash(body))}"
    text = f"def decorated(function):\n    return function\n\n\nclass Dataset:\n{body}\n"
    (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    folders = DatasetDirectories(tmp_path, tmp_path)

    def entry(source: str, transform: Any = None) -> DatasetEntry:
        return DatasetEntry("d.train[0]", source, {}, transform, None, {})

    assert written_fields([entry(name)], folders) == fields
    assert written_fields([entry(name), entry(name)], folders) == fields
    assert written_fields([entry(name), entry(name, {"_target_": "a.b"})], folders) == ()
    assert written_fields([entry(name), entry("no_such_module")], folders) == ()
    assert written_fields([], folders) == ()


def test_a_batch_in_words() -> None:
    fields = {
        "speech": torch.zeros(2, 3),
        "ids": torch.zeros(2, dtype=torch.int64),
        "wide": torch.zeros((), dtype=torch.float64),
        "half": torch.zeros(1, dtype=torch.float16),
        "names": ["a"],
    }
    assert (
        describe_batch(fields)
        == "speech (2, 3), ids (2,), wide () float64, half (1,) float16, names"
    )
    assert describe_batch({}) == "nothing"


# Warnings.

CODE = """
import warnings


def warn(text, category):
        warnings.warn(text, category)  # ä


def again(text, category):
    warnings.warn(text, category)
"""


def test_warnings_that_code_of_the_recipe_leads_to(tmp_path: Path) -> None:
    path = tmp_path / "src.py"
    path.write_text(textwrap.dedent(CODE))
    linecache.checkcache(str(path))
    names: dict[str, Any] = {}
    exec(compile(path.read_text(), str(path), "exec"), names)
    file, before = io.StringIO(), warnings.showwarning
    answers = Answers(file, Network())
    answers.step(RecipeLocation(("models", "net")), "calling it")
    broadcast = "Using a target size (torch.Size([2])) that is different to the input size"
    with RecipeWarnings(answers, tmp_path):
        for text in ("one\n  two", "one two", "x" * 241, broadcast):
            names["warn"](text, UserWarning)
        names["again"]("one two", RuntimeWarning)
        for category in (DeprecationWarning, PendingDeprecationWarning, ImportWarning):
            names["warn"]("old", category)
        names["warn"]("open", ResourceWarning)
        warnings.warn("elsewhere", UserWarning, stacklevel=1)
    assert warnings.showwarning is before
    said = [json.loads(line) for line in file.getvalue().splitlines()][1:]
    place = {"file": str(path), "line": 6, "column": 9, "end_column": 43, "name": "warn"}
    other = {"file": str(path), "line": 10, "column": 5, "end_column": 34, "name": "again"}
    assert said[:2] == [
        {"kind": "warning", "place": place, "text": "UserWarning: one two"},
        {"kind": "warning", "place": place, "text": f"UserWarning: {'x' * 240}"},
    ]
    found = {key: said[2][key] for key in ("kind", "code", "message", "place", "in_code", "warns")}
    assert found == {
        "kind": "finding",
        "code": "R921",
        "message": f"torch warns: {broadcast}",
        "place": place,
        "in_code": True,
        "warns": True,
    }
    assert said[3:] == [{"kind": "warning", "place": other, "text": "RuntimeWarning: one two"}]
