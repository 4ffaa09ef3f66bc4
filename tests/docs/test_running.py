"""The commands of docs/running.md, each given as it stands there."""

import re
import shlex
from pathlib import Path

import yaml

from espnet3_runtime.launch.jobs.cluster_file import read_cluster
from tests.runtime.jobs_kit import make_recipe
from tests.runtime.launched_kit import launched

PAGE = (Path(__file__).parents[2] / "docs" / "running.md").read_text()
COMMANDS = re.findall(r"^python build/run\.py (.*?)(?: +#.*)?$", PAGE, re.MULTILINE)
FILE = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[0]


def test_the_commands(tmp_path: Path) -> None:
    recipe = make_recipe(tmp_path / "recipe", adds=False, a="", b="")
    recipe.file("conf/slurm.yaml", FILE.replace("eth0", "lo"))
    ends = {}
    for command in COMMANDS:
        done = launched(recipe, "--no_preflight", *shlex.split(command))
        assert done.returncode == 0, done.stderr
        ends[command] = done.stdout.splitlines()[-1]
        if "--dry_run" in command:  # now there is something to do for the next one
            recipe.stage("b")["with"]["number"] = 7
            recipe.stage("a")["with"]["number"] = 7
            recipe.write()
    report, nothing = "  report: exp/toy/report.html", "nothing to do"
    assert ends == {
        "--keep_going": report,
        "--jobs 2 --dry_run": "  b  skipped  up to date since " + ends["--jobs 2 --dry_run"][-16:],
        "--jobs 2": report,
        "--jobs 2 --keep_going": nothing,
        "--jobs 2 --cluster conf/slurm.yaml": nothing,  # its options are tried in any case
    }


def test_the_file_of_the_cluster(tmp_path: Path) -> None:
    path = tmp_path / "slurm.yaml"
    path.write_text(FILE)
    given = yaml.safe_load(FILE)
    assert read_cluster(path) == {**given, "n_workers": 1}
    assert given["options"]["walltime"] == "24:00:00"  # a text: YAML reads it so only in quotes
