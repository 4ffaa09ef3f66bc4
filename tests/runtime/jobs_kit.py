"""Recipes whose stages do not depend on each other, for ``run.py --jobs``."""

import fcntl
import os
import re
import signal
import time
from pathlib import Path

from tests.runtime.toy import Toy

STEPS = """import os
import signal
import time
from pathlib import Path

from espnet3_runtime.errors import Stopped


def make(path, number, do=""):
    print("threads", os.environ.get("OMP_NUM_THREADS"), end=", cores ", flush=True)
    print(os.environ["ESPNET3_CORES"] if "ESPNET3_CORES" in os.environ else "all")
    if do == "meet":  # the other stage runs meanwhile, or this one never ends
        Path(path).with_name("here").touch()
        while len(list(Path(path).parents[1].glob("meet_*/here"))) < 2:
            time.sleep(0.01)
    if do == "outlast":  # the failure of the first
        pid = Path(path).parents[1] / "a" / "pid"
        while not pid.exists() or os.path.exists(f"/proc/{pid.read_text()}"):
            time.sleep(0.01)
        time.sleep(0.3)
    if do == "bar":
        print("10 %", end="\\r20 %", flush=True)
        print("\\rall")
    if do == "fail":
        Path(path).with_name("mine").write_text(str(os.getpid()))
        Path(path).with_name("mine").rename(Path(path).with_name("pid"))
        raise RuntimeError("no " + os.environ.get("API_TOKEN", "token"))
    if do == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    Path(path).write_text(f"{number}\\n")


def add(path, source, more=1):
    Path(path).write_text(f"{int(Path(source).read_text()) + more}\\n")


def count(path, context, slow=0):
    state = context.directory / "state.txt"
    done = int(state.read_text()) if context.resume and state.exists() else 0
    with context.stop.gracefully():
        for step in range(done, done + (3 if context.resume else 1000)):
            time.sleep(0.02)
            mine = context.directory / "mine"
            mine.write_text(str(os.getpid()))
            mine.rename(mine.with_name("began"))
            if context.stop_requested:
                (context.directory / "saves").touch()
                time.sleep(slow)
                state.write_text(str(step))
                raise Stopped
    Path(path).write_text(f"resumed at {done}")
"""


def make_recipe(directory: Path, *, adds: bool = True, **makes: str) -> Toy:
    """Return a recipe of independent stages by name, each with what it does, and one behind each.

    Args:
        directory: Where the recipe lies.
        adds: Whether there is one behind each.
        **makes: By the name of a stage: what it does.
    """
    toy = Toy(directory)
    toy.file("src/steps.py", STEPS)
    for number, (name, do) in enumerate(makes.items()):
        path = f"${{exp_dir}}/{name}/number.txt"
        arguments = {"path": path, "number": number, "do": do}
        toy.call(name, "src.steps.make", arguments, {"number": "number.txt"})
    for name in makes if adds else ():
        after = {"path": f"${{exp_dir}}/add_{name}/number.txt"}
        after["source"] = f"${{stages.{name}.number}}"
        toy.call(f"add_{name}", "src.steps.add", after, {"number": "number.txt"})
    return toy.write()


def counting_recipe(directory: Path, *names: str, slow: float = 0) -> Toy:
    """Return a recipe of stages that count until they are stopped, and then go on from there.

    Args:
        directory: Where the recipe lies.
        *names: The stages.
        slow: How many seconds each takes to save.
    """
    toy = Toy(directory)
    toy.file("src/steps.py", STEPS)
    for name in names:
        arguments = {"path": f"${{exp_dir}}/{name}/number.txt", "slow": slow}
        toy.call(name, "src.steps.count", arguments, {"number": "number.txt"})
    return toy.write()


def wait_for(*paths: Path) -> None:
    """Wait until files are there."""
    deadline = time.monotonic() + 30
    while not all(path.exists() for path in paths):
        assert time.monotonic() < deadline, paths
        time.sleep(0.02)


def wait_for_the_end_of(*pids: int) -> None:
    """Wait until processes have ended."""
    deadline = time.monotonic() + 30
    while any(map(is_alive, pids)):
        assert time.monotonic() < deadline, "a stage has outlived its run"
        time.sleep(0.02)


def wait_for_the_lock(toy: Toy) -> None:
    """Wait until nobody holds the lock of the experiment."""
    with (toy.exp / "stages" / ".lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)


def is_alive(pid: int) -> bool:
    """Say whether there is a process of this number, and it is no zombie."""
    try:
        os.kill(pid, 0)
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False


def kill_now(pid: int) -> None:
    """Kill a process without giving it time."""
    os.kill(pid, signal.SIGKILL)


def table_of(text: str) -> list[str]:
    """Return the lines of the table at the end, without times."""
    lines = text[text.rindex("  stage ") :].splitlines()
    without = [re.sub(r"\b(\d+\.\d|\d+) s\b", "-", line) for line in lines]
    return [" ".join(line.split()) for line in without]
