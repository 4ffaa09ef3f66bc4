"""The command line of run.py: flags, messages, exit codes."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.runtime.launched_kit import launched
from tests.runtime.toy import Toy, chain


@pytest.fixture
def recipe(tmp_path: Path) -> Toy:
    return chain(tmp_path / "recipe")


def test_stages_run_in_declared_order(recipe: Toy) -> None:
    done = recipe.python("--stages", "second", "first", "second")
    assert done.returncode == 0, done.stderr
    assert done.stdout.index("[1/2] first") < done.stdout.index("[2/2] second")
    assert not (recipe.exp / "third").exists()
    assert (recipe.exp / "second" / "number.txt").read_text() == "7\n"


def test_from_any_directory(recipe: Toy, tmp_path: Path) -> None:
    done = recipe.python(cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (recipe.exp / "third" / "number.txt").read_text() == "8\n"


def test_an_unknown_stage(recipe: Toy) -> None:
    done = launched(recipe, "--stages", "first", "secnd")
    assert done.returncode == 2
    assert done.stderr == 'error: there is no stage "secnd"\n  help: did you mean "second"?\n'
    assert not recipe.exp.exists()
    done = launched(recipe, "--stages", "zzz")
    assert "choose from: first, second, third, all" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--bogus"], "unrecognized arguments: --bogus"),
        (["--stages"], "expected at least one argument"),
        (["--set", "x"], "is not of the form name.key=value"),
        (["--set", "tarining.x=1"], 'there is no config or model "tarining"'),
        (["--settings_config", "nowhere.yaml"], "there is no file"),
    ],
)
def test_wrong_command_lines(arguments: list[str], message: str, recipe: Toy) -> None:
    recipe.configs["settings"] = {"a": 1}
    recipe.write()
    done = launched(recipe, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not recipe.exp.exists()


def test_a_missing_producer_is_told_before_anything_runs(recipe: Toy) -> None:
    done = launched(recipe, "--stages", "third")
    assert done.returncode == 1
    assert 'stage "third" needs "second" first: "second" has not run yet' in done.stderr
    assert "run: --stages second third" in done.stderr
    assert not (recipe.exp / "third").exists()


def test_a_producer_whose_output_is_gone(recipe: Toy) -> None:
    launched(recipe, "--stages", "first")
    (recipe.exp / "first" / "number.txt").unlink()
    done = launched(recipe, "--stages", "second")
    assert done.returncode == 1
    assert 'its output "number" is missing' in done.stderr


def test_a_producer_that_is_out_of_date_is_warned_about(recipe: Toy) -> None:
    launched(recipe)
    recipe.stage("first")["with"]["number"] = 30
    recipe.write()
    done = launched(recipe, "--stages", "second")
    assert done.returncode == 0
    assert "nothing to do" in done.stdout
    recipe.stage("second")["with"]["more"] = 2
    recipe.write()
    done = launched(recipe, "--stages", "second")
    assert done.returncode == 0
    assert 'warning: stage "first" is out of date (with number changed (3 -> 30))' in done.stderr


def test_force_runs_what_is_up_to_date(recipe: Toy) -> None:
    launched(recipe)
    done = launched(recipe, "--stages", "first", "second", "--force")
    assert done.stdout.count("forced") == 2
    assert "[2/2] second" in done.stdout
    assert launched(recipe, "--dry_run").stdout.count("skipped") == 3


def test_write_requirements(recipe: Toy) -> None:
    done = launched(recipe, "--write_requirements", "--stages", "first")
    assert done.returncode == 0
    lines = (recipe.exp / "requirements.txt").read_text().splitlines()
    assert any(line.startswith("PyYAML==") for line in lines)
    assert any(line.startswith("# espnet3-compile==") for line in lines) or "espnet3" in str(lines)
    assert str(recipe.directory) not in "\n".join(lines)


def test_the_report_alone(recipe: Toy) -> None:
    done = launched(recipe, "--report")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith("report: ")
    report = recipe.exp / "report.html"
    assert "0 of 3 stages done" in report.read_text()
    launched(recipe, "--stages", "first")
    report.unlink()
    assert launched(recipe, "--report").returncode == 0
    assert "1 of 3 stages done" in report.read_text()
    assert not (recipe.exp / "second").exists()


def test_values_given_on_the_command_line(recipe: Toy) -> None:
    """The files on disk stay as they are."""
    recipe.configs["settings"] = {"more": 1}
    recipe.stage("second")["with"]["more"] = "${configs.settings.more}"
    recipe.write()
    launched(recipe)
    before = {path: path.read_bytes() for path in recipe.build.rglob("*.*") if path.is_file()}
    done = launched(recipe, "--set", "settings.more=10")
    assert done.returncode == 0, done.stderr
    assert "with more changed (1 -> 10)" in done.stdout
    assert (recipe.exp / "third" / "number.txt").read_text() == "17\n"
    assert {path: path.read_bytes() for path in before} == before
    done = launched(recipe)
    assert (recipe.exp / "third" / "number.txt").read_text() == "8\n"


def test_findings_of_the_loader_stop_everything(recipe: Toy, tmp_path: Path) -> None:
    recipe.configs["settings"] = {"more": 1}
    recipe.stage("second")["with"]["more"] = "${configs.settings.more}"
    recipe.write()
    (tmp_path / "mine.yaml").write_text("mere: 2\n")
    done = recipe.python("--settings_config", "mine.yaml", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith('error[R301 unknown-reference]: "${configs.settings.more}" names')
    assert "  --> recipe/recipe.yaml:22:30\n" in done.stderr
    assert done.stderr.endswith('help: did you mean "mere"?\n')
    assert not recipe.exp.exists()


def test_secrets_do_not_reach_files(recipe: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "hf_abcdefghijklmnop"
    monkeypatch.setenv("HF_TOKEN", secret)
    monkeypatch.setenv("TOY_PLACE", "another-secret-value")
    recipe.file(
        "src/steps.py",
        "import logging, os, warnings\nfrom pathlib import Path\n"
        "def make(path, number, api_token, login):\n"
        "    logging.getLogger('x').warning('token is %s', api_token)\n"
        "    logging.getLogger('y').info(f'login {login}')\n"
        "    warnings.warn('beware of ' + os.environ['HF_TOKEN'])\n"
        "    Path(path).write_text('1')\n"
        "    raise ValueError(f'bad token {api_token}')\n",
    )
    del recipe.stages[1:]
    recipe.stage("first")["with"] |= {
        "api_token": "${oc.env:TOY_PLACE}",
        "login": "${oc.env:HF_TOKEN}",
    }
    recipe.write()
    done = recipe.python("--stages", "first")
    assert done.returncode == 1
    texts = [path.read_bytes() for path in recipe.exp.rglob("*") if path.is_file()]
    assert len(texts) > 2
    for text in (*texts, done.stdout.encode(), done.stderr.encode()):
        assert secret.encode() not in text
        assert b"another-secret-value" not in text


def test_secrets_that_configs_hold_do_not_reach_files(recipe: Toy) -> None:
    secrets = ("hunter2-password", "471108154711", "auth-inside", "pw-of-url", "pw-of-default")
    recipe.file(
        "src/steps.py",
        "import logging\nfrom pathlib import Path\n"
        "def make(path, number, db, url, login):\n"
        "    logging.getLogger('x').warning(f'connecting with {db} to {url}, {login}')\n"
        "    raise ValueError(f'no such login: {db}')\n",
    )
    del recipe.stages[1:]
    auth = {"user": "me-myself", "value": "auth-inside"}
    recipe.stage("first")["with"] |= {
        "db": {"password": "hunter2-password", "pwd": 471108154711, "auth": auth},
        "url": "postgresql://me:pw-of-url@host/db",
        "login": "${oc.env:TOY_TOKEN,pw-of-default}",
    }
    recipe.write()
    done = recipe.python("--stages", "first")
    assert done.returncode == 1
    files = [path for path in recipe.exp.rglob("*") if path.is_file()]
    texts = {path.name: path.read_text(errors="replace") for path in files if path.suffix}
    texts |= {"stdout": done.stdout, "stderr": done.stderr}
    assert {name for name, text in texts.items() for one in secrets if one in text} == set()
    recorded = json.loads(texts["first.json"])["inputs"]["arguments"]
    assert recorded["db.password"]["late"] == "***"

    recipe.file("src/steps.py", STEPS_WITHOUT_SECRETS)
    recipe.stage("first")["with"]["db"]["password"] = "another-password"
    recipe.write()
    planned = recipe.python("--stages", "first", "--dry_run").stdout
    assert "with db.password changed: *** has another value" in planned
    assert recipe.python("--stages", "first").returncode == 0
    assert "up to date" in recipe.python("--stages", "first").stdout


STEPS_WITHOUT_SECRETS = """
from pathlib import Path
def make(path, number, db, url, login):
    Path(path).write_text('1')
"""


def test_logs_are_rotated_and_tell_the_surroundings(recipe: Toy) -> None:
    launched(recipe, "--stages", "first")
    launched(recipe, "--stages", "first", "--force")
    launched(recipe, "--stages", "first", "--force")
    logs = sorted(path.name for path in (recipe.exp / "first").glob("*.log"))
    assert logs == ["first.log", "first1.log", "first2.log"]
    text = (recipe.exp / "first" / "first.log").read_text()
    assert "command " in text
    assert "environment PATH=" in text
    assert re.search(r"git (none|[0-9a-f]{7,})", text)
    assert "the stage has finished" in text
    assert launched(recipe, "--stages", "first").stdout.count("skipped") == 1  # logs are no outputs


def test_bar_lines_without_a_terminal(recipe: Toy) -> None:
    recipe.file(
        "src/steps.py",
        "from pathlib import Path\n"
        "def make(path, number, context):\n"
        "    with context.progress('counting', 20) as bar:\n"
        "        for _ in range(20):\n            bar.advance()\n"
        "    context.result('score', 4.5)\n"
        "    Path(path).write_text('1')\n",
    )
    done = launched(recipe, "--stages", "first")
    assert done.returncode == 0, done.stderr
    assert "counting: 20/20 (100%)" in done.stderr
    assert "score 4.5" in done.stdout
    assert recipe.receipt("first")["results"] == {"score": 4.5}


def test_outputs_outside_of_the_experiment(recipe: Toy) -> None:
    recipe.file(
        "src/steps.py",
        "from pathlib import Path\n"
        "def make(path, number):\n"
        "    Path('data').mkdir(exist_ok=True)\n    Path('data/a.txt').write_text('1')\n"
        "def add(path, source, more=1):\n"
        "    Path(path).parent.mkdir(exist_ok=True)\n    Path(path).write_text('2')\n",
    )
    recipe.stage("first")["outputs"] = {"data": "data"}
    recipe.stage("second")["with"] = {"path": "more/b.txt", "source": "${stages.first.data}"}
    recipe.stage("second")["outputs"] = {"number": "more/b.txt"}
    recipe.write()
    done = launched(recipe, "--stages", "first", "second")
    assert done.returncode == 0, done.stderr
    assert launched(recipe, "--stages", "first", "second", "--dry_run").stdout.count("skipped") == 2
    (recipe.directory / "data" / "a.txt").write_text("changed")
    assert "output data was altered" in launched(recipe, "--dry_run", "--stages", "first").stdout


def test_launch_leaves_the_process_as_it_was(recipe: Toy) -> None:
    code = (
        "import os, sys; from pathlib import Path\n"
        f"sys.path.insert(0, {str(recipe.build)!r})\n"
        "from system import ToyTaskSystem; from espnet3_runtime.launch import launch\n"
        "before = (os.getcwd(), list(sys.path), list(sys.argv))\n"
        f"assert launch(ToyTaskSystem, Path({str(recipe.build)!r}), []) == 0\n"
        f"assert launch(ToyTaskSystem, Path({str(recipe.build)!r}), ['--set', 'a.b=1']) == 2\n"
        "assert (os.getcwd(), list(sys.path), list(sys.argv)) == before\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd="/", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_any_result_is_kept_and_the_stage_is_not_run_again(recipe: Toy) -> None:
    recipe.file(
        "src/steps.py",
        "from pathlib import Path\n"
        "def make(path, number, context):\n"
        "    Path(path).write_text('1')\n"
        "    values = (True, None, float('nan'), Path('a'), 10**400, 4.5, 'x')\n"
        "    for index, value in enumerate(values):\n"
        "        context.result(str(index), value)\n",
    )
    assert launched(recipe, "--stages", "first").returncode == 0
    kept = recipe.receipt("first")["results"]
    assert list(kept.values()) == ["True", "None", "nan", "a", 10**400, 4.5, "x"]
    assert "nothing to do" in launched(recipe, "--stages", "first").stdout


def test_a_function_of_the_recipe_runs_without_torch(recipe: Toy) -> None:
    recipe.file(
        "src/steps.py",
        "import sys\n"
        "from pathlib import Path\n"
        "def make(path, number):\n"
        "    Path(path).write_text(str('torch' in sys.modules))\n",
    )
    assert recipe.python("--stages", "first", env=os.environ).returncode == 0
    assert (recipe.exp / "first" / "number.txt").read_text() == "False"
