"""What must hold after a kill, at the places where a kill once did harm."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from espnet3_compiler.build.write import write_build
from espnet3_runtime.incremental import receipts
from espnet3_runtime.launch.failures import (
    explain_error,
    lost_a_rank,
    lost_a_worker,
    summarize_error,
)
from espnet3_runtime.process.interrupts import requeue, survive_signals
from espnet3_runtime.training.checkpoint_files import remove_leftovers, set_aside
from espnet3_schemas import LOCK
from evaluation.kills.tripwire import Tripwire
from tests.runtime.toy import Toy, chain

RESUMING = """from pathlib import Path


def make(path, number, context):
    state = context.directory / "state.txt"
    Path(path).write_text(state.read_text() if context.resume and state.exists() else str(number))


def add(path, source, more=1):
    Path(path).write_text("1")
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Toy:
    return chain(tmp_path / "recipe")


def forked(work: object) -> int:
    """Do something in a child and return its exit code, or minus the signal that killed it."""
    pid = os.fork()
    if pid == 0:
        try:
            work()  # type: ignore[operator]
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_killed_before_it_cleared_what_another_left_it_does_not_go_on_from_there(
    recipe: Toy,
) -> None:
    recipe.file("src/steps.py", RESUMING)
    recipe.python("--stages", "first")
    (recipe.exp / "first" / "state.txt").write_text("of other settings")
    receipt = recipe.exp / "stages" / "first.json"
    for killed_late, made in ((False, "3"), (True, "of other settings")):
        receipt.write_text(json.dumps({**recipe.receipt("first"), "status": "running"}))
        if not killed_late:
            receipts.set_marker(recipe.exp / "first")
        done = recipe.python("--stages", "first")
        assert ("it goes on from there" in done.stdout) == killed_late
        assert (recipe.exp / "first" / "number.txt").read_text() == made


def test_what_a_kill_left_beside_receipts_is_removed(recipe: Toy) -> None:
    recipe.python()
    for name in ("stages/.first.json.tmp-1-a", ".report.html.tmp-1-b"):
        (recipe.exp / name).write_text("half")
    recipe.python()
    assert not list(recipe.exp.rglob(".*.tmp-*"))


def write(directory: Path, **files: str) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (directory / name.replace("_", ".")).write_text(text)


@pytest.mark.parametrize("at", range(1, 9))
def test_a_training_is_set_aside_whole_wherever_that_is_killed(tmp_path: Path, at: int) -> None:
    write(tmp_path / "previous", last_ckpt="older", best_ckpt="older")
    write(tmp_path, last_ckpt="old", best_ckpt="old", curves_jsonl="old", train_log="log")
    wire = Tripwire(tmp_path, at=at)

    def work() -> None:
        wire.install()
        set_aside(tmp_path, (".log",))

    assert forked(work) in (0, -signal.SIGKILL)
    set_aside(tmp_path, (".log",))
    found = {path.name: path.read_text() for path in (tmp_path / "previous").iterdir()}
    assert found == {"last.ckpt": "old", "best.ckpt": "old", "curves.jsonl": "old"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["previous", "train.log"]


def test_pieces_of_a_training_that_saved_nothing_do_not_replace_one_that_did(
    tmp_path: Path,
) -> None:
    write(tmp_path / "previous", last_ckpt="old")
    write(tmp_path, curves_jsonl="piece")
    assert not set_aside(tmp_path, (".log",))
    write(tmp_path, epoch1_ckpt="piece", train_log="log")
    remove_leftovers(tmp_path, (".log",))
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        *("last.ckpt", "previous", "train.log")
    ]


def build(text: str) -> dict[str, str]:
    table = {"a": {"file": "conf/a.yaml"}}
    lock = json.dumps({"configs": table, "models": {}, "stages": [], "x": text})
    return {"run.py": text, "conf/a.yaml": text, LOCK: lock}


def compile_and_die(place: Path, wire: Tripwire) -> None:
    wire.install()
    write_build(place, build("new"))


def test_killed_at_any_operation_a_build_is_the_old_or_the_new_one(tmp_path: Path) -> None:
    place, at, code = tmp_path / "build", 0, -signal.SIGKILL
    while code == -signal.SIGKILL:
        at += 1
        write_build(place, build("old"))

        code = forked(partial(compile_and_die, place, Tripwire(tmp_path, at=at)))
        found = {
            path.relative_to(place).as_posix(): path.read_text()
            for path in place.rglob("*")
            if path.is_file()
        }
        assert found in (build("old"), build("new")), at
    assert at > 10
    write_build(place, build("new"))
    assert [path.name for path in tmp_path.iterdir()] == ["build"]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/x/y"),
            'refused to write "/x/y": No sp',
        ),
        (OSError(errno.ENOSPC, "No space left", "/from", None, "/x/to"), 'to write "/x/to": No sp'),
        (RuntimeError("[enforce fail] . unexpected pos 576 vs 534"), "write: a part was written"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "refused to write: Disk quota exceeded"),
        (RuntimeError("I/O error: File too large (os error 27)"), "refused to write: File too la"),
        (RuntimeError("cannot save: [Errno 27] File too large"), "refused to write: File too la"),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. "), "signal Killed"),
        (RuntimeError("DataLoader worker (pid(s) 7, 8) exited unexpectedly"), "process was killed"),
        (RuntimeError("[/gloo/pair.cc:5] Connection closed by peer [::1]:1"), "another process of"),
    ],
)
def test_what_the_machine_did_is_told_in_one_sentence(error: Exception, message: str) -> None:
    wrapped = RuntimeError("what a library makes of it")
    wrapped.__context__ = error
    for one in (error, wrapped):
        assert message in explain_error(one, Path("/build"))
        assert "Traceback" not in explain_error(one, Path("/build"))
        assert message in summarize_error(one)
    assert lost_a_worker(wrapped) == ("DataLoader" in str(error))
    assert lost_a_rank(wrapped) == ("gloo" in str(error))


def test_a_file_that_is_too_large_for_somebody_else_is_no_full_disk() -> None:
    assert summarize_error(ValueError("413: File too large")) == "ValueError: 413: File too large"


def test_a_full_disk_ends_a_run_without_a_traceback(recipe: Toy) -> None:
    recipe.file("src/steps.py", "def make(path, number):\n    open(path, 'w').write('3' * 70000)\n")
    command = f"ulimit -f 60; exec {sys.executable} build/run.py --stages first"
    limited = subprocess.run(
        ["bash", "-c", command], cwd=recipe.directory, capture_output=True, text=True, check=False
    )
    assert limited.returncode == 1
    assert "the disk refused to write: File too large" in limited.stderr
    assert "Traceback" not in limited.stderr
    assert recipe.receipt("first")["status"] == "failed"


def test_a_loader_process_outlives_the_signals_of_its_group() -> None:
    def work() -> None:
        survive_signals()
        for number in (signal.SIGINT, signal.SIGUSR1, signal.SIGTERM):
            os.kill(os.getpid(), number)
        time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)  # the second time it is meant
        time.sleep(5)

    assert forked(work) == -signal.SIGTERM


def scontrol(directory: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = directory / "scontrol"
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")


WAITING = """import time
from pathlib import Path

from espnet3_runtime.errors import Stopped


def make(path, number, context):
    with context.stop.gracefully():
        (context.directory / "began").write_text("x")
        while not context.stop_requested:
            time.sleep(0.02)
        raise Stopped
"""


def test_the_signal_of_slurm_saves_and_queues_the_job_again(
    recipe: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scontrol(tmp_path, f'echo "$@" > {tmp_path}/asked', monkeypatch)
    recipe.file("src/steps.py", WAITING)
    process = recipe.start("--stages", "first", env={**os.environ, "SLURM_JOB_ID": "41"})
    while not (recipe.exp / "first" / "began").exists():
        time.sleep(0.02)
    process.send_signal(signal.SIGUSR1)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 138, output
    assert 'stopped: stage "first"; run the same command again to go on' in output
    assert output.endswith("SLURM runs job 41 again, which goes on from here\n")
    assert (tmp_path / "asked").read_text() == "requeue 41\n"
    assert "it goes on from there" in recipe.python("--dry_run").stdout


STRUCK = """import os
import signal

from espnet3_runtime.launch import run
from espnet3_runtime.systems.base import BaseSystem

plan, complain = run.show_plan, run.console.print_problem


def planned(*arguments):
    plan(*arguments)
    os.kill(os.getpid(), signal.SIGUSR1)


def told(text):
    if text.startswith("stopped"):
        os.kill(os.getpid(), signal.SIGUSR1)
    complain(text)


run.show_plan, run.console.print_problem = planned, told


class Struck(BaseSystem):
    pass
"""


def test_signals_between_stages_are_told_and_the_job_is_queued_again(
    recipe: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scontrol(tmp_path, f'echo "$@" > {tmp_path}/asked', monkeypatch)
    recipe.file("src/struck.py", STRUCK)
    recipe.system = "src.struck.Struck"
    recipe.write()
    done = recipe.python(env={**os.environ, "SLURM_JOB_ID": "41"})
    assert done.returncode == 138, done.stderr
    expected = "stopped: between stages\nSLURM runs job 41 again, which goes on from here\n"
    assert done.stderr == expected
    assert "[1/3]" not in done.stdout
    assert (tmp_path / "asked").read_text() == "requeue 41\n"


def test_a_job_that_slurm_does_not_queue_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scontrol(tmp_path, "echo 'Access denied' >&2; exit 1", monkeypatch)
    array = {"SLURM_JOB_ID": "9", "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "2"}
    assert requeue(array) == "SLURM does not run job 7_2 again (Access denied); submit it to go on"
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert "SLURM was not asked to run job 7_2 again" in requeue(array)
