"""Whole reports about locks that are not what their sources compile to."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from espnet3_compiler.output.human import render_one
from espnet3_compiler.relock.messages import first_violation
from espnet3_compiler.relock.relock import compile_lock
from tests.compiler.recipe_kit import GOLDEN, copy

EXPECTED = Path(__file__).parent / "whole"
LOCK = "recipe.lock.json"
GOOD = json.loads((GOLDEN / "minimal/build" / LOCK).read_text())
Change = Callable[[Any], Any]


def edit(*path: str | int, value: Any) -> Change:
    def change(lock: Any) -> Any:
        at = lock
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = value
        return lock

    return change


def several(*changes: Change) -> Change:
    def change(lock: Any) -> Any:
        for each in changes:
            lock = each(lock)
        return lock

    return change


def drop(key: str) -> Change:
    return lambda lock: {name: value for name, value in lock.items() if name != key}


def leave(lock: Any) -> Any:
    return lock


def moved(lock: Any) -> Any:
    """Let a lock name its recipe two folders above and one below."""
    up = {"recipe_dir": "../../a/b", "manifest": "../../a/b/recipe.yaml"}
    return {**lock, **up}


OUTPUT = ("stages", 0, "outputs", "curves")
NAMED = "0" * 4096
LOCKS: dict[str, Change] = {
    "empty list": lambda _: [],
    "a number": lambda _: 1,
    "no version": drop("schema_version"),
    "another version": edit("schema_version", value=1),
    "a text for the version": edit("schema_version", value="\x7f"),
    "one more key": edit("more", value=1),
    "a wrong hash": edit("sources", 0, "sha256", value="x"),
    "a wrong type": edit("stages", 0, "needs", value="train"),
    "absolute": edit("recipe_dir", value="/etc"),
    "up behind a name": edit("recipe_dir", value="../x/.."),
    "hidden characters": several(
        edit("recipe_dir", value="..\x7f"), edit("manifest", value="..\x7f/recipe.yaml")
    ),
    "a manifest elsewhere": edit("manifest", value="../x/recipe.yaml"),
    "a manifest without a name": several(
        edit("manifest", value=".."), edit("recipe_dir", value=".")
    ),
    "a first source of another name": edit("sources", 0, "path", value="other.yaml"),
    "an absolute source": lambda lock: edit(
        "sources", value=[*lock["sources"], {"path": "/x", "sha256": "0" * 64}]
    )(lock),
    "a source above": lambda lock: edit(
        "sources", value=[*lock["sources"], {"path": "a/../x", "sha256": "0" * 64}]
    )(lock),
    "a source with hidden characters": lambda lock: edit(
        "sources", value=[*lock["sources"], {"path": "a\nx", "sha256": "0" * 64}]
    )(lock),
    "too long a path": lambda lock: edit(
        "sources", value=[*lock["sources"], {"path": NAMED + "0", "sha256": "0" * 64}]
    )(lock),
    "the longest path": lambda lock: edit(
        "sources", value=[*lock["sources"], {"path": NAMED, "sha256": "0" * 64}]
    )(lock),
    "a source that is gone": lambda lock: edit(
        "sources",
        value=[
            *lock["sources"],
            {"path": "gone.yaml", "sha256": "0" * 64},
            {"path": "build", "sha256": "0" * 64},
        ],
    )(lock),
    "other sources": edit("sources", 0, "sha256", value="0" * 64),
    "no manifest": several(
        edit("manifest", value="../none.yaml"), edit("sources", 0, "path", value="none.yaml")
    ),
    "another order": lambda lock: dict(reversed(lock.items())),
    "another order below": edit(*OUTPUT, value={"type": "jsonl", "path": "x"}),
    "another path": edit(*OUTPUT, "path", value="x"),
    "another kind": edit("stages", 0, "model", value=None),
    "one item more": edit("stages", 0, "needs", value=["train"]),
    "another value": edit("code", "run.py", value="0" * 64),
    "another value to set": edit("set", value=["training.seed=3"]),
    "moved": moved,
    "good": leave,
}


def report(folder: Path, change: Change) -> str:
    lock = change(json.loads(json.dumps(GOOD)))
    (folder / "build").mkdir(exist_ok=True)
    path = folder / "build" / LOCK
    path.write_text(json.dumps(lock, indent=1, ensure_ascii=False), "utf-8")
    outcome = compile_lock(path)
    found = "\n".join(render_one(finding, columns=100) for finding in outcome.diagnostics)
    return found or f"ok: {outcome.ok}, build: {outcome.build == path.parent}"


def reports(folder: Path) -> str:
    shutil.copy(GOLDEN / "minimal/recipe.yaml", folder)
    return "".join(f"# {name}\n{report(folder, change)}\n\n" for name, change in LOCKS.items())


def test_every_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert (EXPECTED / "reports.txt").read_text() == reports(tmp_path)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("", 0, 0),
        ("{", 1, 1),
        ('{"a": x}', 6, 7),
        ("{}", 0, 1),
        ('{"a": 1, "b": "\x7f"}', 0, 0),  # JSON, but no YAML
        ('{"a": "\\ud800"}', 0, 1),
        (json.dumps({**GOOD, "recipe": "\ud800"}), 0, 1),
        ("1" * 5000, 0, 1),
        ("[" * 50000, 0, 1),
    ],
)
def test_the_place_in_a_text_that_is_no_lock(
    tmp_path: Path, text: str, start: int, end: int
) -> None:
    (tmp_path / LOCK).write_text(text)
    (finding,) = compile_lock(tmp_path / LOCK).diagnostics
    assert finding.code == "R703"
    assert (finding.primary.span.start, finding.primary.span.end) == (start, end)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_bytes(json.dumps(GOOD).encode() + b" \xff")
    assert [finding.code for finding in compile_lock(tmp_path / LOCK).diagnostics] == ["R108"]


@pytest.mark.parametrize(("count", "end"), [(73, "'integer'"), (74, "'integer…"), (99, "x…")])
def test_long_messages_of_the_schema_are_cut(count: int, end: str) -> None:
    fault = first_violation({**GOOD, "schema_version": "x" * count})
    assert fault is not None
    assert fault.message.endswith(end)
    assert len(fault.message) <= 101
    assert fault.path == ("schema_version",)


def test_the_manifest_that_did_not_change_is_preferred(tmp_path: Path) -> None:
    manifest = copy("minimal", tmp_path / "recipe")
    good = manifest.read_text()
    lock = manifest.parent / "build" / LOCK
    beside = lock.with_name("recipe.yaml")
    for named, other, build in ((good, "x", True), ("x", good, False), (good, good, True)):
        manifest.write_text(named)
        beside.write_text(other)
        outcome = compile_lock(lock)
        assert outcome.ok, outcome.diagnostics
        assert outcome.path == (manifest if build else beside)
        assert outcome.build == (lock.parent if build else None)
    manifest.write_text("x")
    beside.write_text("y")
    (finding,) = compile_lock(lock).diagnostics
    assert finding.code == "R704"
    assert finding.message.endswith('recipe/recipe.yaml" is not the file that was compiled')


@pytest.mark.parametrize(
    ("size", "end"),
    [
        (2_000_000, " is not the file that was compiled"),
        (2_000_001, ", which was compiled, is not there"),
    ],
)
def test_a_source_is_read_up_to_the_limit_of_manifests(tmp_path: Path, size: int, end: str) -> None:
    manifest = copy("minimal", tmp_path / "recipe")
    manifest.write_bytes(manifest.read_bytes().ljust(size, b"#"))
    (finding,) = compile_lock(manifest.parent / "build" / LOCK).diagnostics
    assert finding.message.endswith(f'recipe.yaml"{end}')
