"""A job that SLURM warns with SIGUSR1 puts itself back into the queue."""

import os
import subprocess
from collections.abc import Mapping


def requeue(environ: Mapping[str, str] = os.environ) -> str:
    """Ask SLURM to run this job again, and return what came of it, in one sentence.

    What was saved is gone on from when the job runs again.  SLURM ends this process soon after, so
    this is the last thing it does.
    """
    job = environ["SLURM_JOB_ID"]
    if "SLURM_ARRAY_TASK_ID" in environ:
        job = f"{environ['SLURM_ARRAY_JOB_ID']}_{environ['SLURM_ARRAY_TASK_ID']}"
    command = ("scontrol", "requeue", job)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"SLURM was not asked to run job {job} again ({error}); submit it to go on"
    if done.returncode:
        why = (done.stderr or done.stdout).strip().partition("\n")[0]
        return f"SLURM does not run job {job} again ({why}); submit it to go on"
    return f"SLURM runs job {job} again, which goes on from here"
