"""Outputs as they are now, against what the receipts say."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from espnet3_runtime.build.lock import load_build
from espnet3_runtime.incremental.experiment import Experiment
from espnet3_runtime.incremental.fingerprint import inputs_of, own_files
from espnet3_runtime.incremental.hashing import content_hash, iter_files, read_signature
from espnet3_runtime.incremental.receipts import Receipt, Unreadable, read_receipt
from tests.runtime.finished_kit import WHEN, build_recipe, change, finish
from tests.runtime.toy import Toy

OTHER = "it is of another stage or version"


@pytest.fixture
def recipe(tmp_path: Path) -> Toy:
    return build_recipe(tmp_path / "recipe")


def test_outputs_are_looked_at_once_until_they_are_forgotten(recipe: Toy) -> None:
    experiment = finish(recipe, "a")
    path = recipe.exp / "a" / "a.txt"
    (state,) = experiment.outputs("a").values()
    assert (state.is_intact, state.touched, state.sha256) == (True, False, content_hash(path))
    assert experiment.outputs("b") == {}
    path.write_text("other")
    assert experiment.outputs("a")["a"] is state
    experiment.forget_stage("a")
    (state,) = experiment.outputs("a").values()
    assert (state.is_intact, state.touched, state.sha256) == (False, True, content_hash(path))
    path.unlink()
    assert experiment.outputs("a")["a"] is state
    experiment.forget_stage("a")
    (state,) = experiment.outputs("a").values()
    assert (state.is_intact, state.touched, state.sha256) == (False, True, None)


@pytest.mark.parametrize("as_made", [True, False])
def test_look_again(as_made: bool, recipe: Toy) -> None:
    experiment = finish(recipe, "a", "b")
    assert experiment.look_again("b", as_made=as_made) == []
    (recipe.exp / "b" / "b.txt").write_text("other")
    assert experiment.look_again("b", as_made=as_made) == ["b"]
    assert experiment.look_again("b", as_made=as_made) == (["b"] if as_made else [])
    (recipe.exp / "b" / "b.txt").write_text("b.b")
    assert experiment.look_again("b", as_made=as_made) == ([] if as_made else ["b"])


def test_signatures_of_touched_outputs_are_written_anew(recipe: Toy) -> None:
    experiment = finish(recipe, "b")
    before = (recipe.exp / "stages" / "b.json").read_bytes()
    experiment.refresh_signatures("b")
    experiment.refresh_signatures("c")
    assert (recipe.exp / "stages" / "b.json").read_bytes() == before
    os.utime(recipe.exp / "b" / "b.txt", (1, 1))
    (recipe.exp / "b" / "all" / "inner" / "x.txt").write_text("other")
    experiment.forget_stage("b")
    old = experiment.done("b")
    experiment.refresh_signatures("b")
    new = experiment.done("b")
    assert old
    assert new
    assert new.outputs["all"] == old.outputs["all"]
    assert new.outputs["b"] == replace(old.outputs["b"], signature=new.outputs["b"].signature)
    assert new.outputs["b"].signature != old.outputs["b"].signature
    stage = experiment.build.stage("b")
    now = experiment.current_signature(stage, new.outputs["b"])
    assert now
    assert now.digest == new.outputs["b"].signature
    assert experiment.current_hash(stage, new.outputs["b"]) == new.outputs["b"].sha256


def test_paths_in_receipts(recipe: Toy) -> None:
    experiment = Experiment(load_build(recipe.build))
    inside = recipe.directory / "a" / "b"
    assert experiment.path("a/b") == inside
    assert experiment.relative_path(inside) == experiment.relative_path(Path("a/b")) == "a/b"
    assert experiment.relative_path(Path("/etc/x")) == "/etc/x"
    assert experiment.record(experiment.build.stage("a"), inside) is None


def test_a_directory_of_outputs_is_hashed_without_its_logs(recipe: Toy) -> None:
    recipe.stage("a")["outputs"] = {"whole": "exp/toy/a"}
    recipe.stage("b")["with"]["source"] = "none"
    recipe.write()
    experiment = Experiment(load_build(recipe.build))
    stage = experiment.build.stage("a")
    names = ("x.txt", "a.log", "a2.log", "a_rank1.log", "a_node1_rank23.log", "b.log")
    for name in (*names, "a_rank.log", "aa.log", "deep/a.log"):
        recipe.file(f"exp/toy/a/{name}", "12")
    record = experiment.record(stage, recipe.exp / "a")
    assert record
    # of nine, not the four logs of a itself
    assert (record.files, record.size, record.path) == (5, 10, "exp/toy/a")
    sha256 = record.sha256
    recipe.file("exp/toy/a/a.log", "more")
    assert experiment.current_hash(stage, record) == sha256
    recipe.file("exp/toy/a/b.log", "more")
    assert experiment.current_hash(stage, record) != sha256


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("exp/toy/a/a.txt", None),
        ("./exp/toy/a/a.txt", None),
        ("exp/toy/a/b.txt", 'its output "a" lies elsewhere'),
    ],
)
def test_where_a_declared_output_lies(path: str, reason: str | None, recipe: Toy) -> None:
    finish(recipe, "a")
    receipt = read_receipt(recipe.exp, "a")
    assert isinstance(receipt, Receipt)
    change(recipe, "a", outputs={"a": replace(receipt.outputs["a"], path=path)})
    found = Experiment(load_build(recipe.build)).receipt("a")
    assert (found.reason if isinstance(found, Unreadable) else None) == reason


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("exp/toy/a/b.txt", None),
        ("src/steps.py", None),
        ("../outside", 'its output "a" lies outside of the recipe'),
        ("/etc/passwd", 'its output "a" lies outside of the recipe'),
    ],
)
def test_where_any_output_lies(path: str, reason: str | None, recipe: Toy) -> None:
    finish(recipe, "a")
    receipt = read_receipt(recipe.exp, "a")
    assert isinstance(receipt, Receipt)
    change(recipe, "a", outputs={"a": replace(receipt.outputs["a"], path=path)})
    recipe.stage("a")["outputs"] = {}
    recipe.stage("b")["with"]["source"] = "none"
    found = Experiment(load_build(recipe.write().build)).receipt("a")
    assert (found.reason if isinstance(found, Unreadable) else None) == reason


def test_the_salt_is_kept(recipe: Toy) -> None:
    experiment = Experiment(load_build(recipe.build))
    assert len(experiment.salt) == 16
    assert experiment.salt != Experiment(experiment.build).salt
    assert not recipe.exp.exists()
    experiment.keep_salt()
    other = Experiment(experiment.build)
    assert other.salt == experiment.salt
    other.keep_salt()
    assert (recipe.exp / "stages" / ".salt").read_bytes() == experiment.salt


def test_a_file_is_hashed_again_when_it_changed(recipe: Toy) -> None:
    experiment = Experiment(load_build(recipe.build))
    path = recipe.directory / "words.txt"
    first = experiment.file_hash(path)
    assert first == content_hash(path)
    path.write_text("longer than before")
    assert experiment.file_hash(path) == content_hash(path) != first
    path.unlink()
    assert experiment.file_hash(path) is None


def test_files_that_settings_name_and_the_stage_wrote(recipe: Toy) -> None:
    recipe.stage("b")["with"]["more"] = "made.txt"
    recipe.stage("b")["with"]["most"] = "also.txt"
    recipe.write()
    experiment = finish(recipe, "a")
    stage = experiment.build.stage("b")
    before = inputs_of(stage, experiment)
    assert own_files(stage, experiment, before) == ()
    recipe.file("made.txt", "1")
    recipe.file("also.txt", "1")
    assert own_files(stage, experiment, before) == ("also.txt", "made.txt")


def test_files_of_a_directory(tmp_path: Path) -> None:
    for name in ("b", "a/y", "a/x", ".hidden", "c/.git/z", "__pycache__/m.pyc", "a/skipped"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("12")

    def skip(path: str) -> bool:
        return path.endswith("/skipped")

    assert [name for name, _ in iter_files(tmp_path, skip)] == ["a/x", "a/y", "b"]
    hidden = [name for name, _ in iter_files(tmp_path, hidden=True)]
    assert hidden == [".hidden", "a/skipped", "a/x", "a/y", "b", "c/.git/z"]
    assert [name for name, _ in iter_files(tmp_path / "b")] == [""]
    signature = read_signature(tmp_path, skip)
    assert signature
    newest = max((tmp_path / name).stat().st_ctime_ns for name in ("a/x", "a/y", "b")) / 1e9
    assert (signature.size, signature.files, signature.newest) == (6, 3, newest)
    os.utime(tmp_path / "b", ns=(1, (int(newest) + 100) * 10**9))
    later = read_signature(tmp_path, skip)
    assert later
    assert later.newest == int(newest) + 100
    assert later.digest != signature.digest
    assert read_signature(tmp_path / "b" / "inside") is None
    assert content_hash(tmp_path / "b" / "inside") is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"{", "it is not JSON"),
        (b"\xff", "it is not JSON"),
        (b'{"schema_version": 2, "stage": "a"%s}', OTHER),
        (b'{"schema_version": 1, "stage": "b"%s}', OTHER),
        (b'{"stage": "a"%s}', OTHER),
    ],
)
def test_why_a_receipt_cannot_be_used(data: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages" / "a.json").write_bytes(
        data.replace(b"%s", b', "status": "done", "started": "x"')
    )
    assert read_receipt(tmp_path, "a") == Unreadable(reason)
    (tmp_path / "stages" / "b.json").mkdir()
    assert read_receipt(tmp_path, "b") == Unreadable("Is a directory")


def test_when_a_stage_ran_to_the_minute() -> None:
    assert Receipt("a", "running", WHEN).latest_minute == "2026-01-02 03:04"
    finished = Receipt("a", "done", WHEN, finished="2027-01-02T03:05:59+00:00")
    assert finished.latest_minute == "2027-01-02 03:05"
