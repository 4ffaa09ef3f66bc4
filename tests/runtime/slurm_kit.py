"""A queue like SLURM's on this machine: no cluster can run here, but its jobs are real processes.

``sbatch``, ``squeue`` and ``scancel`` are one script.  It reads the options of the job script and
of the command line as SLURM does, refuses those that it does not know, and knows one partition.
"""

import json
import os
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

QUEUE = r'''#!{python} -SE
import fcntl, json, os, re, signal, subprocess, sys
from pathlib import Path

HOME = Path({home!r})
LONG = dict(J="job-name", e="error", o="output", p="partition", A="account", n="ntasks", t="time")
KNOWN = {{*LONG.values(), "cpus-per-task", "mem"}}


def parse(words):
    """Return options by their long names, and what follows them."""
    options, words = {{}}, list(words)
    while words and words[0].startswith("-"):
        word = words.pop(0)
        name, has_value, value = word.lstrip("-").partition("=")
        name = LONG.get(name, name)
        if name not in KNOWN:
            end(f"sbatch: unrecognized option '{{word}}'")
        options[name] = value if has_value else words.pop(0)
    return options, words


def end(message):
    print(message, file=sys.stderr)
    raise SystemExit(1)


def sbatch(words):
    given, (script, *_) = parse(words)
    text = Path(script).read_text()
    inside = re.findall(r"^#SBATCH (.*)$", text, re.M)
    options = {{**parse([w for line in inside for w in line.split(" ", 1)])[0], **given}}
    if options.get("partition") != "speech":
        end(f"sbatch: error: invalid partition specified: {{options.get('partition')}}")
    with (HOME / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        number = len(list(HOME.glob("job-*"))) + 101
        place = HOME / f"job-{{number}}"
        place.mkdir()
    (place / "script.sh").write_text(text)
    note = {{"options": options, "pid": None}}
    if not (HOME / "full").exists():
        note["pid"] = start(place / "script.sh", number, options)
    (place / "job.json").write_text(json.dumps(note))
    print(f"Submitted batch job {{number}}")


def start(script, number, options):
    output = options.get("output", f"slurm-{{number}}.out").replace("%J", str(number))
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    own = dict(SLURM_JOB_ID=str(number), SLURM_NTASKS=options["ntasks"], SLURM_PROCID="0",
               SLURM_JOB_NAME=options["job-name"], SLURM_JOB_PARTITION=options["partition"])
    with open(output, "a") as log:
        return subprocess.Popen(["bash", script], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                env={{**os.environ, **own}}, start_new_session=True).pid


def job(number):
    try:
        return json.loads((HOME / f"job-{{number}}" / "job.json").read_text())
    except OSError:
        return None


def runs(pid):
    try:
        return Path(f"/proc/{{pid}}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def squeue(words):
    number = words[words.index("--jobs") + 1]
    with (HOME / "asked").open("a") as file:
        file.write(number + "\n")
    found, full = job(number), HOME / "full"
    waits = full.exists() and (HOME / "asked").stat().st_size < 4 * int(full.read_text())
    if found is None or not (waits if found["pid"] is None else runs(found["pid"])):
        end("slurm_load_jobs error: Invalid job id specified")
    state = "PD (Resources)" if found["pid"] is None else "R (here)"
    print(f"{{number}} speech {{found['options']['job-name']}} {{state}}")


def scancel(words):
    for number in words:
        found = job(number)
        if found is None:
            end(f"scancel: error: Kill job error on job id {{number}}: Invalid job id specified")
        (HOME / f"job-{{number}}" / "cancelled").touch()
        if found["pid"] and runs(found["pid"]):
            os.killpg(found["pid"], signal.SIGTERM)


globals()[Path(sys.argv[0]).name](sys.argv[1:])
'''


class Slurm:
    """The queue, seen from outside.

    Args:
        home: An empty directory for its commands and jobs.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        for name in ("sbatch", "squeue", "scancel"):
            path = home / name
            path.write_text(QUEUE.format(python=sys.executable, home=str(home)))
            path.chmod(stat.S_IRWXU)

    def let_wait(self, questions: int) -> None:
        """Start no job; jobs wait until ``squeue`` was asked so many times, and are gone then."""
        (self.home / "full").write_text(str(questions))

    @property
    def questions(self) -> int:
        """Return how often ``squeue`` was asked."""
        return len((self.home / "asked").read_text().splitlines())

    @property
    def jobs(self) -> list[dict[str, Any]]:
        """Return number, options, process and whether it was cancelled, for every job."""
        found = sorted(self.home.glob("job-*"))
        return [
            {
                "number": path.name.removeprefix("job-"),
                "cancelled": (path / "cancelled").exists(),
                **json.loads((path / "job.json").read_text()),
            }
            for path in found
        ]

    def wait_for_the_end(self) -> None:
        """Wait until no process of any job is left."""
        deadline = time.monotonic() + 30
        while any(_has_processes(job["pid"]) for job in self.jobs):
            assert time.monotonic() < deadline, "a job has outlived its run"
            time.sleep(0.05)

    def clean(self) -> None:
        """End what is left."""
        for job in self.jobs:
            if _has_processes(job["pid"]):
                os.killpg(job["pid"], 9)


def _has_processes(group: int | None) -> bool:
    """Say whether a process of a job's group is there that is no zombie."""
    for path in Path("/proc").glob("[0-9]*/stat") if group else ():
        try:
            state, _, its_group = path.read_text().rpartition(")")[2].split()[:3]
        except (OSError, ValueError):
            continue
        if int(its_group) == group and state != "Z":
            return True
    return False


@contextmanager
def queue(home: Path) -> Iterator[Slurm]:
    """Enter with the queue's commands on the path."""
    home.mkdir()
    slurm = Slurm(home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{home}{os.pathsep}{os.environ['PATH']}")
        patch.setenv("OMP_NUM_THREADS", "1")
        try:
            yield slurm
        finally:
            slurm.clean()


def options(logs: Path, **more: Any) -> dict[str, Any]:
    """Return ``parallel.options`` for jobs of one core."""
    return {
        "cores": 1,
        "memory": "2GB",
        "interface": "lo",
        "death_timeout": 60,
        "queue": "speech",
        "job_extra_directives": ["--account=asr"],
        "log_directory": str(logs),
        "scheduler_options": {"dashboard_address": None},
        **more,
    }
