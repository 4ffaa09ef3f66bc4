"""``run.py --jobs N --cluster FILE``: stages as jobs of SLURM, whose queue is a kit of ours."""

import json
import signal
import sys
import time

import pytest

from espnet3_runtime.errors import UserError
from espnet3_runtime.launch.jobs import cluster
from espnet3_runtime.launch.jobs.cluster_file import read_cluster
from espnet3_runtime.process.dask_workers import QUEUES
from espnet3_schemas.installation import install_command
from tests.runtime.jobs_kit import counting_recipe, make_recipe, table_of, wait_for
from tests.runtime.launched_kit import launched
from tests.runtime.slurm_kit import options, queue

QUICK = "--no_preflight"
ASKED = (QUICK, "--jobs", "2", "--cluster", "slurm.yaml")


@pytest.fixture
def slurm(tmp_path):
    with queue(tmp_path / "slurm") as running:
        yield running


def describe(recipe, **more):
    """Write the file of the cluster."""
    settings = {"env": "slurm", "options": options(recipe.directory / "logs", **more)}
    recipe.file("slurm.yaml", json.dumps(settings))


def test_stages_are_jobs_that_die_or_save_at_ctrl_c(slurm, tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS")
    recipe = counting_recipe(tmp_path / "recipe", "one")
    path = {"path": "${exp_dir}/dies/x"}
    recipe.call("dies", "src.steps.make", {**path, "number": 1, "do": "die"}, {"x": "x"})
    recipe.write()
    describe(recipe, cores=3, walltime="08:00:00")
    running = recipe.start(*ASKED, "--keep_going")
    wait_for(recipe.exp / "one" / "began", recipe.exp / "stages" / "dies.json")
    while recipe.receipt("dies")["status"] == "running":
        assert running.poll() is None
    running.send_signal(signal.SIGINT)
    out, _ = running.communicate(timeout=60)
    assert running.returncode == 130
    assert table_of(out) == [
        "stage status time made",
        "one interrupted - -",
        "dies failed - -",
        "report: exp/toy/report.html",
    ]
    assert 'one  | stopped: stage "one"; run the same command again to go on' in out
    assert "dies | threads 3, cores 3" in out
    why = "its process was killed by SIGKILL; often there is not enough memory for so many stages"
    assert f'error: stage "dies" failed: {why}' in out
    assert "SLURM_JOB_NAME=dies" in out  # the end of its log
    assert "  log: exp/toy/dies/dies.log" in out
    assert recipe.receipt("dies")["error"] == why
    slurm.wait_for_the_end()
    asked = [(job["options"]["job-name"], job["options"]["time"]) for job in slurm.jobs]
    assert sorted(asked) == [("dies", "08:00:00"), ("one", "08:00:00")]
    assert not list((recipe.exp / "stages").glob(".*.out*"))
    here = launched(recipe, QUICK, "--stages", "one")  # without the cluster it goes on
    assert here.returncode == 0, here.stderr
    assert (recipe.exp / "one" / "number.txt").read_text() != "resumed at 0"


def test_a_job_that_waits_leaves_the_queue(slurm, tmp_path):
    recipe = make_recipe(tmp_path / "recipe", adds=False, a="")
    describe(recipe)
    slurm.let_wait(1000)
    waiting = recipe.start(*ASKED)
    wait_for(slurm.home / "job-101" / "job.json")
    time.sleep(0.1)
    waiting.send_signal(signal.SIGINT)
    out, _ = waiting.communicate(timeout=60)
    assert (waiting.returncode, slurm.jobs[0]["cancelled"]) == (130, True), out
    assert "  a      not run" in out


def test_options_are_tried_before_the_first_stage(slurm, tmp_path):
    recipe = make_recipe(tmp_path / "recipe", adds=False, a="")
    describe(recipe, wall_time="08:00:00")
    done = launched(recipe, *ASKED)
    assert done.returncode == 1
    assert "error: the slurm cluster does not start: " in done.stderr
    assert "'wall_time'" in done.stderr
    assert f"config: {recipe.directory / 'slurm.yaml'}: options" in done.stderr
    assert slurm.jobs == []
    assert not recipe.exp.exists()
    describe(recipe, queue="spech")  # only the queue itself knows
    done = launched(recipe, *ASKED)
    assert "invalid partition specified: spech" in done.stderr
    assert table_of(done.stdout)[1] == "a failed - -"


def test_a_cluster_whose_package_is_missing(tmp_path, monkeypatch):
    recipe = make_recipe(tmp_path / "recipe", adds=False, a="")
    recipe.file("slurm.yaml", "env: slurm\n")
    monkeypatch.setitem(sys.modules, "dask_jobqueue", None)
    done = launched(recipe, *ASKED)
    assert done.returncode == 1
    assert '"dask-jobqueue", which is not installed' in done.stderr
    assert f"help: {install_command('parallel')}" in done.stderr


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "env: slrum",
            '1:6: "slrum" is no cluster whose queue takes jobs',
            'did you mean "slurm"?',
        ),
        ("env: ssh", '1:6: "ssh" is no cluster', f"choose from: {', '.join(QUEUES)}"),
        ("\noptions: {}", "2:1: env is missing", f"choose from: {', '.join(QUEUES)}"),
        ("env: pbs\noption: {}", '2:1: a cluster has no key "option"', 'did you mean "options"?'),
        ("env: pbs\nn_workers: 2", '2:1: "n_workers" is no key here', "run.py --jobs N says"),
        ("env: pbs\noptions: [a]", "2:10: options are keyword arguments", "write options: {"),
        ("env: [pbs]", "1:6: ", "choose from"),
        ("[env]", "1:1: a cluster is described by two keys", "write env: slurm"),
        ("", " a cluster is described by two keys", "write env: slurm"),
        ("env: {", "is not YAML", ""),
    ],
)
def test_mistakes_in_the_file(text, message, hint, tmp_path):
    path = tmp_path / "cluster.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        read_cluster(path)
    assert message in caught.value.message
    assert caught.value.hint.startswith(hint)


def test_the_file_of_a_cluster(tmp_path):
    path = tmp_path / "cluster.yaml"
    path.write_text("env: pbs\noptions: {cores: 4}\n")
    found = read_cluster(path)
    assert found == {"env": "pbs", "n_workers": 1, "options": {"cores": 4}}
    assert cluster.options_for(found, "train") == {
        "env": "pbs",
        "n_workers": 1,
        "options": {
            "job_name": "train",
            "cores": 4,
            "processes": 1,
            "scheduler_options": {"dashboard_address": ":0"},
        },
    }
