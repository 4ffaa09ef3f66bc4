"""Dask workers, and clusters that give none."""

import importlib
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from espnet3_runtime.errors import UserError
from espnet3_runtime.process import dask_workers
from tests.recipes.recipe_runs import run


def local(**options):
    return {"env": "local", "n_workers": 2, "options": options}


def test_local_workers_keep_what_they_free(tmp_path):
    """Dask's own setting gives every tensor back to the system: three times the CPU seconds."""
    names = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "OMP_NUM_THREADS")
    with dask_workers.Workers(local(memory_limit=0), tmp_path, 2) as workers:
        found = dict(workers.run(os.getenv, [(name,) for name in names]))
        assert dict(workers.run(os.getcwd, [()])) == {0: str(tmp_path)}
        specs = workers._cluster.worker_spec.values()
        options = [spec["options"] for spec in specs]
        assert logging.getLogger("distributed").level == logging.ERROR
    assert (int(found[0]) > 1 << 20, int(found[1]) > 1 << 20, found[2]) == (True, True, "1")
    kept = [(one["nthreads"], one["memory_limit"], one["silence_logs"]) for one in options]
    assert kept == [(1, 0, logging.CRITICAL)] * 2


JOBS = """
import os
import time
from pathlib import Path
def job(number):
    Path(f"{number}.begun").write_text(str(os.getpid()))
    if number == 0:
        raise ValueError("the first")
    while not Path("go").exists():
        time.sleep(0.01)
    return number
"""


def test_a_failure_cancels_what_has_not_begun_and_no_worker_stays(tmp_path, monkeypatch):
    (tmp_path / "jobs.py").write_text(JOBS)
    monkeypatch.syspath_prepend(tmp_path)
    job = importlib.import_module("jobs").job
    with dask_workers.Workers(local(), tmp_path, 2) as workers:
        with pytest.raises(ValueError, match="the first"):
            list(workers.run(job, [(number,) for number in range(20)]))
        (tmp_path / "go").touch()
        last = [(100,), (101,)]
        assert sorted(workers.run(job, last)) == [(0, 100), (1, 101)]
    begun = {path.stem: int(path.read_text()) for path in tmp_path.glob("*.begun")}
    assert {"0", "100", "101"} <= begun.keys()
    assert len(begun) <= 11, begun  # of 22: each worker had begun one more, on a busy machine a few
    assert not any(is_alive(pid) for pid in begun.values())


def test_options_that_the_cluster_does_not_know():
    with pytest.raises(UserError, match=r"does not start: .*'n_threads'") as caught:
        dask_workers._cluster(local(n_threads=1, processes=False), 1)
    assert caught.value.where == "parallel.options"


@pytest.mark.parametrize(
    ("env", "workers", "tasks", "here"),
    [
        ("local", 1, 9, True),
        ("local_gpu", 2, 1, True),
        ("local", 2, 2, False),
        ("slurm", 1, 1, False),
    ],
)
def test_what_one_process_can_do(env, workers, tasks, here):
    assert dask_workers.in_process({"env": env, "n_workers": workers}, tasks) is here


def test_outside_of_a_worker_the_number_is_0(monkeypatch):
    monkeypatch.delitem(sys.modules, "distributed", raising=False)
    assert dask_workers.worker_number() == 0


QUEUES = {
    "htcondor": "condor_submit",
    "lsf": "bsub",
    "moab": "msub",
    "oar": "oarsub",
    "pbs": "qsub",
    "sge": "qsub",
    "slurm": "sbatch",
}


def refusal(env, **options):
    """Return the error of tasks on a cluster that gives no worker."""
    settings = {"env": env, "n_workers": 2, "options": options}
    if env in QUEUES:
        dashboard = {"scheduler_options": {"dashboard_address": None}}
        disk = {"disk": "1GB"} if env == "htcondor" else {}
        options |= {"cores": 1, "memory": "1GB", "interface": "lo", **dashboard, **disk}
    with (
        pytest.raises(UserError) as caught,
        dask_workers.Workers(settings, Path.cwd(), 2) as workers,
    ):
        list(workers.run(abs, [(-1,), (-2,)]))
    return str(caught.value)


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """Return a function that makes commands of a queue."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    def make(**scripts):
        for name, text in scripts.items():
            (tmp_path / name).write_text(f"#!/bin/bash\n{text}\n")
            (tmp_path / name).chmod(0o700)

    return make


@pytest.mark.parametrize("env", QUEUES)
def test_a_queue_without_its_command(env):
    assert f"the {env} cluster does not start: " in refusal(env)


def test_a_job_that_waits_is_waited_for(commands):
    commands(squeue="echo '77 speech dask-worker PENDING'")
    assert dask_workers._lists(("squeue", "--jobs"), "77")
    assert not dask_workers._lists(("squeue", "--jobs"), "78")
    commands(squeue="echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1")
    assert not dask_workers._lists(("squeue", "--jobs"), "77")
    commands(squeue="echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1")
    assert dask_workers._lists(("squeue", "--jobs"), "77")
    commands(bjobs="echo '77 me EXIT normal'")
    assert not dask_workers._lists(("bjobs",), "77")


def test_a_cluster_of_no_hosts():
    assert "the ssh cluster does not start: `hosts` must be" in refusal("ssh")


RECIPE = """
version: 1
recipe: toy/task
system: base
configs:
  inference:
    device: cpu
    model: {_target_: torch.nn.Identity}
    dataset: {test: [{name: test, data_src: src.data}]}
    parallel: {env: local, n_workers: 2}
    batch_size: 1
    runner: {_target_: src.data.run, _partial_: true}
stages: [infer]
"""
DATA = """
class Dataset:
    def __len__(self): return 40
    def __getitem__(self, index): return {"number": index}
def run(model, number, **rest): return [{"number": 1}] * len(number)
def hang(model, number, **rest):
    import os, pathlib, time
    pathlib.Path(f"{os.getpid()}.pid").touch()
    while len(list(pathlib.Path().glob("*.pid"))) < 2:
        time.sleep(0.01)
    if pathlib.Path("fail").exists() and int(number[0]) == 0:
        raise ValueError("beam is empty")
    pathlib.Path("hangs").touch()
    time.sleep(600)
    return [{"number": 1}] * len(number)
"""
JOB = "{cores: 1, memory: 1GB, interface: lo, scheduler_options: {dashboard_address: null}, %s}"
OPTIONS = {
    "local_gpu": "{n_threads: 1}",
    "ssh": "{hosts: [nowhere.invalid, nowhere.invalid]}",
    "kube": "{name: nowhere}",
    "slurm": JOB % "",
}


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recipe")
    (folder / "src").mkdir()
    (folder / "src" / "data.py").write_text(DATA)
    (folder / "recipe.yaml").write_text(RECIPE)
    compiled = run("-m", "espnet3_compiler", "recipe.yaml", folder=folder)
    assert compiled.returncode == 0, compiled.stderr
    return folder


@pytest.mark.parametrize("env", ["local_gpu", "ssh", "kube", "slurm"])
def test_a_cluster_that_refuses_ends_the_run_with_its_own_message(env, recipe, commands):
    commands(**dict.fromkeys(QUEUES.values(), "echo 'no such partition' >&2; exit 1"))
    settings = {"env": env, "options": OPTIONS[env]}
    sets = [f"inference.parallel.{name}={value}" for name, value in settings.items()]
    done = run("build/run.py", *(x for one in sets for x in ("--set", one)), folder=recipe)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"the {env} cluster does not start: " in done.stderr or "need the package" in done.stderr
    if env in QUEUES and env != "lsf":  # Dask asks bsub to say nothing
        assert "no such partition" in done.stderr
    assert "Traceback" not in done.stderr
    assert "does not close" not in done.stderr


@pytest.mark.parametrize("end", ["failure", "interrupt"])
def test_no_worker_outlives_its_run(end, recipe):
    for path in [*recipe.glob("*.pid"), recipe / "hangs"]:
        path.unlink(missing_ok=True)
    if end == "failure":
        (recipe / "fail").touch()
    chosen = ("--set", "inference.runner={_target_: src.data.hang, _partial_: true}")
    command = [sys.executable, "build/run.py", *chosen]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=recipe, **pipes) as process:
        if end == "interrupt":
            while not (recipe / "hangs").exists():
                assert process.poll() is None, process.communicate()
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
        printed = process.communicate(timeout=100)[0]
    (recipe / "fail").unlink(missing_ok=True)
    assert process.returncode == (1 if end == "failure" else 130), printed
    assert ("beam is empty" in printed) == (end == "failure"), printed
    assert printed.count("Traceback") == (end == "failure"), printed  # that of the recipe's code
    pids = [int(path.stem) for path in recipe.glob("*.pid")]
    assert len(pids) == 2
    assert [pid for pid in pids if is_alive(pid)] == []


def is_alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
