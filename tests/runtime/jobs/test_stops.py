"""Ctrl-C, SIGTERM and kill -9 while stages run side by side: nothing is lost, no process stays."""

import signal

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
NAMES = ("one", "two")


def start(recipe):
    """Start the two stages, and return the process and the numbers of theirs."""
    process = recipe.start(QUICK, "--jobs", "2")
    files = [recipe.exp / name / "began" for name in NAMES]
    wait_for(*files)
    return process, [int(file.read_text()) for file in files]


def go_on(recipe):
    """Run the same command again, and return where each stage went on."""
    done = launched(recipe, QUICK, "--jobs", "2")
    assert done.returncode == 0, done.stderr
    texts = [(recipe.exp / name / "number.txt").read_text() for name in NAMES]
    return [int(text.removeprefix("resumed at ")) for text in texts]


def test_ctrl_c_reaches_all_and_each_saves(tmp_path):
    recipe = counting_recipe(tmp_path / "recipe", *NAMES)
    process, children = start(recipe)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert not any(map(is_alive, children))
    for name in NAMES:
        assert f'{name} | stopped: stage "{name}"; run the same command again to go on' in out
        assert recipe.receipt(name)["status"] == "interrupted"
    assert all(step > 0 for step in go_on(recipe))


def test_the_first_process_dies_and_its_stages_save_and_end(tmp_path):
    recipe = counting_recipe(tmp_path / "recipe", *NAMES, slow=True)
    process, children = start(recipe)
    kill_now(process.pid)
    process.wait()
    refused = launched(recipe, QUICK, "--jobs", "2")  # they hold its lock until they have saved
    assert refused.returncode == 1
    assert f'another run is working on "exp/toy": process {process.pid}' in refused.stderr
    wait_for_the_lock(recipe)
    wait_for_the_end_of(*children)
    process.stdout.close()
    assert all(step > 0 for step in go_on(recipe))


def test_a_stage_is_killed_and_the_others_go_on(tmp_path):
    recipe = counting_recipe(tmp_path / "recipe", *NAMES)
    process, children = start(recipe)
    kill_now(children[0])
    wait_for_the_end_of(children[0])
    assert is_alive(children[1])
    while recipe.receipt("one")["status"] == "running":
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "its process was killed by SIGKILL" in out
    assert recipe.receipt("one")["status"] == "failed"
    assert recipe.receipt("two")["status"] == "interrupted"
    assert not is_alive(children[1])
