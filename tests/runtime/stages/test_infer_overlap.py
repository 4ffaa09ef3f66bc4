"""The stage infer: the model decodes while results are written, and the same comes out."""

import json
import signal
import threading
import time

import numpy as np
import pytest
import torch

from espnet3_runtime.errors import UserError
from espnet3_runtime.inference.writing_thread import WritingThread
from tests.runtime.infer_kit import add_code, run
from tests.runtime.inference_kit import in_recipe

CODE = """
import os
import random
import signal
import threading
import time
import numpy as np

SECONDS = 30
begun, ahead, threads = threading.Event(), threading.Event(), set()
buffer = np.zeros(3, dtype=np.float32)  # the runner fills it again and again
calls = written = most = 0


def count(model, speech, **_):
    global calls, most
    calls += 1
    most = max(most, calls - written // 2)
    buffer[:] = speech[:, 0].sum()
    return [{"text": str(float(buffer[0])), "level": buffer} for _ in speech]


def wait(model, speech, **_):
    # The second batch is decoded when the first result is being written, and not before.
    if calls == 1:
        ahead.set()
        assert begun.wait(SECONDS), "nothing is written beside the model"
    return count(model, speech)


def write(value, path):
    global written
    threads.add(threading.get_ident())
    begun.set()
    assert ahead.wait(SECONDS), "the model waits until all is written"
    np.save(path, value)
    written += 1
    return path + ".npy"


def fail(value, path):
    if path.endswith("utt4") and os.path.exists("away"):
        raise RuntimeError("the share is away")
    np.save(path, value)
    return path + ".npy"


def shaken(model, speech, **_):
    return [{"text": f"{float(row[0])} {np.random.random()}", "level": buffer} for row in speech]


def interrupt(value, path):
    np.save(path, value)
    if path.endswith("utt9") and os.path.exists("away"):
        time.sleep(0.1)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        time.sleep(0.1)
    return path + ".npy"


def draw(model, speech, **_):
    numbers = random.random(), np.random.random(), model.scale.new_empty(1).uniform_().item()
    return [{"text": str(numbers), "level": buffer} for _ in speech]


def shake(sample):
    return {**sample, "speech": sample["speech"] + np.float32(random.random())}
"""
RESULTS = "exp/tiny/infer/test/results.jsonl"


@pytest.fixture
def recipe(tmp_path):
    with in_recipe(tmp_path / "recipe") as directory:
        torch.save({"state_dict": {"scale": torch.ones(1)}}, directory / "best.ckpt")
        add_code(directory, "slow", CODE)
        yield directory
        assert "writing" not in {thread.name for thread in threading.enumerate()}


def changes(runner, writer=None):
    partial = {"_target_": f"src.slow.{runner}", "_partial_": True}
    artifact = {"writer": {"_target_": f"src.slow.{writer}"}} if writer else {"type": "npy"}
    return {
        "runner": partial,
        "output_artifacts": {"level": artifact},
        "batch_size": 2,
        "contract": None,
        "input_key": "speech",
    }


def test_the_model_decodes_while_results_are_written(recipe):
    run(recipe, **changes("wait", "write"))
    from src import slow  # type: ignore[import-not-found]

    assert len(slow.threads) == 1
    assert threading.get_ident() not in slow.threads
    assert slow.most <= 5  # one waits to be handed over, two wait, one is written, one is decoded
    records = list(map(json.loads, (recipe / RESULTS).read_text().splitlines()))
    folder = recipe / "exp/tiny/infer/test"
    levels = {one["outputs"]["text"]: np.load(folder / one["files"]["level"]) for one in records}
    assert len(levels) > 3
    assert all(level.tolist() == [np.float32(text)] * 3 for text, level in levels.items())


def test_a_writer_that_fails_is_told_and_a_resume_decodes_the_rest(recipe):
    _, context = run(recipe, **changes("count", "fail"))
    whole = (recipe / RESULTS).read_bytes()
    (recipe / "away").touch()
    with pytest.raises(UserError, match="fail failed: RuntimeError: the share is away"):
        run(recipe, **changes("count", "fail"))
    kept = {path.name for path in (context.directory / "work/test").iterdir() if path.is_dir()}
    assert kept == {"shard-00000", "shard-00001"}
    (recipe / "away").unlink()
    from src import slow  # type: ignore[import-not-found]

    before = slow.calls
    run(recipe, resume=True, **changes("count", "fail"))
    assert slow.calls - before == 3
    assert (recipe / RESULTS).read_bytes() == whole


def test_ctrl_c_while_the_last_results_are_written_keeps_what_is_complete(recipe):
    keys = {**changes("draw", "interrupt"), "seed": 3}
    _, context = run(recipe, **keys)
    whole = (recipe / RESULTS).read_bytes()
    assert len({json.loads(line)["outputs"]["text"] for line in whole.splitlines()}) == 5
    (recipe / "away").touch()
    with pytest.raises(KeyboardInterrupt):
        run(recipe, **keys)
    kept = {path.name for path in (context.directory / "work/test").iterdir()}
    assert kept == {"plan.json", *(f"shard-0000{number}" for number in range(4))}
    (recipe / "away").unlink()
    run(recipe, resume=True, **keys)  # the last shard alone draws what it drew
    assert (recipe / RESULTS).read_bytes() == whole


def test_what_is_random_in_an_item_is_the_same_with_any_number_of_loader_processes(recipe):
    transform = {"_target_": "src.slow.shake", "_partial_": True}
    sets = {"test": [{"name": "test", "data_src_args": {"size": 6}, "transform": transform}]}
    found = set()
    for workers in (0, 1, 2):
        loading = {"num_workers": workers}
        run(recipe, dataset=sets, dataloader=loading, seed=3, **changes("shaken"))
        found.add((recipe / RESULTS).read_bytes())
    assert len(found) == 1


def test_what_the_thread_does_after_a_failure_and_after_ctrl_c():
    done: list[str] = []
    gate = threading.Event()

    def work(item: str) -> None:
        assert gate.wait(30)
        if item == "bad":
            raise ValueError(item)
        done.append(item)

    def use(thread: WritingThread, error: type[BaseException]) -> None:
        with thread:
            thread.submit(work, ["one", "bad" if error is KeyError else "two", "three"])
            thread.submit(work, ["four"])
            threading.Timer(0.1, gate.set).start()
            raise error

    with pytest.raises(ValueError, match="bad"):  # it came first
        use(WritingThread(), KeyError)
    assert done == ["one"]
    done.clear()
    gate.clear()
    with pytest.raises(KeyboardInterrupt):
        use(WritingThread(), KeyboardInterrupt)
    assert set(done) <= {"one"}


def test_ctrl_c_while_it_is_waited_for_ends_the_thread():
    done = []

    def work(item: int) -> None:
        time.sleep(0.05)  # until the main thread waits, and until it has stopped this one
        if item == 1:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        done.append(item)

    with pytest.raises(KeyboardInterrupt), WritingThread() as thread:
        thread.submit(work, range(100))
    assert "writing" not in {one.name for one in threading.enumerate()}
    assert len(done) < 100
