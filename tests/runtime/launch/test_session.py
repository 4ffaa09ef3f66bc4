"""Whole runs of small recipes in this process: what is printed, recorded and left behind."""

import json
import re

import pytest

from tests.runtime.launched_kit import launched
from tests.runtime.toy import STEPS, Toy, chain

QUICK = "--no_preflight"


@pytest.fixture
def recipe(tmp_path: object) -> Toy:
    return chain(tmp_path / "recipe")  # type: ignore[operator]


def told(text: str) -> list[str]:
    """Return printed lines, durations as ``0.1 s`` and times as ``NOW``."""
    text = re.sub(r"\b\d+\.\d s", "0.1 s", text)
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "NOW", text).splitlines()


def test_a_run_and_the_next_ones(recipe: Toy) -> None:
    done = launched(recipe, QUICK, "--stages", "first", "second")
    assert (done.returncode, done.stderr) == (0, "")
    assert told(done.stdout) == [
        "toy/task  exp/toy",
        "  first   runs     it has not run yet",
        "  second  runs     it has not run yet",
        "[1/2] first  (src.steps.make())",
        "[2/2] second  (src.steps.add())",
        "",
        "  stage   status  time   made",
        "  first   done    0.1 s  exp/toy/first/number.txt",
        "  second  done    0.1 s  exp/toy/second/number.txt",
        "  report: exp/toy/report.html",
    ]
    (recipe.exp / "report.html").unlink()
    (recipe.exp / "first" / "number.txt").write_text("6\n")  # touched
    again = launched(recipe, QUICK, "--stages", "first", "second")
    assert (again.returncode, again.stderr) == (0, "")
    assert told(again.stdout) == [
        "toy/task  exp/toy",
        "  first   skipped  up to date since NOW",
        "  second  skipped  up to date since NOW",
        "nothing to do",
    ]
    assert not (recipe.exp / "report.html").exists()
    listed = launched(recipe, "--list")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert told(listed.stdout) == [
        "toy/task  exp/toy",
        "  stage   runs              reads  last run",
        "  first   src.steps.make()  -      done NOW",
        "  second  src.steps.add()   -      done NOW",
        "  third   src.steps.add()   -      -",
    ]


def test_a_later_stage_is_judged_again_by_what_was_made(recipe: Toy) -> None:
    launched(recipe, QUICK)
    (recipe.exp / "first" / "number.txt").unlink()
    done = launched(recipe, QUICK)
    assert (done.returncode, done.stderr) == (0, "")
    assert told(done.stdout) == [
        "toy/task  exp/toy",
        "  first   runs     output number was deleted",
        "  second  may run  if first makes something else",
        "  third   may run  if second makes something else",
        "[1/3] first  (src.steps.make())",
        "[2/3] second  up to date since NOW",
        "[3/3] third  up to date since NOW",
        "",
        "  stage   status      time   made",
        "  first   done        0.1 s  exp/toy/first/number.txt",
        "  second  up to date  -      exp/toy/second/number.txt",
        "  third   up to date  -      exp/toy/third/number.txt",
        "  report: exp/toy/report.html",
    ]


def test_a_failure_in_the_middle(recipe: Toy) -> None:
    recipe.stage("second")["with"]["more"] = "x"
    recipe.write()
    done = launched(recipe, QUICK)
    assert done.returncode == 1
    reason = "TypeError: unsupported operand type(s) for +: 'int' and 'str'"
    assert told(done.stdout)[-7:] == [
        "[2/3] second  (src.steps.add())",
        "",
        "  stage   status   time   made",
        "  first   done     0.1 s  exp/toy/first/number.txt",
        "  second  failed   0.1 s  -",
        "  third   not run  -      -",
        "  report: exp/toy/report.html",
    ]
    lines = done.stderr.splitlines()
    assert lines[:3] == [
        f'error: stage "second" failed: {reason}',
        "  --> recipe.yaml:15:9",
        "Traceback (most recent call last):",
    ]
    assert lines[-2:] == [reason, "  log: exp/toy/second/second.log"]
    receipt = recipe.receipt("second")
    assert (receipt["status"], receipt["error"]) == ("failed", f"{reason} (src/steps.py:22)")
    assert receipt["outputs"] == {}
    assert receipt["seconds"] == round(receipt["seconds"], 3)
    assert receipt["finished"] >= receipt["started"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", receipt["finished"])


def test_the_receipt_of_a_stage_that_is_done(recipe: Toy) -> None:
    recipe.file(
        "src/steps.py",
        "from pathlib import Path\n"
        "def make(path, number, context):\n"
        "    context.result('a', 1.5)\n"
        "    assert not context.directory.joinpath('.afresh').exists()\n"
        "    Path(path).write_text('six')\n",
    )
    done = launched(recipe, QUICK, "--stages", "first")
    assert (done.returncode, done.stderr) == (0, "")
    receipt = recipe.receipt("first")
    assert (receipt["status"], receipt["error"]) == ("done", None)
    assert receipt["results"] == {"a": 1.5}
    (output,) = receipt["outputs"].values()
    assert (output["path"], output["size"]) == ("exp/toy/first/number.txt", 3)
    assert receipt["own"] == []
    assert "device" in receipt["provenance"]
    assert not (recipe.exp / "first" / ".afresh").exists()
    assert told(done.stdout)[-2:] == [
        "  first  done    0.1 s  a 1.5",
        "  report: exp/toy/report.html",
    ]


STOPPING = """
import os, signal
from pathlib import Path
from espnet3_runtime.errors import Stopped


def make(path, number, context):
    Path(path).write_text("1")
    if number == 1:
        raise KeyboardInterrupt
    if number == 2:
        raise Stopped
    with context.stop.gracefully():
        os.kill(os.getpid(), signal.SIGTERM)
    if number == 4:
        raise SystemExit(0)
    if number == 5:
        raise ValueError("of its own")
"""


@pytest.mark.parametrize(
    ("number", "code", "status", "said"),
    [
        (1, 143, "interrupted", 'stopped: stage "first"; run the same command again to go on'),
        (2, 143, "interrupted", 'stopped: stage "first"; run the same command again to go on'),
        (3, 143, "done", 'stopped: after stage "first", which is done; run the same command '),
        (4, 143, "interrupted", 'stopped: stage "first"; run the same command again to go on'),
        (5, 1, "failed", 'error: stage "first" failed: ValueError: of its own'),
    ],
)
def test_stops(number: int, code: int, status: str, said: str, recipe: Toy) -> None:
    recipe.file("src/steps.py", STOPPING)
    del recipe.stages[1:]
    recipe.stage("first")["with"]["number"] = number
    recipe.write()
    done = launched(recipe, QUICK, "--stages", "first")
    assert done.returncode == code, done
    assert said in done.stderr
    assert recipe.receipt("first")["status"] == status
    assert recipe.receipt("first")["error"] == (
        "ValueError: of its own (src/steps.py:18)" if number == 5 else None
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return {'other': path}", 'it returned "other", which the stage does not declare'),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("import os; os._exit(3)", "it called os._exit(3), which ends the whole run"),
        ("pass", 'it finished, but its output "number" is not there: '),
    ],
)
def test_stages_that_end_in_a_wrong_way(body: str, message: str, recipe: Toy) -> None:
    recipe.file("src/steps.py", f"def make(path, number):\n    {body}\n")
    done = launched(recipe, QUICK, "--stages", "first")
    assert done.returncode == 1
    assert done.stderr.startswith(f'error: stage "first" failed: {message}')
    assert recipe.receipt("first")["error"].startswith(message)


EDITING = """from pathlib import Path


def make(path, number):
    for name in ('steps', 'more'):
        here = Path(__file__).with_name(name + '.py')
        here.write_text(here.read_text() + '# edited')
    Path(path).write_text('1')


def add(path, **others):
    Path(path).write_text('1')
"""


def test_an_edit_while_it_runs_is_told_once(recipe: Toy) -> None:
    files = [recipe.file(f"src/{name}.py", EDITING) for name in ("steps", "more")]
    recipe.stage("second")["call"] = "src.more.add"
    recipe.write()
    try:
        done = launched(recipe, QUICK)
    finally:
        for file in files:  # what this process holds must not count as edited from now on
            file.write_text(EDITING)
    assert done.returncode == 0
    assert re.sub("steps|more.py", "NAME.py", done.stderr.replace("steps.py", "NAME.py")) == (
        'warning: "src/NAME.py" and 1 more was edited during this run, which goes on with what it '
        "read first; stages that use it run again next time\n"
    )


def test_a_report_that_cannot_be_written(recipe: Toy) -> None:
    recipe.file("exp/toy/report.html/in_the_way", "")
    done = launched(recipe, QUICK, "--stages", "first")
    assert done.returncode == 0
    assert done.stderr.startswith("warning: the report could not be written: IsADirectoryError: ")
    assert "report:" not in done.stdout


def test_what_the_look_before_refuses(recipe: Toy) -> None:
    recipe.file("src/steps.py", STEPS.replace("def make(path, number", "def make(path"))
    for is_new in (True, False):
        done = launched(recipe, "--stages", "first", "second")
        assert done.returncode == 1
        assert done.stderr.startswith("error[")
        assert done.stdout.endswith("no stage was started; --no_preflight leaves this look out\n")
        assert ("first   runs" in done.stdout) is not is_new
        assert recipe.exp.exists() is not is_new
        assert not (recipe.exp / "stages" / "first.json").exists()
        recipe.exp.mkdir(parents=True, exist_ok=True)
    assert launched(recipe, "--dry_run").returncode == 0


def test_where_it_is_written_must_be_writable(recipe: Toy) -> None:
    recipe.file("exp/toy/first", "a file in the way")
    for words, code in ((("--stages", "first"), 1), (("--dry_run",), 0)):
        done = launched(recipe, QUICK, *words)
        assert done.returncode == code, done
    assert not (recipe.exp / "stages" / "first.json").exists()


def test_two_outputs_are_named_by_the_order_of_their_names(recipe: Toy) -> None:
    recipe.file(
        "src/steps.py",
        "from pathlib import Path\n"
        "def make(path, number):\n"
        "    for name in 'cab':\n        Path(path).with_name(name).write_text(name * number)\n",
    )
    del recipe.stages[1:]
    recipe.stages[0]["outputs"] = {name: f"exp/toy/first/{name}" for name in "cab"}
    recipe.write()
    done = launched(recipe, QUICK)
    assert told(done.stdout)[-2] == "  first  done    0.1 s  exp/toy/first/a, exp/toy/first/b"
    again = launched(recipe, QUICK, "--force")
    assert "  first  runs     forced\n" in again.stdout
    for name in "ca":
        (recipe.exp / "first" / name).unlink()
    listed = launched(recipe, "--dry_run").stdout.splitlines()[1]
    assert listed == "  first  runs     output a was deleted; output c was deleted"


def test_requirements_are_written_where_it_says(recipe: Toy) -> None:
    done = launched(recipe, QUICK, "--write_requirements", "--stages", "first")
    path = recipe.exp / "requirements.txt"
    count = len(path.read_text().splitlines())
    assert f"wrote {count} packages to {path}\n" in done.stdout
    assert launched(recipe, QUICK).returncode == 0


def test_leftovers_of_kills_are_removed_one_level_deep(recipe: Toy) -> None:
    kept = recipe.file("exp/toy/other/.a.tmp-1-b", "")
    gone = [recipe.file(f"exp/toy/{name}.tmp-1-b", "") for name in (".x", "stages/.y", "first/.z")]
    deep = recipe.file("exp/toy/first/below/.z.tmp-1-b", "")
    assert launched(recipe, QUICK, "--stages", "first").returncode == 0
    assert kept.exists()
    assert not any(path.exists() for path in [*gone, deep])


def test_no_lock_is_left_and_the_salt_stays(recipe: Toy) -> None:
    launched(recipe, QUICK, "--stages", "first")
    salt = (recipe.exp / "stages" / ".salt").read_bytes()
    launched(recipe, QUICK, "--force", "--stages", "first")
    assert (recipe.exp / "stages" / ".salt").read_bytes() == salt
    assert len(salt) == 16
    kept = sorted(path.name for path in (recipe.exp / "stages").iterdir())
    assert [name for name in kept if name != ".lock"] == [".salt", "first.json"]
    assert json.loads((recipe.exp / "stages" / "first.json").read_text())["status"] == "done"
