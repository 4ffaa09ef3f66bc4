"""A whole fingerprint, and its parts: texts, packages, files, versions, origin."""

import os
import platform
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from espnet3_runtime.build.lock import load_build
from espnet3_runtime.config import ConfigView
from espnet3_runtime.incremental.code_reach import code_of, files_of, packages_of, texts_of
from espnet3_runtime.incremental.code_walk import Code
from espnet3_runtime.incremental.fingerprint import inputs_of
from espnet3_runtime.incremental.held_code import is_importable, outside_root
from espnet3_runtime.incremental.provenance import (
    collect_provenance,
    describe_device,
    git_state,
    installed_distributions,
)
from espnet3_runtime.incremental.slices import look_up, without_keys
from espnet3_runtime.incremental.versions import package_version, relevant_versions
from espnet3_schemas.build_records import Stage
from tests.runtime.finished_kit import build_recipe, finish
from tests.runtime.toy import Toy


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


@pytest.fixture
def recipe(tmp_path: Path) -> Toy:
    return build_recipe(tmp_path / "recipe")


def test_a_whole_fingerprint(recipe: Toy) -> None:
    recipe.stage("b")["with"] |= {"api_key": "s3cret", "list": [1, {"a": None}], "empty": {}}
    recipe.stage("b")["config"] = {"settings": "sizes"}
    recipe.configs["sizes"] = {"size": 3, "nested": {"a": [1.5]}}
    experiment = finish(recipe.write(), "a")
    found = inputs_of(experiment.build.stage("b"), experiment)
    (module,) = found["code"].values()
    late = found["arguments"].pop("source")
    hidden = found["arguments"].pop("api_key")
    versions = {"python": f"{sys.version_info[0]}.{sys.version_info[1]}"}
    ours = package_version("espnet3-compile")
    assert found == {
        "what": "call src.steps.make",
        "signed": ["toy/task", "toy"],
        "configs": {"settings": {"name": "sizes", "values": {"size": 3, "nested.a[0]": 1.5}}},
        "model": None,
        "arguments": {
            "path": "exp/toy/b/b.txt",
            "words": "words.txt",
            "list[0]": 1,
            "list[1].a": None,
            "empty": {},
        },
        "init_from": None,
        "data_dir": None,
        "declared": {"b": "exp/toy/b/b.txt", "all": "exp/toy/b/all"},
        "upstream": {"a.a": digest("a.a")},
        "code": {"src/steps.py": module},
        "files": {"words.txt": digest("a b")},
        "versions": {**versions, "espnet3-compile": ".".join((ours or "0.0").split(".")[:2])},
    }
    assert late["late"] == "${stages.a.a}"
    assert late["digest"]
    assert hidden["digest"]
    assert "s3cret" not in str(hidden)


def test_what_is_not_known_yet(recipe: Toy) -> None:
    experiment = finish(recipe, "a")
    stage = experiment.build.stage("b")
    pending = inputs_of(stage, experiment, ["a"])
    assert pending["upstream"] == {"a.a": None}
    assert pending["arguments"]["source"] == {"late": "${stages.a.a}", "digest": None}
    assert inputs_of(stage, experiment, ["c"]) == inputs_of(stage, experiment)
    (recipe.exp / "a" / "a.txt").unlink()
    experiment.forget_stage("a")
    assert inputs_of(stage, experiment)["upstream"] == {"a.a": "missing"}
    recipe.stage("b")["needs"] = ["a"]
    recipe.stage("b")["with"]["source"] = "none"
    experiment = finish(recipe.write(), "a")
    stage = experiment.build.stage("b")
    assert inputs_of(stage, experiment)["upstream"] == {"a.a": digest("a.a")}
    assert inputs_of(stage, experiment, ["a"])["upstream"] == {"a.a": None, "a.*": None}


def test_a_secret_that_is_not_known_yet(recipe: Toy) -> None:
    recipe.stage("b")["with"]["password"] = "${stages.a.a}"
    experiment = finish(recipe.write(), "a")
    stage = experiment.build.stage("b")
    known = inputs_of(stage, experiment)["arguments"]["password"]
    pending = inputs_of(stage, experiment, ["a"])["arguments"]["password"]
    assert known["digest"]
    assert pending == {**known, "digest": None}


def test_texts_of_configs() -> None:
    views = [ConfigView({"a": ["x", 3, {"b": "y"}], "c": None}), ConfigView({"d": "z", "e": {}})]
    assert texts_of(views) == ["x", "y", "z"]
    assert texts_of([]) == []


@pytest.mark.parametrize(
    ("values", "packages"),
    [
        ({"_target_": "torch.optim.SGD", "a": [{"_target_": "numpy.array"}]}, {"torch", "numpy"}),
        ({"_target_": "src.steps.make"}, set()),
        ({"name": "torch.optim.SGD", "x": "numpy.array"}, set()),
        ({"task": "espnet2.tasks.asr.ASRTask"}, {"espnet2"}),
        ({"task": "espnet2.tasks.asr.ASRTask", "_target_": "torch.nn.Linear"}, {"torch"}),
        ({"a": {"task": "espnet2.tasks.asr.ASRTask"}}, set()),
        ({"_target_": 3}, set()),
        (
            {"_target_": "espnet3_runtime.data.preprocess.TextToTokens"},
            {"espnet3_runtime", "sentencepiece"},
        ),
        ({"_target_": "espnet3_runtime.metrics.wer.WER"}, {"espnet3_runtime", "jiwer"}),
        ({"_target_": "espnet3_runtime.metrics.cer.CER"}, {"espnet3_runtime", "jiwer"}),
        (
            {"_target_": "espnet3_runtime.metrics.ter.TER"},
            {"espnet3_runtime", "jiwer", "sentencepiece"},
        ),
        (
            {"_target_": "espnet3_runtime.task_bridge.decode.speech2text"},
            {"espnet3_runtime", "espnet2"},
        ),
        ({"_target_": "espnet3_runtime.data.collate.CommonCollateFn"}, {"espnet3_runtime"}),
    ],
)
def test_packages_of_targets(values: dict[str, Any], packages: set[str], recipe: Toy) -> None:
    assert packages_of(load_build(recipe.build), [ConfigView(values)]) == packages


@pytest.mark.parametrize(
    ("text", "in_code", "named"),
    [
        ("words.txt", False, ["words.txt"]),
        ("words.txt", True, ["words.txt", "src/words.txt"]),
        ("inner.txt", True, ["src/inner.txt"]),
        ("inner.txt", False, []),
        ("../words.txt", True, ["src/../words.txt"]),
        ("words", False, []),
        ("deep/words", False, ["deep/words"]),
        ("deep", False, []),
        ("made.txt", False, []),
        ("exp/x.txt", False, []),
        ("", False, []),
        ("words.txt\n", False, []),
        ("~/words.txt", True, []),
        ("/etc/passwd", True, []),
        ("/etc/passwd", False, ["/etc/passwd"]),
    ],
)
def test_files_that_are_named(text: str, in_code: bool, named: list[str], recipe: Toy) -> None:
    build = load_build(recipe.build)
    for name in ("src/words.txt", "src/inner.txt", "deep/words", "made.txt", "exp/x.txt", "words"):
        recipe.file(name, "1")
    place = recipe.directory / "src"
    code = Code({}, frozenset({(text, place)} if in_code else ()), frozenset())
    made = [recipe.directory / "made.txt", recipe.directory / "exp"]
    found = files_of(build, [] if in_code else [text], code, made)
    assert found == {recipe.directory / name for name in named if name}


def test_a_bundle_is_named_by_its_directory(recipe: Toy) -> None:
    build, empty = load_build(recipe.build), Code({}, frozenset(), frozenset())
    recipe.file("bundle/bundle.json", "{}")
    record = recipe.directory / "bundle" / "bundle.json"
    loads = "espnet3_runtime.publication.model.InferenceModel.from_packed"
    assert files_of(build, ["./bundle"], empty, []) == {record}
    assert files_of(build, ["bundle"], empty, []) == set()
    assert files_of(build, [loads, "bundle"], empty, []) == {record}


def test_the_longest_path_that_is_one(recipe: Toy) -> None:
    build, empty = load_build(recipe.build), Code({}, frozenset(), frozenset())
    text = f"{'./' * 495}words.txt"
    assert len(text) == 999
    assert len(files_of(build, [text], empty, [])) == 1
    assert len(files_of(build, [f"{'./' * 496}words.txt"], empty, [])) == 0


def test_code_that_a_stage_reaches(recipe: Toy) -> None:
    recipe.file("src/more.py", "class Thing: ...\n")
    recipe.file("src/unused.py", "class Other: ...\n")
    build = load_build(recipe.build)
    stage = build.stage("b")
    assert code_of(build, stage, [], []).modules.keys() == {"src/steps.py"}
    texts = ["src.more.Thing", "a text src.unused.Other", "src", "3.5", "torch.optim.SGD"]
    found = code_of(build, stage, [], texts)
    assert found.modules.keys() == {"src/steps.py", "src/more.py"}
    assert found.packages == {"pathlib"}


# Keys.


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("a", {"d": {"e": 1, "f": 2}, "g": [[{"h": 1}]]}),
        ("a.*.b", {"a": [{"c": 2}, 3], "d": {"e": 1, "f": 2}, "g": [[{"h": 1}]]}),
        ("a.b", {"a": [{"b": 1, "c": 2}, 3], "d": {"e": 1, "f": 2}, "g": [[{"h": 1}]]}),
        ("d.*", {"a": [{"b": 1, "c": 2}, 3], "d": {}, "g": [[{"h": 1}]]}),
        ("d.e.x", {"a": [{"b": 1, "c": 2}, 3], "d": {"e": 1, "f": 2}, "g": [[{"h": 1}]]}),
        ("g.*.*.h", {"a": [{"b": 1, "c": 2}, 3], "d": {"e": 1, "f": 2}, "g": [[{}]]}),
        ("*", {}),
    ],
)
def test_keys_that_are_left_out(pattern: str, left: dict[str, Any]) -> None:
    values = {"a": [{"b": 1, "c": 2}, 3], "d": {"e": 1, "f": 2}, "g": [[{"h": 1}]]}
    found = without_keys(ConfigView(values, "w", hidden=["z"]), [pattern])
    assert (found.plain(), found.where, found.hidden) == (left, "w", {"z"})


def test_values_at_a_path() -> None:
    value = {"a": ConfigView({"b": 0, "c": [1]})}
    expected = {"a.b": 0, "a.c": (1,), "a.c.d": None, "x": None, "x.y": None, "a.x": None}
    assert {path: look_up(value, path) for path in expected} == expected


# Versions.


def stage_of(kind: str | None) -> Stage:
    return Stage("name", kind, None if kind else "a.b", {}, None, None, (), (), {})


def test_versions_that_count() -> None:
    always = {
        "python": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "espnet3-compile": ".".join((package_version("espnet3-compile") or "0.0").split(".")[:2]),
    }
    names = ("yaml", "json", "espnet3_schemas", "torch")
    found = relevant_versions(stage_of(None), names)
    torch, yaml = (installed_distributions()[name].version for name in ("torch", "PyYAML"))
    assert found == {
        **always,
        "torch": torch.partition("+")[0],
        "yaml": yaml,
    }
    assert [*found] == ["python", "espnet3-compile", "torch", "yaml"]
    assert relevant_versions(stage_of(None), ()) == always


def test_versions_of_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (
        ("versions_a-1.2+cpu", "Name: versions-a\nVersion: 1.2+cpu\n"),
        ("versions_b-2.0", "Name: versions-b\n"),
    ):
        (tmp_path / f"{name}.dist-info").mkdir()
        (tmp_path / f"{name}.dist-info" / "METADATA").write_text(text)
    (tmp_path / "versions_a-1.2+cpu.dist-info" / "top_level.txt").write_text("versions_inner\n")
    monkeypatch.syspath_prepend(tmp_path)
    names = ("versions-a", "versions_inner", "versions-b", "versions-c")
    assert [package_version(name) for name in names] == ["1.2", "1.2", "unknown", None]
    found = installed_distributions()
    assert found["versions-a"].version == "1.2+cpu"
    assert None not in found


@pytest.mark.parametrize(
    ("name", "importable"),
    [("json", True), ("torch", True), ("no_such_package", False), ("", False), ("a.b", False)],
)
def test_what_can_be_imported(name: str, importable: bool) -> None:
    assert is_importable(name) == importable


def test_packages_without_a_fixed_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "path" / "outside_package").mkdir(parents=True)
    (tmp_path / "path" / "outside_package" / "__init__.py").write_text("")
    (tmp_path / "path" / "outside_space").mkdir()
    (tmp_path / "path" / "outside_module.py").write_text("")
    (tmp_path / "target" / "some-1.0.dist-info").mkdir(parents=True)
    (tmp_path / "target" / "inside_module.py").write_text("")
    (tmp_path / "target" / "inside_package").mkdir()
    (tmp_path / "target" / "inside_package" / "__init__.py").write_text("")
    for name in ("path", "target"):
        monkeypatch.syspath_prepend(tmp_path / name)
    root = tmp_path / "path"
    for name in ("outside_package", "outside_space", "outside_module"):
        assert outside_root(name) == root, name
    for name in ("inside_module", "inside_package", "json", "torch", "no_such_package", "sys"):
        assert outside_root(name) is None, name
    for name in ("espnet3_runtime", "espnet3_schemas", "espnet3_compiler"):
        assert outside_root(name) is None, name


# Origin.


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *words], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_the_state_of_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert git_state(tmp_path) == {}
    folder = tmp_path / "a"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "trunk")
    (folder / "file").write_text("1")
    git(folder, "add", "file")
    person = ("-c", "user.name=a", "-c", "user.email=a@b")
    git(folder, *person, "commit", "-q", "-m", "First")
    git_state.cache_clear()
    expected: dict[str, Any] = {"commit": git(folder, "rev-parse", "HEAD"), "branch": "trunk"}
    assert git_state(folder) == {**expected, "remote": None, "dirty": False}
    (folder / "untracked").write_text("1")
    git(folder, "remote", "add", "origin", "https://me:secret@host/x.git")
    git_state.cache_clear()
    found = git_state(folder)
    assert (found["dirty"], "secret" in found["remote"], "host/x.git" in found["remote"]) == (
        False,
        False,
        True,
    )
    (folder / "file").write_text("2")
    assert git_state(folder) is found
    git_state.cache_clear()
    assert git_state(folder)["dirty"]
    git_state.cache_clear()
    monkeypatch.setenv("PATH", "")
    assert git_state(folder) == {}
    git_state.cache_clear()


def test_the_facts_of_a_receipt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["run.py", "--stages", "train"])
    found = collect_provenance(tmp_path)
    assert [*found] == ["git", "packages", "python", "device", "host", "command"]
    assert (found["git"], found["python"]) == ({}, platform.python_version())
    assert (found["device"], found["host"]) == (describe_device(), platform.node())
    assert [*found["command"]] == ["run.py", "--stages", "train"]
    assert [*found["packages"]] == sorted(found["packages"])
    assert found["packages"]["torch"] == installed_distributions()["torch"].version


class Cuda:
    def __init__(self, count: int, *, broken: bool = False) -> None:
        self.count, self.broken = count, broken

    def is_available(self) -> bool:
        if self.broken:
            raise RuntimeError("no driver")
        return self.count > 0

    def device_count(self) -> int:
        return self.count

    def get_device_name(self, index: int) -> str:
        return ["First", "Second"][index]


def test_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=Cuda(2)))
    assert describe_device() == "2 x First"
    cores = f", {len(os.sched_getaffinity(0))} cores"
    for cuda in (Cuda(0), Cuda(2, broken=True), None):
        monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
        assert describe_device().endswith(cores)
    monkeypatch.delitem(sys.modules, "torch")
    assert describe_device().endswith(cores)
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    assert describe_device().removesuffix(cores) == (names[0] if names else platform.machine())
