"""Receipts and hashes: claims that are checked, from whomever they come."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from espnet3_runtime.build.lock import load_build
from espnet3_runtime.incremental.diff import describe_changes
from espnet3_runtime.incremental.experiment import Experiment
from espnet3_runtime.incremental.hashing import content_hash, read_signature
from espnet3_runtime.incremental.plan import plan_stages
from espnet3_runtime.incremental.receipts import (
    OutputRecord,
    Receipt,
    Unreadable,
    read_receipt,
    write_receipt,
)
from tests.runtime.toy import chain

RECORD = OutputRecord("exp/toy/first/number.txt", "0" * 64, "1" * 64, 2, 1)
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


def test_a_receipt_comes_back(tmp_path: Path) -> None:
    receipt = Receipt(
        "first",
        "done",
        "2026-01-01T00:00:00+00:00",
        finished="2026-01-01T00:00:01+00:00",
        seconds=1.5,
        inputs={"a": [1, 2.5, None]},
        outputs={"number": RECORD},
        own=("x",),
        results={"wer": 4.1},
        provenance={"git": {}},
    )
    write_receipt(tmp_path, receipt)
    assert read_receipt(tmp_path, "first") == receipt
    assert read_receipt(tmp_path, "second") is None


@pytest.mark.parametrize(
    "data", [b"", b"null", b"[]", b"{}", b"\xff\xfe", b"[" * 100_000, b'{"schema_version": 1}']
)
def test_broken_receipts_count_as_none_with_a_reason(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages" / "first.json").write_bytes(data)
    found = read_receipt(tmp_path, "first")
    assert isinstance(found, Unreadable)
    assert found.reason


@given(data=st.data())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_receipt_ends_in_a_plan(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A receipt with any one field replaced by anything: a decision, never an exception."""
    recipe = chain(tmp_path_factory.mktemp("recipe"))
    receipt: dict[str, Any] = {
        "schema_version": 1,
        **asdict(Receipt("first", "done", "2026", outputs={"number": RECORD})),
    }
    path = data.draw(st.sampled_from([(key,) for key in receipt] + [("outputs", "number")]))
    place = receipt
    for key in path[:-1]:
        place = place[key]
    if path == ("outputs", "number"):
        field = data.draw(st.sampled_from(list(asdict(RECORD))))
        receipt["outputs"]["number"][field] = data.draw(json_values)
    else:
        place[path[-1]] = data.draw(json_values)
    recipe.file("exp/toy/stages/first.json", json.dumps(receipt))
    build = load_build(recipe.build)
    verdicts = plan_stages(build, Experiment(build), ["first"])
    assert verdicts[0].action == "run"


@given(json_values, json_values)
@settings(max_examples=200, deadline=None)
def test_any_old_fingerprint_can_be_compared(old: Any, part: Any) -> None:
    new: dict[str, Any] = {
        "signed": [],
        "what": "train",
        "configs": {},
        "model": None,
        "arguments": {},
        "init_from": None,
        "declared": {},
        "upstream": {},
        "code": {},
        "files": {},
        "versions": {},
    }
    assert describe_changes(new, new) == []
    assert describe_changes(old, new)
    for key in new:
        changed = {**new, key: part}
        assert describe_changes(changed, new) or not part


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../outside.txt", "exp/toy/second/number.txt", "exp/toy/first/../../x"]
)
def test_a_receipt_cannot_claim_foreign_files(path: str, tmp_path: Path) -> None:
    recipe = chain(tmp_path / "recipe")
    record = OutputRecord(path, "0" * 64, "1" * 64, 2, 1)
    write_receipt(recipe.exp, Receipt("first", "done", "2026", outputs={"number": record}))
    build = load_build(recipe.build)
    found = Experiment(build).receipt("first")
    assert isinstance(found, Unreadable)
    assert "lies elsewhere" in found.reason


def test_hashes_of_directories_follow_names_and_contents(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "a").mkdir(parents=True)
    (tree / "a" / "x").write_text("1")
    (tree / "b").write_text("2")
    first = content_hash(tree)
    assert content_hash(tree / "b") != first
    (tree / ".hidden").write_text("not an output")
    (tree / "__pycache__").mkdir()
    (tree / "__pycache__" / "m.pyc").write_text("neither")
    assert content_hash(tree) == first
    (tree / "b").rename(tree / "c")
    assert content_hash(tree) != first
    (tree / "c").rename(tree / "b")
    assert content_hash(tree) == first
    (tree / "a" / "x").write_text("3")
    assert content_hash(tree) != first
    assert content_hash(tmp_path / "nowhere") is None
    assert read_signature(tmp_path / "nowhere") is None


def test_a_link_to_a_directory_around_it_is_not_followed(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "x").write_text("1")
    first = content_hash(tree)
    (tree / "loop").symlink_to(tree)
    assert content_hash(tree) == first
    (tree / "link").symlink_to(tree / "x")
    assert content_hash(tree) != first


def test_a_signature_notices_a_change_that_keeps_size_and_time(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("1")
    before, times = read_signature(path), path.stat()
    path.write_text("2")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert read_signature(path) != before
