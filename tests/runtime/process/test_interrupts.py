"""Ctrl-C, SIGTERM, kill -9, and two runs at once."""

import errno
import fcntl
import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from espnet3_runtime.errors import UserError
from espnet3_runtime.process.interrupts import Interrupts, Terminated
from espnet3_runtime.process.lockfile import hold_lock
from tests.runtime.toy import Toy, chain

SLOW = """import time
from pathlib import Path


def make(path, number):
    Path(path).with_name("began").write_text("x")
    time.sleep(60)


def add(path, source, more=1):
    Path(path).write_text("1")
"""
GRACEFUL = """import time
from pathlib import Path

from espnet3_runtime.errors import Stopped


def make(path, number, context):
    state = context.directory / "state.txt"
    done = int(state.read_text()) if context.resume and state.exists() else 0
    with context.stop.gracefully():
        for step in range(done, 40):
            time.sleep(0.05)
            if step == done + 3:
                (context.directory / "began").write_text("x")
            if context.stop_requested:
                state.write_text(str(step))
                raise Stopped
    Path(path).write_text(f"resumed at {done}")


def add(path, source, more=1):
    Path(path).write_text("1")
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Toy:
    return chain(tmp_path / "recipe")


def began(recipe: Toy) -> None:
    wait_for(recipe.exp / "first" / "began")


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline, path
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_stops_with_the_right_code(number: int, code: int, recipe: Toy) -> None:
    recipe.file("src/steps.py", SLOW)
    process = recipe.start()
    began(recipe)
    process.send_signal(number)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == code, output
    assert 'stopped: stage "first"; run the same command again to go on' in output
    assert "Traceback" not in output
    assert recipe.receipt("first")["status"] == "interrupted"
    assert "second  not run" in output
    assert "its last run was interrupted" in recipe.python("--dry_run").stdout


def test_a_stage_saves_its_state_and_goes_on_from_there(recipe: Toy) -> None:
    recipe.file("src/steps.py", GRACEFUL)
    process = recipe.start()
    began(recipe)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 143, output
    saved = int((recipe.exp / "first" / "state.txt").read_text())
    assert saved >= 3
    done = recipe.python("--stages", "first")
    assert done.returncode == 0, done.stderr
    assert "it goes on from there" in done.stdout
    assert (recipe.exp / "first" / "number.txt").read_text() == f"resumed at {saved}"


def test_a_cut_off_attempt_with_other_settings_is_not_continued(recipe: Toy) -> None:
    recipe.file("src/steps.py", GRACEFUL)
    process = recipe.start()
    began(recipe)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    recipe.stage("first")["with"]["number"] = 99
    recipe.write()
    done = recipe.python("--stages", "first")
    assert "it goes on from there" not in done.stdout
    assert (recipe.exp / "first" / "number.txt").read_text() == "resumed at 0"


def test_a_second_signal_stops_at_once(recipe: Toy) -> None:
    deaf = GRACEFUL.replace("if context.stop_requested:", "if False:").replace("40", "4000")
    recipe.file("src/steps.py", deaf)
    process = recipe.start()
    began(recipe)
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    assert any("once more to stop at once" in line for line in process.stdout)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 130


def test_killed_at_random_moments_the_same_command_ends_the_same(recipe: Toy) -> None:
    recipe.file(
        "src/steps.py",
        "import time\nfrom pathlib import Path\n"
        "from espnet3_runtime.atomic import write_text\n"
        "def make(path, number):\n    time.sleep(0.05)\n    write_text(Path(path), '3' * 1000)\n"
        "def add(path, source, more=1):\n    time.sleep(0.05)\n"
        "    write_text(Path(path), Path(source).read_text() + str(more))\n",
    )
    moments = random.Random(1)
    for _ in range(12):
        process = recipe.start(stdout=subprocess.DEVNULL)
        time.sleep(moments.uniform(0.05, 0.9))
        process.kill()
        process.wait(timeout=20)
        for receipt in (recipe.exp / "stages").glob("*.json"):
            json.loads(receipt.read_text())  # never half a receipt
        for output in recipe.exp.glob("*/number.txt"):
            assert len(output.read_text()) >= 1000
    done = recipe.python()
    assert done.returncode == 0, done.stderr
    assert (recipe.exp / "third" / "number.txt").read_text() == "3" * 1000 + "11"
    assert "nothing to do" in recipe.python().stdout
    assert not list(recipe.exp.rglob("*.tmp-*"))


def test_a_killed_stage_is_run_again_even_if_its_old_output_is_there(recipe: Toy) -> None:
    recipe.python()
    recipe.file("src/steps.py", SLOW)
    process = recipe.start("--stages", "first")
    began(recipe)
    process.kill()
    process.wait(timeout=20)
    assert recipe.receipt("first")["status"] == "running"
    done = recipe.python("--stages", "second")
    assert done.returncode == 1
    assert 'the last run of "first" was killed' in done.stderr


def test_the_second_of_two_runs_says_who_holds_the_experiment(recipe: Toy) -> None:
    recipe.file("src/steps.py", SLOW)
    process = recipe.start()
    began(recipe)
    done = recipe.python()
    assert done.returncode == 1
    assert f'another run is working on "exp/toy": process {process.pid} on ' in done.stderr
    assert recipe.python("--dry_run").returncode == 0  # only looks
    process.kill()
    process.wait(timeout=20)
    recipe.file("src/steps.py", SLOW.replace("60", "0"))
    done = recipe.python("--stages", "first")
    assert "another run" not in done.stderr


def test_a_lock_ends_with_its_process_although_a_forked_worker_lives_on(recipe: Toy) -> None:
    forking = "import os, time\n\nif os.fork() == 0:\n    time.sleep(5)\n    os._exit(0)\n"
    recipe.file("src/steps.py", forking + SLOW)
    process = recipe.start(stdout=subprocess.DEVNULL)
    began(recipe)
    process.kill()
    process.wait(timeout=20)
    recipe.file("src/steps.py", SLOW.replace("60", "0"))
    done = recipe.python("--stages", "first")
    assert "another run" not in done.stderr
    assert recipe.receipt("first")["status"] == "failed"  # it ran, and made nothing


def test_a_lock_is_free_after_the_block_although_a_fork_has_it_open(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with hold_lock(path, "it"):
        child = os.fork()
        if child == 0:
            time.sleep(3)
            os._exit(0)
    with hold_lock(path, "it"):
        pass
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def test_a_taken_lock_is_an_error_in_one_process_too(tmp_path: Path) -> None:
    with hold_lock(tmp_path / "lock", "it"), pytest.raises(UserError, match="another run"):  # noqa: SIM117
        with hold_lock(tmp_path / "lock", "it"):
            pass


def test_a_lock_gets_its_mode_by_umask_and_follows_no_link(tmp_path: Path) -> None:
    before = os.umask(0o002)
    try:
        with hold_lock(tmp_path / "lock", "it"):
            assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o664
    finally:
        os.umask(before)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to("file")
    with pytest.raises(UserError, match="is a link"), hold_lock(tmp_path / "link", "it"):
        pass
    assert (tmp_path / "file").read_text() == "mine"


def test_a_file_system_without_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with hold_lock(tmp_path / "lock", "it"):
        assert "has no locks (flock)" in caplog.text


def test_signals_become_exceptions_or_requests() -> None:
    before = signal.getsignal(signal.SIGINT)
    interrupts = Interrupts()
    with interrupts.installed():
        with pytest.raises(Terminated):
            os.kill(os.getpid(), signal.SIGTERM)
        assert interrupts.exit_code == 143
    told: list[str] = []
    interrupts = Interrupts(told.append)
    with interrupts.installed(), interrupts.gracefully():
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupts.requested()
        assert told
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert interrupts.exit_code == 130
    assert signal.getsignal(signal.SIGINT) is before
