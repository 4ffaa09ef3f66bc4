"""What is said before the first stage, by the command line of real builds."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.toy import Toy, chain

METRIC = '''"""A metric of the recipe."""
def exact(ref, hyp):
    return {"exact": sum(a == b for a, b in zip(ref, hyp, strict=True)) / len(ref)}
'''
INFERENCE = {
    "dataset": {"test": [{"name": "test"}]},
    "runner": {"_target_": "src.runner.Greedy"},
    "checkpoint": "weights.ckpt",
}
RUNNER = "class Greedy:\n    def __call__(self, model, **batch):\n        return []\n"


@pytest.fixture
def recipe(tmp_path: Path) -> Toy:
    return chain(tmp_path / "recipe")


def findings(toy: Toy, *arguments: str) -> list[tuple[str, str, str]]:
    """Return code, place and message of what ``--preflight`` finds."""
    done = toy.python("--preflight", "--format", "json", *arguments)
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)["findings"]
    assert done.returncode == bool(found)
    return [(each["code"], _place(each), each["message"]) for each in found]


def _place(finding: dict[str, Any]) -> str:
    place = finding["primary"]["place"]
    return f"{place['source']}:{place['start']['line']}:{place['start']['column']}"


def place_after(toy: Toy, text: str) -> str:
    before = (toy.directory / "recipe.yaml").read_text().partition(text)[0] + text
    return f"recipe.yaml:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


def files(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*")}


def test_nothing_is_found_and_nothing_is_written(recipe: Toy) -> None:
    before = files(recipe.directory)
    done = recipe.python("--preflight")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "recipe.yaml: no mistakes; 3 targets checked, 0 not checked\n"
    assert findings(recipe) == []
    assert files(recipe.directory) == before
    done = recipe.python("--preflight", cwd=recipe.directory.parent)
    assert done.stderr.startswith("recipe/recipe.yaml: no mistakes")


def test_a_look_at_stages_that_need_no_torch_imports_none(recipe: Toy, tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise SystemExit('imported')\n")
    done = recipe.python("--preflight", env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert done.stderr == "recipe.yaml: no mistakes; 3 targets checked, 0 not checked\n"


def test_the_last_stage_is_looked_at_before_the_first_runs(recipe: Toy) -> None:
    late = "import importlib\n\nimportlib.import_module('no_such_package')\n"
    recipe.file("src/late.py", f"{late}\n\ndef end():\n    pass\n")
    recipe.call("last", "src.late.end")
    recipe.write()
    done = recipe.python()
    assert done.returncode == 1
    assert "error[R901 import-failed]: importing src.late.end fails: ModuleNotFoundError" in (
        done.stderr
    )
    assert "  --> src/late.py:3:1" in done.stderr
    assert "used here" in done.stderr
    assert "[1/4]" not in done.stdout
    assert not recipe.exp.exists()
    assert recipe.python("--stages", "first").returncode == 0
    done = recipe.python()
    assert "error[R901 " in done.stderr
    assert "[2/4]" not in done.stdout
    done = recipe.python("--no_preflight")
    assert "[4/4] last" in done.stdout
    assert done.returncode == 1


def test_what_is_up_to_date_is_not_looked_at(recipe: Toy) -> None:
    recipe.python()
    recipe.file("sitecustomize.py", "import sys\nsys.modules['espnet3_runtime.preflight'] = None\n")
    done = recipe.python(env={"PYTHONPATH": str(recipe.directory), "PATH": "/usr/bin:/bin"})
    assert done.returncode == 0, done.stderr
    assert "nothing to do" in done.stdout


def test_code_that_no_stage_has_run_leaves_no_trace_in_the_stages(recipe: Toy) -> None:
    """What a module does while it is imported belongs to the stage that imports it."""
    recipe.file(
        "src/state.py",
        "import os, pathlib\nos.environ['SET_EARLY'] = '1'\n"
        "pathlib.Path('early.txt').write_text('')\n\n\ndef end():\n    pass\n",
    )
    recipe.file(
        "src/look.py",
        "import os, pathlib, sys\n\n\ndef look(path):\n    assert 'SET_EARLY' not in os.environ\n"
        "    assert 'src.state' not in sys.modules\n"
        "    assert not pathlib.Path('early.txt').exists()\n"
        "    pathlib.Path(path).write_text('')\n",
    )
    path = "${exp_dir}/look/done.txt"
    recipe.call("look", "src.look.look", {"path": path}, {"done": "done.txt"})
    recipe.call("last", "src.state.end")
    done = recipe.write().python("--stages", "look", "last")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("open('exp/toy/first/number.txt')\n", "it may need what a stage makes"),
        (
            "from pathlib import Path\nmax(Path('exp/toy/first').glob('*'))\n",
            "its code names what a stage makes",
        ),
        (
            "import os\n\nif not os.path.exists('./exp/toy/first'):\n    raise RuntimeError\n",
            "its code names what a stage makes",
        ),
    ],
)
def test_a_module_that_reads_what_a_stage_makes_is_left_alone(
    text: str, note: str, recipe: Toy
) -> None:
    recipe.file("src/late.py", f"{text}\n\ndef end():\n    pass\n")
    recipe.call("last", "src.late.end")
    done = recipe.write().python("--preflight")
    assert done.returncode == 0
    assert f"not looked at: importing src.late.end: {note}" in done.stderr
    assert recipe.python().returncode == 0


def late(recipe: Toy, text: str) -> Toy:
    """Give a recipe a last stage whose module has a text, which the compiler did not see."""
    end = "\n\ndef end():\n    pass\n"
    recipe.file("src/late.py", end)
    recipe.call("last", "src.late.end")
    recipe.write().file("src/late.py", text + end)
    return recipe


def test_a_look_that_fails_keeps_no_stage_from_running(recipe: Toy) -> None:
    name = "espnet3_runtime.preflight.look"
    recipe.file("sitecustomize.py", f"import sys\nsys.modules[{name!r}] = None\n")
    done = recipe.python(env={"PYTHONPATH": str(recipe.directory), "PATH": "/usr/bin:/bin"})
    assert done.returncode == 0
    assert "not looked at: any stage: ModuleNotFoundError" in done.stderr
    assert "[3/3] third" in done.stdout


def test_a_look_that_breaks_off_is_named_and_the_stages_run(recipe: Toy) -> None:
    done = late(recipe, "import os\n\nos._exit(3)\n").python()
    assert "not looked at: importing src.late.end did not come to an end" in done.stderr
    assert "[4/4] last" in done.stdout
    assert "it called os._exit(3)" in done.stderr


def test_a_signal_ends_the_look_with_its_process(recipe: Toy) -> None:
    os.mkfifo(recipe.directory / "pipe")
    process = late(recipe, "open('pipe').read()\n").start()
    with (recipe.directory / "pipe").open("w") as pipe:  # waits until the module reads
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
        assert (process.returncode, output) == (143, "stopped: between stages\n")
        with pytest.raises(BrokenPipeError, match="Broken pipe"):
            os.write(pipe.fileno(), b"nobody reads")
    assert not recipe.exp.exists()


def test_findings_arrive_where_ended_children_leave_no_trace(recipe: Toy) -> None:
    def ignore() -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)

    done = late(recipe, "import no_such_package\n").python(preexec_fn=ignore)
    assert done.returncode == 1
    assert "error[R901 " in done.stderr
    assert "--no_preflight" in done.stdout


def test_another_copy_of_a_package_is_imported_as_without_the_look(recipe: Toy) -> None:
    recipe.file("third/safetensors.py", "VALUE = 3\n")
    text = "import sys\n\nsys.path.insert(0, 'third')\nimport safetensors\n\nsafetensors.VALUE\n"
    assert late(recipe, text).python("--stages", "last").returncode == 0


@pytest.mark.parametrize(
    ("text", "code", "message", "place"),
    [
        ("import no_such\n", "R901", "importing src.own.Own fails: ModuleNotF", "src/own.py:1:1"),
        ("Own = 3\n", "R206", '"src.own.Own" is no System', "recipe.yaml:3:9"),
        ("class Own:\n    first = None\n", "R206", "is no System", "recipe.yaml:3:9"),
    ],
)
def test_a_system_that_is_none(text: str, code: str, message: str, place: str, recipe: Toy) -> None:
    base = "from espnet3_runtime.systems.base import BaseSystem\n\n\n"
    recipe.file("src/own.py", f"{base}class Own(BaseSystem):\n    pass\n")
    recipe.system = "src.own.Own"
    recipe.write().file("src/own.py", text)
    for arguments in (["--preflight"], ["--list"], []):
        done = recipe.python(*arguments)
        assert done.returncode == 1
        assert f"error[{code} " in done.stderr
        assert message in done.stderr
        assert f"--> {place}" in done.stderr
        assert "recipe.yaml:3:9" in done.stderr
        assert "Traceback" not in done.stderr
    assert not recipe.exp.exists()


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("import os\nos._exit(3)\n", "importing src.late.end did not come to an end"),
        ("raise RuntimeError('Found no NVIDIA driver on your system')\n", "it needs a GPU"),
        ("open('late.txt', 'w')\n", "it needs the network, to change files"),
    ],
)
def test_what_says_nothing_about_the_recipe(text: str, note: str, recipe: Toy) -> None:
    recipe.file("src/late.py", "def end():\n    pass\n")
    recipe.call("last", "src.late.end")
    recipe.write().file("src/late.py", text)
    done = recipe.python("--preflight")
    assert (done.returncode, done.stdout) == (0, "")
    assert "not looked at: importing src.late.end" in done.stderr
    assert note in done.stderr
    assert not (recipe.directory / "late.txt").exists()


OWN = """from espnet3_runtime.systems.base import BaseSystem


class Own(BaseSystem):
    def train(self, context):
        return {}
"""


def test_nothing_is_known_of_a_stage_that_a_system_runs_itself(tmp_path: Path) -> None:
    toy = Toy(tmp_path / "recipe", system="src.own.Own")
    toy.file("src/own.py", OWN)
    toy.file("src/net.py", "class Net:\n    pass\n")
    toy.models["net"] = {"_target_": "src.net.Net"}
    optimizer = {"_target_": "torch.optim.SGD", "lr": 0.1}
    toy.configs["training"] = {"dataset": {"train": [{}]}, "optimizer": optimizer}
    toy.run("train", "train", model="net")
    toy.write().file("src/net.py", "import no_such_package\n")
    assert findings(toy) == []


def test_format_is_about_preflight(recipe: Toy) -> None:
    done = recipe.python("--format", "json")
    assert done.returncode == 2
    assert "--format is about the report of --preflight" in done.stderr


def test_other_ranks_are_silent(recipe: Toy) -> None:
    recipe.file("src/steps.py", "import no_such_package\n")
    environment = {**os.environ, "RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1"}
    done = recipe.python("--preflight", env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def measuring(directory: Path, **inputs: str) -> Toy:
    """Two stages: inference, and a metric of the recipe."""
    toy = Toy(directory)
    methods = "    def __len__(self): ...\n    def __getitem__(self, index): ...\n"
    toy.file("dataset/__init__.py", f"class Dataset:\n{methods}")
    toy.file("src/__init__.py", "")
    toy.file("src/metric.py", METRIC)
    toy.file("src/runner.py", RUNNER)
    toy.file("weights.ckpt", "")
    toy.file("src/net.py", "import torch\n\n\nclass Net(torch.nn.Module):\n    pass\n")
    toy.models["net"] = {"_target_": "src.net.Net"}
    toy.configs["inference"] = {**INFERENCE, "output_keys": ["text"]}
    node = {"_target_": "src.metric.exact", "_partial_": True}
    toy.configs["metrics"] = {"metrics": [{"name": "m", "metric": node, "inputs": inputs}]}
    toy.run("infer", "infer", model="net")
    toy.run("measure", "measure")
    return toy


def test_metrics_runners_and_data_of_any_stage(tmp_path: Path) -> None:
    toy = measuring(tmp_path / "recipe", ref="dataset:text", hyp="text").write()
    assert findings(toy) == []
    toy.file("src/metric.py", METRIC.replace("(ref, hyp)", "(ref, hyp, more)"))
    toy.file("src/runner.py", f"{RUNNER}\n    def __init__(self, size): ...\n")
    toy.file("dataset/__init__.py", "")
    missing = "missing a required argument:"
    assert findings(toy) == [
        (
            "R909",
            place_after(toy, "test:\n      - "),
            f'"{toy.directory}/dataset/__init__.py" exports no "Dataset"',
        ),
        (
            "R902",
            place_after(toy, "runner:\n      _target_: "),
            f"src.runner.Greedy cannot be called so: {missing} 'size'",
        ),
        (
            "R902",
            place_after(toy, "_partial_: true\n      "),
            f"the inputs of \"m\" do not fit src.metric.exact: {missing} 'more'",
        ),
    ]


DECORATED = """import functools


def with_rate(function):
    @functools.wraps(function)
    def call(*args, **kwargs):
        return function(*args, rate=16000, **kwargs)

    return call


@with_rate
def window(seconds, rate):
    return seconds * rate


class Table:
    def __init__(self, rows):
        self.rows = rows


def use(table, size):
    pass
"""


def test_objects_among_the_arguments_of_a_call(recipe: Toy) -> None:
    plain = DECORATED.replace("@with_rate\n", "").replace("(seconds, rate)", "(seconds, rate=1)")
    recipe.file("src/objects.py", plain)
    table = {"_target_": "src.objects.Table", "rows": 3}
    window = {"_target_": "src.objects.window", "seconds": 2}
    recipe.call("use", "src.objects.use", {"table": table, "size": window})
    recipe.write().file("src/objects.py", DECORATED)
    assert findings(recipe) == []
    text = DECORATED.replace("self, rows", "self, lines").replace("= rows", "= lines")
    recipe.file("src/objects.py", text)
    (found,) = findings(recipe, "--stages", "use")
    assert found[:2] == ("R902", place_after(recipe, "rows: "))
    assert "unexpected keyword argument 'rows'" in found[2]
    assert findings(recipe, "--stages", "first") == []


def test_a_warning_stops_nothing(recipe: Toy) -> None:
    text = "class PreTrainedConfig:\n    def __init__(self, width=3, widht=3):\n        pass\n"
    recipe.file("src/kept.py", f"{text}\n\ndef use(config):\n    pass\n")
    node = {"_target_": "src.kept.PreTrainedConfig", "widht": 4}
    recipe.call("use", "src.kept.use", {"config": node})
    text = text.replace(", widht=3", "")
    recipe.write().file("src/kept.py", f"{text}\n\ndef use(config):\n    pass\n")
    done = recipe.python("--preflight", "--stages", "use")
    assert done.returncode == 0
    assert "warning[R923 undeclared-setting]" in done.stderr
    assert "[1/1] use" in recipe.python("--stages", "use").stdout
