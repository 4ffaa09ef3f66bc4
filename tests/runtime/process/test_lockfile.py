"""Who may read and run an experiment: read-only mounts, other users, locks that go away."""

import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
import soundfile

from espnet3_runtime.errors import UserError
from espnet3_runtime.process.lockfile import hold_lock
from tests.access_kit import run_as_stranger, run_mounted_read_only
from tests.runtime.bundle_kit import pack, packable, speech
from tests.runtime.process.test_interrupts import SLOW, began, wait_for
from tests.runtime.toy import STEPS, Toy, chain

READS = ("--dry_run", "--list", "--verify")
WAITING = """import time
from pathlib import Path


def make(path, number):
    Path(path).with_name("began").write_text("x")
    while not Path("go").exists():
        time.sleep(0.01)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(str(number))


def add(path, source, more=1):
    Path(path).write_text("1")
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Toy:
    return chain(tmp_path / "recipe")


def command(recipe: Toy, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, str(recipe.build / "run.py"), *arguments)


def without_locks(recipe: Toy, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run with a Python that has no ``fcntl``."""
    program = (
        "import sys, runpy; sys.modules['fcntl'] = None; sys.argv = sys.argv[1:]; "
        "sys.path.insert(0, sys.argv[0].rpartition('/')[0]); "
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    argv = [sys.executable, "-c", program, *command(recipe, *arguments)[1:]]
    return subprocess.run(argv, cwd=recipe.directory, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("start", [run_mounted_read_only, run_as_stranger])
def test_reading_needs_no_write_access_and_a_run_ends_in_one_sentence(start, recipe: Toy) -> None:
    for state in ("never run", "done"):
        if state == "done":
            assert recipe.python().returncode == 0
        for look in READS:
            done = start(recipe.directory, *command(recipe, look))
            assert (done.returncode, done.stderr) == (0, "")
        done = start(recipe.directory, *command(recipe, "--force"))
        assert done.returncode == 1
        assert done.stdout == ""
        first, help_ = done.stderr.splitlines()
        assert first.startswith(f'error: a run cannot write to "exp/toy": "{recipe.directory}')
        assert first.endswith(" is on a read-only file system") or "belongs to " in first
        assert "only read" in help_
    if start is run_as_stranger:
        assert f'"{recipe.exp}/stages/.lock" belongs to ' in first
        assert first.endswith(("-r--r--r--", "-rw-r--r--"))


def test_reading_needs_no_lock(recipe: Toy) -> None:
    recipe.file("src/steps.py", SLOW)
    process = recipe.start()
    began(recipe)
    for look in READS:
        done = recipe.python(look)
        assert (done.returncode, done.stderr) == (0, ""), look
    process.kill()
    process.wait(timeout=20)


def test_a_stranger_runs_where_the_modes_allow_it(recipe: Toy) -> None:
    recipe.python(umask=0)
    recipe.directory.joinpath("exp").chmod(0o777)
    done = run_as_stranger(recipe.directory, *command(recipe, "--force"))
    assert done.returncode == 0, done.stderr
    assert "nothing to do" in recipe.python().stdout
    (recipe.exp / "second").chmod(0o755)  # refused before the first stage, not behind it
    done = run_as_stranger(recipe.directory, *command(recipe, "--force"))
    assert done.returncode == 1
    assert f'a run cannot write to "exp/toy": "{recipe.exp}/second" belongs to ' in done.stderr
    assert "[1/3]" not in done.stdout


def test_shared_data_that_are_made_need_no_write_access(recipe: Toy) -> None:
    done = "from pathlib import Path\n\n\ndef find(path):\n    assert Path(path).exists()\n"
    recipe.file("src/data.py", done)
    recipe.file("data/all.txt", "made")
    recipe.call("find", "src.data.find", {"path": "data/all.txt"}, {"data": "data/all.txt"})
    recipe.write()
    argv = ("sh", "-c", 'cd .. && exec "$@"', "sh", *command(recipe, "--stages", "find"))
    for start in (run_mounted_read_only, run_as_stranger):
        done = start(recipe.directory / "data", *argv)
        assert done.returncode == 0, done.stdout + done.stderr
        recipe.python("--stages", "find", "--force")  # makes the lock file


def test_what_is_no_lock_file_is_named(recipe: Toy) -> None:
    lock = recipe.exp / "stages" / ".lock"
    lock.mkdir(parents=True)
    done = recipe.python()
    assert done.stderr == f'error: "exp/toy" cannot be locked: "{lock}": Is a directory\n'
    lock.rmdir()
    os.mkfifo(lock)
    assert f'error: "{lock}" is not an ordinary file' in recipe.python().stderr


@pytest.mark.parametrize("gone", ["stages/.lock", "stages", "."])
def test_a_lock_removed_under_a_run_ends_it(gone: str, recipe: Toy) -> None:
    recipe.file("src/steps.py", WAITING)
    process = recipe.start()
    began(recipe)
    there = recipe.exp / gone
    there.unlink() if there.is_file() else shutil.rmtree(there)
    other = recipe.start(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(recipe.exp / "stages" / ".lock")
    recipe.file("go", "")
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in output
    assert 'stages/.lock" was replaced during this run: another may work on "exp/toy"' in output
    assert "[2/3]" not in output
    assert other.wait(timeout=60) == 0
    assert recipe.python("--verify").returncode == 0


def test_a_lock_that_is_removed_without_another_run_ends_it_too(recipe: Toy) -> None:
    wipe = (
        "    import shutil\n    shutil.rmtree('exp')\n    Path(path).parent.mkdir(parents=True)\n"
    )
    recipe.file("src/steps.py", STEPS.replace("    if fail:", f"{wipe}    if fail:"))
    done = recipe.python()
    assert done.returncode == 1
    assert '.lock" was removed during this run' in done.stderr
    assert not (recipe.exp / "stages" / "first.json").exists()


def test_a_lock_removed_between_opening_and_locking_is_opened_again(tmp_path: Path) -> None:
    lock = tmp_path / "lock"

    def remove(_: str) -> None:
        lock.unlink()
        stack.close()

    with ExitStack() as stack:
        stack.enter_context(hold_lock(lock, "it"))
        with hold_lock(lock, "it", waiting=remove), pytest.raises(UserError, match="another run"):  # noqa: SIM117
            with hold_lock(lock, "it"):
                pass


def test_a_file_system_without_fixed_inodes_is_no_endless_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os.path, "samestat", lambda *_: False)
    with pytest.raises(UserError, match="another file each time"), hold_lock(tmp_path / "l", "it"):
        pass


def test_a_stage_may_make_the_directory_of_its_lock_anew(recipe: Toy) -> None:
    anew = (
        "import shutil\nfrom pathlib import Path\n\n\ndef anew(path):\n    shutil.rmtree(path)\n"
        "    Path(path).mkdir()\n    (Path(path) / 'x').write_text('a')\n"
    )
    recipe.file("src/anew.py", anew)
    recipe.call("anew", "src.anew.anew", {"path": "data"}, {"x": "data/x"})
    recipe.write()
    for _ in range(2):
        done = recipe.python("--stages", "anew", "--force")
        assert done.returncode == 0, done.stderr
    replaced = anew + "    (Path(path) / '.x.lock').write_text('another run')\n"
    recipe.file("src/anew.py", replaced)
    done = recipe.python("--stages", "anew")
    assert done.returncode == 1
    assert '.x.lock" was replaced during this run' in done.stderr


def test_python_without_locks_says_so_once_and_runs(recipe: Toy) -> None:
    recipe.call("data", "src.steps.make", {"path": "data/n.txt", "number": 1}, {"n": "data/n.txt"})
    recipe.write()
    recipe.file("data/.keep", "")
    done = without_locks(recipe)
    assert done.returncode == 0, done.stderr
    assert done.stderr == (
        "this Python has no locks (fcntl): start no other run of this experiment\n"
    )
    assert "nothing to do" in recipe.python().stdout


def test_a_bundle_is_read_from_a_read_only_mount(tmp_path: Path) -> None:
    with packable(tmp_path / "recipe") as directory:
        bundle = pack(directory)
    soundfile.write(tmp_path / "a.wav", speech("two", "four"), 16000)
    argv = [sys.executable, "-m", "espnet3_runtime.publication.transcribe", "--trust_user_code"]
    for start in (run_mounted_read_only, run_as_stranger):
        done = start(bundle, *argv, str(bundle), str(tmp_path / "a.wav"))
        assert done.returncode == 0, done.stderr
        assert "two four" in done.stdout
