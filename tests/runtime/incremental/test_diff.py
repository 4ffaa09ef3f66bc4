"""Every difference between two fingerprints in its own words, the most informative first."""

from typing import Any

import pytest

from espnet3_runtime.incremental.diff import describe_changes, pending_upstream

BASE: dict[str, Any] = {
    "what": "train",
    "signed": [],
    "configs": {"training": {"name": "small", "values": {"lr": 0.1, "seed": 1, "gone": 2}}},
    "model": {"size": 3},
    "arguments": {"path": "a"},
    "init_from": None,
    "data_dir": None,
    "declared": {"out": "exp/out"},
    "upstream": {"prepare.data": "1", "prepare.words": "2"},
    "code": {"src/a.py": "1"},
    "files": {"b.txt": "1", "a.txt": "1"},
    "versions": {"torch": "2.0", "numpy": "1.0"},
}
LATE = {"late": "${oc.env:HOME}", "digest": "1"}
READS = {"late": "${stages.prepare.data}", "digest": "1"}


def training(name: str = "small", **values: Any) -> dict[str, Any]:
    old: dict[str, Any] = {"lr": 0.1, "seed": 1, "gone": 2}
    return {"configs": {"training": {"name": name, "values": {**old, **values}}}}


CHANGES: list[tuple[dict[str, Any], list[str]]] = [
    ({}, []),
    ({"what": "call a.b"}, ["it runs call a.b instead of train"]),
    ({"signed": ["tiny/asr", "exp"]}, ["it is signed tiny/asr exp instead of by nobody"]),
    (training(name="other"), []),
    (
        training(lr=0.2, seed="1"),
        ["config small.lr changed (0.1 -> 0.2)", "config small.seed changed (1 -> 1)"],
    ),
    (training(lr=True), ["config small.lr changed (0.1 -> True)"]),
    (training(seed=True), ["config small.seed changed (1 -> True)"]),
    (training(new="x" * 40), [f"config small.new is new ({'x' * 40})"]),
    (training(new="x" * 41), [f"config small.new is new ({'x' * 39}…)"]),
    (training(lr=LATE), ["config small.lr changed (0.1 -> ${oc.env:HOME})"]),
    (
        {"configs": {"training": {"name": "small", "values": {"a": None}}}},
        [
            "config small.a is new (None)",
            *(f"config small.{k} is gone" for k in ("gone", "lr", "seed")),
        ],
    ),
    (
        {"configs": {"inference": {"name": "one", "values": {}}}},
        ["it reads the config one now", "it reads the config small no more"],
    ),
    ({"configs": {}}, ["it reads the config small no more"]),
    ({"model": {"size": 4, "kind": "a"}}, ["model kind is new (a)", "model size changed (3 -> 4)"]),
    ({"model": None}, ["model size is gone"]),
    ({"arguments": {}}, ["with path is gone"]),
    ({"init_from": "best"}, ["init_from changed (None -> best)"]),
    ({"data_dir": "other"}, ["data_dir changed (None -> other)"]),
    ({"declared": {"out": "exp/x"}}, ["output out changed its path"]),
    ({"declared": {}}, ["output out changed its path"]),
    ({"code": {"src/b.py": "1"}}, ["code of src/a.py changed", "code of src/b.py changed"]),
    (
        {"files": {"a.txt": "2", "c.txt": None}},
        ["file a.txt changed", "file b.txt changed", "file c.txt changed"],
    ),
    (
        {"upstream": {"prepare.data": "3", "prepare.words": "2"}},
        ["upstream prepare changed (data)"],
    ),
    (
        {"upstream": {"prepare.data": "3", "prepare.words": "4"}},
        ["upstream prepare changed (data)", "upstream prepare changed (words)"],
    ),
    ({"upstream": {"prepare.data": "1"}}, ["upstream prepare.words is gone"]),
    ({"upstream": {"prepare.data": None, "prepare.words": "4"}}, []),
    ({"upstream": {"other.data": "1", "other.words": "2"}}, []),
    ({"upstream": {"other.words": "2", "another.data": "1"}}, []),
    (
        {"upstream": {"other.data": "3", "prepare.words": "2"}},
        ["upstream other changed (data)", "upstream prepare.data is gone"],
    ),
    (
        {"versions": {"torch": "2.1", "jiwer": "3"}},
        [
            "version of jiwer changed (none -> 3)",
            "version of numpy changed (1.0 -> none)",
            "version of torch changed (2.0 -> 2.1)",
        ],
    ),
]


@pytest.mark.parametrize(("change", "reasons"), CHANGES)
def test_the_reasons(change: dict[str, Any], reasons: list[str]) -> None:
    assert describe_changes(BASE, {**BASE, **change}) == reasons


def test_the_most_informative_comes_first() -> None:
    given: dict[str, Any] = {
        "versions": {},
        "upstream": {},
        "files": {},
        "code": {},
        "declared": {},
        "init_from": "a",
        "arguments": {},
        "model": None,
        "configs": {},
        "signed": ["b"],
        "what": "infer",
    }
    words = [reason.split()[:2] for reason in describe_changes(BASE, {**BASE, **given})]
    assert [" ".join(pair) for pair in words] == [
        *("it runs", "it is", "it reads", "model size", "with path", "init_from changed"),
        *("output out", "code of", "file a.txt", "file b.txt"),
        *("upstream prepare.data", "upstream prepare.words", "version of", "version of"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "reasons"),
    [
        (
            LATE,
            {**LATE, "digest": "2"},
            ["config small.lr changed: ${oc.env:HOME} has another value"],
        ),
        (LATE, {**LATE, "digest": None}, []),
        (LATE, {**LATE, "late": "${oc.env:USER}"}, []),
        (LATE, "/home", ["config small.lr changed (${oc.env:HOME} -> /home)"]),
        ({"a": 1}, {"a": 2}, ["config small.lr changed ({'a': 1} -> {'a': 2})"]),
    ],
)
def test_late_values(old: Any, new: Any, reasons: list[str]) -> None:
    assert describe_changes({**BASE, **training(lr=old)}, {**BASE, **training(lr=new)}) == reasons


@pytest.mark.parametrize(
    ("upstream", "reasons"),
    [
        (BASE["upstream"], ["config small.lr changed: ${stages.prepare.data} has another value"]),
        ({"prepare.data": "3", "prepare.words": "2"}, ["upstream prepare changed (data)"]),
    ],
)
def test_an_output_that_changed_is_told_once(upstream: dict[str, str], reasons: list[str]) -> None:
    new = {**BASE, **training(lr={**READS, "digest": "2"}), "upstream": upstream}
    assert describe_changes({**BASE, **training(lr=READS)}, new) == reasons


def test_files_that_the_stage_made_itself_do_not_count() -> None:
    new = {**BASE, "files": {"a.txt": "2", "b.txt": "2"}, "code": {}}
    own = ("b.txt", "src/a.py")
    assert describe_changes(BASE, new, own) == ["code of src/a.py changed", "file a.txt changed"]


@pytest.mark.parametrize("old", [{}, {**BASE, "files": 3}, {**BASE, "configs": {"training": {}}}])
def test_a_receipt_of_another_form(old: dict[str, Any]) -> None:
    assert describe_changes(old, BASE) == ["its receipt was written by another version"]


def test_upstream_that_is_not_known_yet() -> None:
    upstream = {"b.x": None, "a.x": "1", "c.*": None, "b.y": None, "d.x": "missing"}
    assert pending_upstream({"upstream": upstream}) == ["b", "c"]
    assert pending_upstream({"upstream": {}}) == []
