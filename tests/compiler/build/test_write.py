"""A build directory is written whole or not at all, and nothing of anybody else's is lost."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from espnet3_compiler.build import write as module
from espnet3_compiler.build.write import ForeignFiles, write_build
from tests.full_disk import namespace, run_on_full_disk


def lock(*configs: str) -> str:
    table = {name: {"file": f"conf/{name}.yaml"} for name in configs}
    return json.dumps({"configs": table, "models": {}, "stages": []})


FIRST = {
    "run.py": "1",
    "conf/a.yaml": "a: 1",
    "conf/b.yaml": "b: 1",
    "recipe.lock.json": lock("a", "b"),
}
SECOND = {"run.py": "2", "conf/a.yaml": "a: 1", "recipe.lock.json": lock("a")}


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def content(build: Path) -> dict[str, str]:
    return {
        path.relative_to(build).as_posix(): path.read_text()
        for path in build.rglob("*")
        if path.is_file()
    }


def test_a_new_build(tmp_path: Path) -> None:
    written = write_build(tmp_path / "deep" / "build", FIRST)
    assert content(tmp_path / "deep" / "build") == FIRST
    assert written.changed == tuple(FIRST)
    assert written.locked
    assert names(tmp_path / "deep") == ["build"]


def test_a_second_build_takes_the_place_of_the_first(tmp_path: Path) -> None:
    build = tmp_path / "build"
    write_build(build, FIRST)
    os.utime(build / "conf/a.yaml", (1, 1))
    written = write_build(build, SECOND)
    assert content(build) == SECOND
    assert written.changed == ("run.py", "recipe.lock.json")
    assert written.removed == ("conf/b.yaml",)
    assert (build / "conf/a.yaml").stat().st_mtime == 1
    assert names(tmp_path) == ["build"]


def test_what_is_removed_is_told_in_order(tmp_path: Path) -> None:
    configs = [f"conf/{name}.yaml" for name in "hgfedcb"]
    files = {**dict.fromkeys(configs, ""), "recipe.lock.json": lock(*"hgfedcb")}
    write_build(tmp_path / "build", files)
    assert write_build(tmp_path / "build", SECOND).removed == tuple(sorted(configs))


def test_the_same_build_is_left_alone(tmp_path: Path) -> None:
    build = tmp_path / "build"
    write_build(build, FIRST)
    before = build.stat().st_ino
    written = write_build(build, FIRST)
    assert written.changed == written.removed == ()
    assert build.stat().st_ino == before


def test_caches_of_python_do_not_matter(tmp_path: Path) -> None:
    build = tmp_path / "build"
    write_build(build, FIRST)
    (build / "__pycache__").mkdir()
    (build / "__pycache__" / "system.pyc").write_text("x")
    assert write_build(build, FIRST).changed == ()
    write_build(build, SECOND)
    assert content(build) == SECOND


def test_files_of_models_and_calls_are_ours(tmp_path: Path) -> None:
    stages = [{"name": "go", "call": "src.a.b"}, {"name": "train", "call": None}]
    text = {"configs": {}, "models": {"m": {"file": "models/m.yaml"}}, "stages": stages}
    files = {"models/m.yaml": "m", "calls/go.yaml": "g", "recipe.lock.json": json.dumps(text)}
    build = tmp_path / "build"
    write_build(build, {**files, "system.py": ""})
    assert write_build(build, SECOND).removed == ("calls/go.yaml", "models/m.yaml", "system.py")
    (build / "calls").mkdir()
    (build / "calls" / "train.yaml").write_text("mine")
    with pytest.raises(ForeignFiles, match=r"did not write: calls/train\.yaml$"):
        write_build(build, FIRST)


@pytest.mark.parametrize("there", [True, False])
def test_a_link_in_the_place_of_the_directory(tmp_path: Path, there: bool) -> None:
    (tmp_path / "build").symlink_to(tmp_path / "other")
    if there:
        (tmp_path / "other").mkdir()
    with pytest.raises(ForeignFiles, match=r"is not a directory$"):
        write_build(tmp_path / "build", FIRST)
    assert (tmp_path / "build").is_symlink()


def test_a_file_that_is_a_link_to_elsewhere_is_not_ours(tmp_path: Path) -> None:
    build = tmp_path / "build"
    write_build(build, FIRST)
    (tmp_path / "mine").write_text("1")
    (build / "run.py").unlink()
    (build / "run.py").symlink_to(tmp_path / "mine")
    with pytest.raises(ForeignFiles, match=r"did not write: run\.py$"):
        write_build(build, SECOND)


def test_an_empty_directory_is_taken(tmp_path: Path) -> None:
    (tmp_path / "build").mkdir()
    write_build(tmp_path / "build", FIRST)
    assert content(tmp_path / "build") == FIRST


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"thesis.tex": "years of work"}, "has no recipe.lock.json$"),
        ({"recipe.lock.json": "[]"}, "has no recipe.lock.json$"),
        ({"recipe.lock.json": "not json", "run.py": ""}, "has no recipe.lock.json$"),
        *(
            ({"recipe.lock.json": text}, "has no recipe.lock.json$")
            for text in (
                '{"configs": {}, "models": {}}',
                '{"configs": {}, "stages": []}',
                '{"configs": {"a": {}}, "models": {}, "stages": []}',
                '{"configs": {}, "models": [], "stages": []}',
                '{"configs": {}, "models": {}, "stages": [{"call": "a"}]}',
                "[" * 100_000,
            )
        ),
        ({**FIRST, "calls/a.yaml": "mine", "models/m.yaml": ""}, "calls/a.yaml, models/m.yaml$"),
        ({**FIRST, **dict.fromkeys("cab", "mine")}, "did not write: a, b, c$"),
        ({**FIRST, "notes.txt": "mine"}, "did not write: notes.txt$"),
        ({**FIRST, "conf/mine.yaml": "mine"}, "did not write: conf/mine.yaml$"),
        (
            {**FIRST, **dict.fromkeys("abcd", "mine")},
            "holds files that espnet3-compile did not write: a, b, c, …$",
        ),
    ],
)
def test_other_peoples_files_are_never_touched(
    tmp_path: Path, files: dict[str, str], said: str
) -> None:
    build = tmp_path / "build"
    for name, text in files.items():
        (build / name).parent.mkdir(parents=True, exist_ok=True)
        (build / name).write_text(text)
    with pytest.raises(ForeignFiles, match=said):
        write_build(build, SECOND)
    assert content(build) == files
    assert names(tmp_path) == ["build"]


def test_a_file_in_the_place_of_the_directory(tmp_path: Path) -> None:
    (tmp_path / "build").write_text("mine")
    with pytest.raises(ForeignFiles, match=r"is not a directory$"):
        write_build(tmp_path / "build", FIRST)
    assert (tmp_path / "build").read_text() == "mine"


@pytest.mark.parametrize("exchanges", [True, False])
@pytest.mark.parametrize("step", range(12))
def test_cut_off_anywhere_the_build_is_the_old_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, exchanges: bool
) -> None:
    """Every change of the disk is a place to be killed at; the next compile puts it right.

    Not every file system exchanges two names in one step.
    """
    build = tmp_path / "build"
    write_build(build, FIRST)
    count = 0

    class Killed(BaseException):
        pass

    def guarded(function):
        def call(*args, **kwargs):
            nonlocal count
            if count == step:
                raise Killed
            count += 1
            return function(*args, **kwargs)

        return call

    with monkeypatch.context() as patch:
        for name in ("mkdir", "write_bytes", "rename"):
            patch.setattr(Path, name, guarded(getattr(Path, name)))
        patch.setattr(module.shutil, "copy2", guarded(module.shutil.copy2))
        patch.setattr(module.shutil, "rmtree", guarded(module.shutil.rmtree))
        if not exchanges:
            patch.setattr(module, "_exchange_names", lambda *_: False)
        try:
            write_build(build, SECOND)
            finished = True
        except Killed:
            finished = False
    module.clean_leftovers(build)
    assert content(build) in ([SECOND] if finished else [FIRST, SECOND])
    assert names(tmp_path) == ["build"]
    write_build(build, SECOND)
    assert content(build) == SECOND
    assert count <= 12


def test_killed_for_real(tmp_path: Path) -> None:
    """SIGKILL at random moments of a process that writes two builds in turns."""
    script = (
        "import sys; from pathlib import Path\n"
        "from espnet3_compiler.build.write import write_build\n"
        "sys.path.insert(0, sys.argv[2]); import test_write as t\n"
        "build = Path(sys.argv[1])\n"
        "while True: write_build(build, t.FIRST); write_build(build, t.SECOND)"
    )
    build = tmp_path / "build"
    for pause in (0.0, 0.013, 0.031):
        process = subprocess.Popen([sys.executable, "-c", script, build, Path(__file__).parent])
        deadline = time.monotonic() + 20
        while not build.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)
        process.wait()
        module.clean_leftovers(build)
        assert content(build) in (FIRST, SECOND)
        assert names(tmp_path) == ["build"]


def test_two_at_once_take_turns(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from espnet3_compiler.build.write import write_build\n"
        "sys.path.insert(0, sys.argv[2]); import test_write as t\n"
        "for i in range(40): write_build(Path(sys.argv[1]), t.FIRST if i % 2 else t.SECOND)"
    )
    build = tmp_path / "build"
    command = [sys.executable, "-c", script, build, Path(__file__).parent]
    processes = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0, 0]
    assert content(build) == FIRST
    assert names(tmp_path) == ["build"]


def test_a_full_disk_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(
        "version: 1\nrecipe: toy/task\nsystem: base\nstages: [{name: a, call: steps.work}]\n"
    )
    (tmp_path / "steps.py").write_text("def work(context):\n    pass\n")
    place = tmp_path / "disk"
    command = ("-m", "espnet3_compiler", "recipe.yaml", "-o", "disk/build")
    attempt = run_on_full_disk(place, 4, *command, folder=tmp_path)
    assert (attempt.code, attempt.temporary, attempt.code_with_room) == (1, [], 0), attempt.said
    assert "error: cannot write disk/build: " in attempt.said
    if namespace():
        assert (
            f'No space left on device (the disk of "{place}" has 4096 bytes free)' in attempt.said
        )
