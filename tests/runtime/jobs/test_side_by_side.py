"""``run.py --jobs N`` and ``--keep_going``: what runs, what is printed, and what is left."""

from tests.runtime.jobs_kit import STEPS, make_recipe, table_of, wait_for
from tests.runtime.launched_kit import launched

QUICK = "--no_preflight"


def test_stages_side_by_side_past_failures(tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("espnet3_runtime.launch.jobs.process.machine_cores", lambda: 9)
    monkeypatch.setenv("API_TOKEN", "of-the-user")
    stages = {"meet_a": "meet", "meet_b": "meet", "fails": "fail", "dies": "die", "bar": "bar"}
    recipe = make_recipe(tmp_path / "recipe", **stages)
    done = launched(recipe, QUICK, "--jobs", "3", "--keep_going")
    assert done.returncode == 1
    assert table_of(done.stdout) == [
        "stage status time made",
        "meet_a done - exp/toy/meet_a/number.txt",
        "meet_b done - exp/toy/meet_b/number.txt",
        "fails failed - -",
        "dies failed - -",
        "bar done - exp/toy/bar/number.txt",
        "add_meet_a done - exp/toy/add_meet_a/number.txt",
        "add_meet_b done - exp/toy/add_meet_b/number.txt",
        "add_fails not run - because of fails",
        "add_dies not run - because of dies",
        "add_bar done - exp/toy/add_bar/number.txt",
        "report: exp/toy/report.html",
    ]
    printed = [line for line in done.stdout.splitlines() if " | " in line]
    threads = "threads 3, cores 3"  # nine cores, three stages
    names = ("meet_a", "meet_b", "fails", "dies", "bar")
    assert sorted(printed) == sorted([*(f"{n:<10} | {threads}" for n in names), "bar        | all"])
    assert [line for line in done.stdout.splitlines() if line.startswith("[")][:1] == [
        "[1/10] meet_a  (src.steps.make())"
    ]
    said = done.stderr.splitlines()
    start = said.index('fails      | error: stage "fails" failed: RuntimeError: no ***')
    assert said[start + 1] == "fails      |   --> recipe.yaml:24:9"
    assert "fails      |   log: exp/toy/fails/fails.log" in said
    killed = "its process was killed by SIGKILL; often there is not enough memory for so many"
    assert f'error: stage "dies" failed: {killed} stages' in said
    assert said[-1] == "  log: exp/toy/dies/dies.log" or "  log: exp/toy/dies/dies.log" in said
    assert any("INFO    espnet3: command " in line for line in said)  # the end of its log
    assert "of-the-user" not in done.stdout + done.stderr
    receipt = recipe.receipt("dies")
    assert (receipt["status"], receipt["error"]) == ("failed", f"{killed} stages")
    report = (recipe.exp / "report.html").read_text()
    assert "was not run because of fails, which failed" in report
    assert '<span class="state">because of dies</span>' in report
    assert sorted(path.name for path in (recipe.exp / "stages").iterdir()) == [
        *(".lock", ".salt", "add_bar.json", "add_meet_a.json", "add_meet_b.json", "bar.json"),
        *("dies.json", "fails.json", "meet_a.json", "meet_b.json"),
    ]

    for name in ("fails", "dies"):
        recipe.stage(name)["with"]["do"] = ""
    recipe.write()
    again = launched(recipe, QUICK, "--jobs", "2")
    assert (again.returncode, again.stderr) == (0, "")
    rows = table_of(again.stdout)
    assert [row for row in rows if " done " in row] == [
        f"{name} done - exp/toy/{name}/number.txt"
        for name in ("fails", "dies", "add_fails", "add_dies")
    ]
    assert launched(recipe, QUICK, "--jobs", "2").stdout.endswith("nothing to do\n")


def test_without_keep_going_nothing_starts_after_a_failure(tmp_path):
    recipe = make_recipe(tmp_path / "recipe", a="fail", b="outlast", c="")
    done = launched(recipe, QUICK, "--jobs", "2")
    assert done.returncode == 1
    rows = table_of(done.stdout)
    assert rows[1:3] == ["a failed - -", "b done - exp/toy/b/number.txt"]
    assert [row for row in rows[3:-1] if "not run - -" not in row] == []


def test_one_after_the_other_past_a_failure(tmp_path):
    recipe = make_recipe(tmp_path / "recipe", a="fail", b="")
    done = launched(recipe, QUICK, "--keep_going")
    assert done.returncode == 1
    assert table_of(done.stdout) == [
        "stage status time made",
        "a failed - -",
        "b done - exp/toy/b/number.txt",
        "add_a not run - because of a",
        "add_b done - exp/toy/add_b/number.txt",
        "report: exp/toy/report.html",
    ]
    shown = launched(recipe, "--dry_run", "--jobs", "2").stdout.splitlines()
    assert shown[-3:] == [
        "side by side, up to 2 at a time; each starts when what it needs has ended",
        "  1  a",
        "  2  add_a",
    ]
    listed = launched(recipe, "--list", "--jobs", "2").stdout.splitlines()
    assert listed[-2:] == ["  1  a | b", "  2  add_a | add_b"]


def test_a_recipe_compiled_again_meanwhile_changes_nothing_of_the_run(tmp_path):
    recipe = make_recipe(tmp_path / "recipe", meet_a="meet", other="")
    running = recipe.start(QUICK, "--jobs", "2")
    wait_for(recipe.exp / "meet_a" / "here")
    recipe.stage("add_meet_a")["with"]["more"] = 5
    recipe.call("more", "src.steps.make", {"path": "${exp_dir}/more/x", "number": 1}, {"x": "x"})
    recipe.write()
    recipe.file("src/steps.py", f"{STEPS}# edited\n")
    recipe.file("exp/toy/meet_b/here", "")
    out, _ = running.communicate(timeout=60)
    assert running.returncode == 0, out
    assert 'warning: "src/steps.py" was edited during this run; "add_' in out
    assert (recipe.exp / "add_meet_a" / "number.txt").read_text() == "1\n"
    planned = launched(recipe, "--dry_run").stdout
    assert "  add_meet_a  runs     with more is new (5)" in planned


def test_several_processes_of_one_run(tmp_path, monkeypatch):
    recipe = make_recipe(tmp_path / "recipe", a="")
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    done = launched(recipe, "--jobs", "2")
    assert done.returncode == 2
    assert "error: --jobs starts its processes itself, and this is one of several" in done.stderr
