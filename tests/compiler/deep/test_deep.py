"""``--deep`` from the command line: places, limits, and that nothing else gets into the output."""

import fcntl
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from espnet3_compiler.cli import main
from espnet3_compiler.deep import process
from espnet3_compiler.deep.deep import check_deeply
from espnet3_compiler.deep.findings import unprobed_notes
from espnet3_compiler.deep.process import ProbeLimits, ProbeResult
from espnet3_compiler.pipeline import compile_manifest
from espnet3_compiler.result import CompileResult

ROOT = Path(__file__).parents[3]
DIGITS = ROOT / "recipes" / "digits" / "asr"
MANIFEST = """\
version: 1
recipe: mini/any
system: base
models:
  net: {_target_: src.model.Net, size: 8}
configs:
  training: {dataset: {train: [{}]}}
stages: [train]
"""
MODEL = """\
import torch


class Net(torch.nn.Module):
    def __init__(self, size):
        super().__init__()
        self.layer = torch.nn.Linear(4, size)

    def forward(self, feats):
        return self.layer(feats).square().mean()
"""
DATASET = """\
import numpy as np

Dataset = type("Dataset", (), {
    "__len__": lambda self: 2,
    "__getitem__": lambda self, i: {"feats": np.ones((3, 4), np.float32)},
})
"""


def write(folder: Path, model: str = MODEL, manifest: str = MANIFEST) -> Path:
    for name, text in {"src/model.py": model, "dataset/__init__.py": DATASET}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "recipe.yaml").write_text(manifest)
    return folder / "recipe.yaml"


def deeply(manifest: Path, limits: ProbeLimits = ProbeLimits()) -> tuple[CompileResult, str]:  # noqa: B008
    deepened = check_deeply(compile_manifest(manifest), limits)
    return deepened.outcome, "\n".join(deepened.report)


def shown(outcome: CompileResult) -> list[tuple[str, str, str]]:
    found = []
    for finding in outcome.diagnostics:
        span = finding.primary.span
        line, column = span.source.line_column(span.start)
        found.append((finding.code, f"{Path(span.source.name).name}:{line}:{column}", span.text))
    return found


def test_a_good_recipe_is_described_and_built(tmp_path: Path) -> None:
    manifest = write(tmp_path, MODEL.replace("import torch\n", "import torch\nprint('[{')\n", 1))
    command = [sys.executable, "-m", "espnet3_compiler", "--deep", "--format", "json"]
    done = subprocess.run([*command, manifest], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["findings"] == []  # what the recipe prints is not in it
    assert "train: src.model.Net" in done.stderr
    assert "parameters  40, trainable 40" in done.stderr
    assert "feats (2, 3, 4)" in done.stderr
    assert "forward     returns a loss" in done.stderr
    assert (tmp_path / "build" / "run.py").is_file()
    assert not list(tmp_path.rglob("__pycache__"))


def test_a_finding_stops_the_build_and_has_the_place_of_the_model(tmp_path: Path, capsys) -> None:
    manifest = write(tmp_path, MODEL.replace("Linear(4, size)", "Linear(5, size)"))
    assert main.main(["--deep", str(manifest)]) == 1
    text = capsys.readouterr().err
    assert "error[R904 forward-failed]: src.model.Net.forward fails: RuntimeError: mat1" in text
    assert "recipe.yaml:5:19" in text
    assert "src/model.py:10:16" in text
    assert "^^^" in text
    assert "--- in forward" in text
    assert not (tmp_path / "build").exists()


def test_a_hang_is_stopped(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    manifest = write(tmp_path, MODEL.replace("super()", "import time; time.sleep(999); super()"))
    outcome, _ = deeply(manifest, ProbeLimits(seconds=3))
    (finding,) = outcome.diagnostics
    assert finding.code == "R910"
    assert finding.message.endswith(" did not come to an end within 3 s")
    assert outcome.plan is None
    assert not [one for one in recwarn if "still running" in str(one.message)]


@pytest.mark.parametrize(("end", "how"), [("abort()", "signal 6"), ("_exit(3)", "exit 3")])
def test_a_crash_is_told_where_it_is(end: str, how: str, tmp_path: Path) -> None:
    crash = f"import os; os.{end}\nimport torch\n"
    outcome, _ = deeply(write(tmp_path, MODEL.replace("import torch\n", crash, 1)))
    assert shown(outcome) == [("R910", "recipe.yaml:5:19", "src.model.Net")]
    assert f"({how})" in outcome.diagnostics[0].message


def test_a_child_that_goes_on_does_not_hold_us_up(tmp_path: Path) -> None:
    held = tmp_path / "held"
    child = f"import fcntl, subprocess\nheld = open({str(held)!r}, 'w')\n"
    child += "fcntl.flock(held, fcntl.LOCK_EX)\n"
    child += "subprocess.Popen(['sleep', '999'], pass_fds=[held.fileno()])\nimport torch\n"
    outcome, report = deeply(write(tmp_path, MODEL.replace("import torch\n", child, 1)))
    assert outcome.diagnostics == ()
    assert "returns a loss" in report
    with held.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # once the child has ended, too


def test_memory_and_network_are_limited_and_noted(tmp_path: Path) -> None:
    greedy = MODEL.replace("torch.nn.Linear(4, size)", "torch.ones(1 << 38, device='cpu')")
    outcome, report = deeply(write(tmp_path / "memory", greedy))
    assert outcome.diagnostics == ()
    assert "not probed: constructing src.model.Net: it needs more memory" in report
    online = "import urllib.request as u; u.urlopen('http://127.0.0.1:9'); "
    online += "self.layer = torch.nn.Linear(4, size)"
    text = MODEL.replace("self.layer = torch.nn.Linear(4, size)", online)
    outcome, report = deeply(write(tmp_path / "network", text))
    assert outcome.diagnostics == ()
    assert "not probed: constructing src.model.Net: it needs the network" in report


def test_mistakes_of_a_whole_recipe_are_told_together(tmp_path: Path) -> None:
    recipe = tmp_path / "asr"
    shutil.copytree(DIGITS, recipe, ignore=shutil.ignore_patterns("build", "data", "exp"))
    manifest, training = recipe / "recipe.yaml", recipe / "conf" / "training.yaml"
    model, old = recipe / "src" / "model.py", "return loss, {"
    assert old in model.read_text()
    model.write_text(model.read_text().replace(old, "return torch.zeros_like(loss), {"))
    training.write_text(f"{training.read_text()}\nfreeze: [frontend.encoder, encoder]\n")
    outcome, report = deeply(manifest)
    assert [code for code, *_ in shown(outcome)] == ["R905", "R807"]
    assert [text for *_, text in shown(outcome)] == ["src.model.CTCModel", "frontend.encoder"]
    assert "train: src.model.CTCModel" in report
    assert not (recipe / "exp").exists()


def test_the_place_is_where_a_fetched_value_was_written(tmp_path: Path) -> None:
    old, new = "{train: [{}]}}", "{train: [{}]}, optimizer: '${configs.free.sgd}'}"
    assert old in MANIFEST
    node = '{_target_: torch.optim.SGD, nesterov: true, momentum: "${oc.env:NONE,0}"}'
    free = f"\n  free: {{sgd: {node}}}\nstages"
    manifest = MANIFEST.replace(old, new).replace("\nstages", free)
    outcome, _ = deeply(write(tmp_path, manifest=manifest))
    assert shown(outcome) == [("R908", "recipe.yaml:8:26", "torch.optim.SGD")]
    (finding,) = outcome.diagnostics
    assert finding.message.startswith("constructing torch.optim.SGD fails: TypeError")
    assert [(label.span.text, label.text) for label in finding.related] == [
        ("${configs.free.sgd}", "fetched here")
    ]


@pytest.mark.parametrize("word", ["torch", "espnet3_runtime"])
def test_without_the_runtime_it_says_what_to_install(
    tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    real = process.find_spec
    monkeypatch.setattr(process, "find_spec", lambda name: None if name == word else real(name))
    assert main.main(["--check", "--deep", str(write(tmp_path))]) == 2
    assert f"--deep needs {word}, not installed here; run: pip install" in capsys.readouterr().err


def test_a_mistake_of_the_ordinary_check_comes_first(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("espnet3_compiler.deep.deep.run_probe", lambda *_: pytest.fail("it ran"))
    outcome, report = deeply(write(tmp_path, manifest=MANIFEST.replace("size:", "siez:")))
    assert [code for code, *_ in shown(outcome)] == ["R502"]
    assert report == ""


def test_a_probe_that_the_system_kills_is_a_note() -> None:
    answer = ProbeResult((), ended=False, timed_out=False, code=-9, complaint="")
    assert list(unprobed_notes(answer)) == [
        "not probed: the rest; the system killed the probe, probably for lack of memory"
    ]


@pytest.mark.parametrize("value", ["0", "-1", "inf", "soon"])
def test_limits_are_above_zero(capsys, value: str) -> None:
    with pytest.raises(SystemExit) as stop:
        main.main(["--deep", "--deep-timeout", value, "recipe.yaml"])
    assert stop.value.code == 2
