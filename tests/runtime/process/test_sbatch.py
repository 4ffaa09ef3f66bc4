"""Workers that die, and workers that are jobs of SLURM, whose queue is a kit of ours."""

import pytest
import torch

from espnet3_runtime.errors import UserError
from espnet3_runtime.inference.scp import read_scp
from espnet3_runtime.process import dask_workers
from espnet3_runtime.stages import collect_stats as collect_stage
from espnet3_runtime.stages.collect_stats import collect_stats
from espnet3_runtime.stages.infer import infer
from tests.runtime.inference_kit import in_recipe, make_context
from tests.runtime.slurm_kit import options, queue
from tests.runtime.training_kit import recipe_in, stage_context

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
def slurm(tmp_path):
    with queue(tmp_path / "slurm") as running:
        yield running


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


def decode(recipe, *, resume=False, **changes):
    context = make_context(
        recipe,
        "infer",
        resume=resume,
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


def test_statistics_are_collected_by_jobs_of_slurm(slurm, tmp_path, monkeypatch):
    monkeypatch.setattr(collect_stage, "LEAST_ITEMS", 1)
    with recipe_in(tmp_path / "trained") as recipe:
        expected = statistics(recipe)
        parallel = {"env": "slurm", "n_workers": 2, "options": options(recipe / "logs")}
        assert statistics(recipe, parallel=parallel) == expected
    assert [job["cancelled"] for job in slurm.jobs] == [True, True]


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
    parallel = {"env": "slurm", "n_workers": 2, "options": options(recipe / "logs")}
    context = decode(recipe, parallel=parallel)
    assert read_scp(context.directory / "test" / "text.scp") == expected
    first, second = slurm.jobs
    assert (
        first["options"]
        == second["options"]
        == {
            "job-name": "dask-worker",
            "error": f"{recipe}/logs/dask-worker-%J.err",
            "output": f"{recipe}/logs/dask-worker-%J.out",
            "partition": "speech",
            "account": "asr",
            "ntasks": "1",
            "cpus-per-task": "1",
            "mem": "2G",
            "time": "00:30:00",
        }
    )
    assert (first["cancelled"], second["cancelled"]) == (True, True)
    slurm.wait_for_the_end()
    logs = {path.name for path in (recipe / "logs").iterdir()}
    assert logs == {f"dask-worker-{job['number']}.out" for job in slurm.jobs}


def test_a_job_that_dies_in_the_middle_leaves_its_shard_to_the_others(recipe, slurm):
    expected = read_scp(decode(recipe).directory / "test" / "text.scp")
    (recipe / "src" / "mortal.py").write_text(
        COUNTING.replace("os.kill(os.getpid(),", "os.killpg(0,")
    )
    notes = recipe / "notes"
    notes.mkdir()
    runner = {"_target_": "src.mortal.Mortal", "notes": str(notes)}
    parallel = {"env": "slurm", "n_workers": 2, "options": options(recipe / "logs")}
    context = decode(recipe, runner=runner, parallel=parallel)
    assert read_scp(context.directory / "test" / "text.scp") == expected
    assert (notes / "died").exists()


def test_jobs_that_all_die_keep_what_they_finished(recipe, slurm, monkeypatch):
    monkeypatch.setattr(dask_workers, "_PATIENCE_SECONDS", 1.0)
    expected = read_scp(decode(recipe).directory / "test" / "text.scp")
    mortal = COUNTING.replace("os.kill(os.getpid(),", "os.killpg(0,")
    (recipe / "src" / "mortal.py").write_text(
        mortal.replace("not mark", 'not (self.notes / "cure")')
    )
    notes = recipe / "notes"
    notes.mkdir()
    changes = {
        "runner": {"_target_": "src.mortal.Mortal", "notes": str(notes)},
        "parallel": {"env": "slurm", "n_workers": 2, "options": options(recipe / "logs")},
    }
    with pytest.raises(UserError, match="the slurm cluster has had no worker for 1 s"):
        decode(recipe, **changes)
    lived = list(notes.glob("[0-9]*"))
    assert [len(path.read_text().splitlines()) for path in lived] == [3, 3]
    slurm.wait_for_the_end()
    (notes / "cure").touch()
    again = decode(recipe, resume=True, **changes)
    assert read_scp(again.directory / "test" / "text.scp") == expected
    after = [path for path in notes.glob("[0-9]*") if path not in lived]
    decoded = sum(len(path.read_text().splitlines()) for path in after)
    assert decoded == len(expected) - 4  # each job had finished two


def refusal(logs, **more):
    """Return the error of tasks whose jobs give no worker."""
    settings = {"env": "slurm", "n_workers": 2, "options": options(logs, **more)}
    with (
        pytest.raises(UserError) as caught,
        dask_workers.Workers(settings, logs.parent, 2) as workers,
    ):
        list(workers.run(abs, [(-1,), (-2,)]))
    return caught.value.message


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"queue": "spech"}, "sbatch: error: invalid partition specified: spech"),
        ({"job_extra_directives": ["--acount=asr"]}, "sbatch: unrecognized option '--acount=asr'"),
    ],
)
def test_a_queue_that_takes_no_jobs_says_why(slurm, tmp_path, more, reason):
    said = refusal(tmp_path / "logs", **more)
    assert said.startswith("the slurm cluster does not start: ")
    assert reason in said
    assert slurm.jobs == []


def test_jobs_that_fail_at_once(slurm, tmp_path, monkeypatch):
    monkeypatch.setattr(dask_workers, "_PATIENCE_SECONDS", 1.0)
    said = refusal(tmp_path / "logs", job_script_prologue=["echo no python here", "exit 3"])
    assert said == "the slurm cluster has had no worker for 1 s"
    logs = [path.read_text() for path in (tmp_path / "logs").iterdir()]
    assert logs == ["no python here\n"] * 2


def test_jobs_that_never_start_are_waited_for_while_they_are_listed(slurm, tmp_path, monkeypatch):
    monkeypatch.setattr(dask_workers, "_PATIENCE_SECONDS", 1.0)
    slurm.let_wait(12)  # there is a tenth of the patience before each question
    assert refusal(tmp_path / "logs") == "the slurm cluster has had no worker for 1 s"
    assert slurm.questions > 12
    assert [job["cancelled"] for job in slurm.jobs] == [True, True]
