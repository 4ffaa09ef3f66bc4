"""Workers that die, and workers that are jobs of SLURM: a cluster made of three shell scripts."""

import os
import stat
import time

import pytest
import torch

from espnet3_runtime.inference.scp import read_scp
from espnet3_runtime.stages import collect_stats as collect_stage
from espnet3_runtime.stages.collect_stats import collect_stats
from espnet3_runtime.stages.infer import infer
from tests.runtime.inference_kit import in_recipe, make_context
from tests.runtime.training_kit import recipe_in, stage_context

SBATCH = """#!/bin/bash
script="${@: -1}"
cp "$script" "$FAKE/job-$$.sh"
setsid bash "$FAKE/job-$$.sh" > "$FAKE/job-$$.log" 2>&1 < /dev/null &
echo $! >> "$FAKE/pids"
echo "Submitted batch job $!"
"""
SCANCEL = """#!/bin/bash
for job in "$@"; do echo "$job" >> "$FAKE/cancelled"; kill -TERM -- "-$job" 2> /dev/null; done
exit 0
"""
COUNTING = """import os
import signal
from pathlib import Path

from src.decode import Reader


class Mortal(Reader):
    \"\"\"Notes what it decodes; dies once, in the middle of an item.\"\"\"

    def __init__(self, notes):
        super().__init__()
        self.notes = Path(notes)

    def __call__(self, model, speech, speech_lengths):
        results = super().__call__(model, speech, speech_lengths)
        mark = self.notes / "died"
        with (self.notes / str(os.getpid())).open("a") as file:
            file.writelines(result["text"] + "\\n" for result in results)
        done = len((self.notes / str(os.getpid())).read_text().splitlines())
        if done == 3 and not mark.exists():
            mark.write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)
        return results
"""


@pytest.fixture
def recipe(tmp_path):
    with in_recipe(tmp_path / "recipe") as directory:
        torch.save({"state_dict": {"scale": torch.ones(1)}}, directory / "best.ckpt")
        yield directory


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """A SLURM whose jobs are processes of this machine."""
    place = tmp_path / "slurm"
    place.mkdir()
    for name, text in {"sbatch": SBATCH, "scancel": SCANCEL, "squeue": "#!/bin/bash\n"}.items():
        (place / name).write_text(text)
        (place / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE", str(place))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    yield place
    for pid in pids(place):
        if alive(pid):
            os.killpg(pid, 9)


def pids(place):
    return [int(line) for line in (place / "pids").read_text().split()]


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123 - it may be gone
        return file.read().rpartition(")")[2].split()[0] != "Z"


def config(**changes):
    return {
        "dataset": {"test": [{"name": "test", "data_src_args": {"size": 12}}]},
        "checkpoint": "best.ckpt",
        "runner": {"_target_": "src.decode.Reader"},
        "input_key": "speech",
        "device": "cpu",
        "batch_size": 1,
        **changes,
    }


def decode(recipe, **changes):
    context = make_context(
        recipe,
        "infer",
        configs={"inference": config(**changes)},
        model={"_target_": "src.model.Scale"},
    )
    infer(context)
    return context


def test_a_worker_that_dies_costs_the_shard_that_it_had_in_hand(recipe):
    expected = read_scp(decode(recipe).directory / "test" / "text.scp")
    (recipe / "src" / "mortal.py").write_text(COUNTING)
    notes = recipe / "notes"
    notes.mkdir()
    runner = {"_target_": "src.mortal.Mortal", "notes": str(notes)}
    context = decode(recipe, runner=runner, parallel={"env": "local", "n_workers": 2})
    assert read_scp(context.directory / "test" / "text.scp") == expected
    dead = (notes / "died").read_text()
    assert (notes / dead).read_text().count("\n") == 3  # two were done, one was in hand
    decoded = sum(len(path.read_text().splitlines()) for path in notes.glob("[0-9]*"))
    assert decoded == len(expected) + 1


def options(recipe):
    return {
        "cores": 1,
        "memory": "2GB",
        "interface": "lo",
        "death_timeout": 60,
        "job_extra_directives": ["--partition=speech"],
        "log_directory": str(recipe / "logs"),
        "scheduler_options": {"dashboard_address": None},
    }


def test_statistics_are_collected_by_jobs_of_slurm(slurm, tmp_path, monkeypatch):
    monkeypatch.setattr(collect_stage, "LEAST_ITEMS", 1)
    with recipe_in(tmp_path / "trained") as recipe:
        expected = statistics(recipe)
        parallel = {"env": "slurm", "n_workers": 2, "options": options(recipe)}
        assert statistics(recipe, parallel=parallel) == expected
    assert len(list(slurm.glob("job-*.sh"))) == 2


def statistics(recipe, **changes):
    """Return the bytes of every output of the stage."""
    config = {
        "dataset": {"train": [{"data_src_args": {"size": 24}}]},
        "collect_stats": {"features": {"_target_": "src.features.Doubled"}, "batch_size": 4},
        **changes,
    }
    context = stage_context(recipe, "collect_stats", config)
    return {name: path.read_bytes() for name, path in collect_stats(context).items()}


def test_infer_runs_as_jobs_of_slurm(recipe, slurm):
    expected = read_scp(decode(recipe).directory / "test" / "text.scp")
    parallel = {"env": "slurm", "n_workers": 2, "options": options(recipe)}
    context = decode(recipe, parallel=parallel)
    assert read_scp(context.directory / "test" / "text.scp") == expected
    scripts = [path.read_text() for path in slurm.glob("job-*.sh")]
    assert len(scripts) == 2
    assert all("#SBATCH --partition=speech" in script for script in scripts)
    deadline = time.monotonic() + 30
    while any(map(alive, pids(slurm))):
        assert time.monotonic() < deadline, "a job has outlived its run"
        time.sleep(0.1)
