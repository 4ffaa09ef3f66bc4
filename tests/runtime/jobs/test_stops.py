"""Ctrl-C, SIGTERM and kill -9 while stages run side by side: nothing is lost, no process stays."""

import os
import signal
import time

import pytest

from tests.runtime.jobs_kit import (
    counting_recipe,
    is_alive,
    kill_now,
    wait_for,
    wait_for_the_end_of,
    wait_for_the_lock,
)
from tests.runtime.launched_kit import launched

QUICK = "--no_preflight"


def start(recipe, *names):
    """Start stages, and return the process and the numbers of theirs."""
    process = recipe.start(QUICK, "--jobs", str(len(names)))
    files = [recipe.exp / name / "began" for name in names]
    wait_for(*files)
    return process, [int(file.read_text()) for file in files]


def go_on(recipe, *names):
    """Run the same command again, and return where each stage went on."""
    done = launched(recipe, QUICK, "--jobs", str(len(names)))
    assert done.returncode == 0, done.stderr
    texts = [(recipe.exp / name / "number.txt").read_text() for name in names]
    return [int(text.removeprefix("resumed at ")) for text in texts]


def test_a_stage_is_killed_and_ctrl_c_reaches_the_others(tmp_path):
    names = ("one", "two", "three")
    recipe = counting_recipe(tmp_path / "recipe", *names)
    process, children = start(recipe, *names)
    kill_now(children[0])
    while recipe.receipt("one")["status"] == "running":
        assert process.poll() is None
    assert is_alive(children[1])
    assert is_alive(children[2])
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert not any(map(is_alive, children))
    assert "its process was killed by SIGKILL" in out
    assert recipe.receipt("one")["status"] == "failed"
    for name in names[1:]:
        text = f'stopped: stage "{name}"; run the same command again to go on'
        assert f"{name:<5} | {text}" in out
        assert recipe.receipt(name)["status"] == "interrupted"
    assert recipe.receipt("two")["provenance"]["command"][1:] == [QUICK, "--jobs", "3"]
    first, *others = go_on(recipe, *names)
    assert first == 0  # it had saved nothing
    assert all(step > 0 for step in others)


def test_the_first_process_dies_and_its_stages_save_and_end(tmp_path):
    recipe = counting_recipe(tmp_path / "recipe", "one", "two", slow=1.5)
    process, children = start(recipe, "one", "two")
    kill_now(process.pid)
    process.wait()
    refused = launched(recipe, QUICK, "--jobs", "2")  # they hold its lock until they have saved
    assert refused.returncode == 1
    assert f'another run is working on "exp/toy": process {process.pid}' in refused.stderr
    wait_for_the_lock(recipe)
    wait_for_the_end_of(*children)
    process.stdout.close()
    assert all(step > 0 for step in go_on(recipe, "one", "two"))


@pytest.mark.parametrize("to_all", [True, False])
def test_a_second_signal_does_not_wait(to_all, tmp_path):
    recipe = counting_recipe(tmp_path / "recipe", "one", "two", slow=60)
    process, children = start(recipe, "one", "two")
    for pid in (*(children if to_all else ()), process.pid):  # a scheduler signals each process
        os.kill(pid, signal.SIGTERM)
    if to_all:  # the first of these is one request, though it comes to a stage twice
        wait_for(*(recipe.exp / name / "saves" for name in ("one", "two")))
    else:
        time.sleep(0.1)  # as fast as hands are: the first one was not passed on yet
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 143
    assert not any(map(is_alive, children))
    assert "  one    interrupted" in out
    assert "  two    interrupted" in out
