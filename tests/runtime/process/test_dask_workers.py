"""Dask workers, without starting any."""

import logging

import dask
import distributed
import pytest

from espnet3_runtime.errors import UserError
from espnet3_runtime.process import dask_workers


def local(**options):
    return {"env": "local", "n_workers": 2, "options": options}


def test_local_workers_keep_what_they_free(monkeypatch):
    """Dask's own setting gives every tensor back to the system: three times the CPU seconds."""
    seen = {}

    def cluster(**options):
        environment = dask.config.get("distributed.nanny.pre-spawn-environ")
        seen.update(options, environment=dict(environment))

    monkeypatch.setattr(distributed, "LocalCluster", cluster)
    dask_workers._cluster(local(memory_limit=0), 2)
    assert seen["environment"]["MALLOC_TRIM_THRESHOLD_"] > 1 << 20
    assert seen["environment"]["OMP_NUM_THREADS"] == 1
    assert (seen["n_workers"], seen["threads_per_worker"], seen["memory_limit"]) == (2, 1, 0)
    assert seen["silence_logs"] == logging.CRITICAL


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
