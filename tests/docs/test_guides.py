"""The guides, word for word."""

import doctest
import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from espnet3_runtime.public_names import PUBLIC
from tests.docs.tutorial_kit import Follower, blocks
from tests.runtime.slurm_kit import queue
from tests.runtime.training_kit import recipe_in

DOCS = Path(__file__).parents[2] / "docs"
PROGRAMS = {
    "espnet3-compile": [sys.executable, "-m", "espnet3_compiler"],
    "python": [sys.executable, "-u"],
}


def test_trackers_and_then_comparing(tmp_path: Path):
    reader = Follower(tmp_path, PROGRAMS, lambda _: None)
    assert reader.follow(DOCS / "guides" / "trackers.md") == {"console", "yaml"}
    # scores in the runs change no input of a training
    reader.run("python build/run.py", ["…", "nothing to do"])
    report = (reader.folder / "exp" / "recipe" / "report.html").read_text()
    assert "<code>tables/recipe/train_slow/version_0</code>" in report
    assert reader.follow(DOCS / "comparing.md") == {"console"}
    assert reader.follow(DOCS / "report.md") == {"console", "sh"}


@pytest.mark.parametrize("name", ["what_you_write", "adversarial"])
def test_a_recipe_of_its_own(tmp_path: Path, name: str):
    reader = Follower(tmp_path, PROGRAMS, lambda _: None)
    assert {"python", "yaml", "console"} <= reader.follow(DOCS / "guides" / f"{name}.md")


@pytest.mark.timeout(600)
def test_a_model_of_hugging_face(tmp_path: Path):
    pytest.importorskip("transformers")
    reader = Follower(tmp_path, PROGRAMS, lambda _: None, HF_HUB_OFFLINE="1")
    assert reader.follow(DOCS / "guides" / "transformers.md") == {"python", "yaml", "console"}


class OnLoopback(Follower):
    """A reader whose network is ``lo``, and for whom one worker is enough."""

    def write(self, name: str, text: str) -> None:
        text = text.replace("interface: eth0", "interface: lo")
        super().write(name, text.replace("n_workers: 2", "n_workers: 1"))


def test_clusters_with_a_queue_of_processes(tmp_path: Path):
    with queue(tmp_path / "slurm") as slurm:
        reader = OnLoopback(tmp_path, PROGRAMS, lambda _: None)
        reader.follow(DOCS / "guides" / "clusters.md")
        names = [job["options"]["job-name"] for job in slurm.jobs]
    assert len(names) == 2  # a worker of the stage infer, and a stage
    assert names[1] == "create_dataset"


SHIPPED = (DOCS / "guides" / "what_ships.md").read_text()
KINDS = ("Metric: ", "Scheduler: ", "Preprocessor: ")


def test_what_ships_is_on_its_page():
    shipped = [
        name
        for names in PUBLIC.values()
        for name, words in names.items()
        if words.startswith(KINDS)
    ]
    assert [name for name in shipped if not re.search(rf"`(\w+\.)?{name}`", SHIPPED)] == []


def test_the_examples_of_what_ships(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    examples = "\n".join(re.findall(r"^```pycon\n(.*?)^```$", SHIPPED, re.MULTILINE | re.DOTALL))
    test = doctest.DocTestParser().get_doctest(examples, {}, "what_ships.md", None, 0)
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    assert runner.run(test, out=report.append).failed == 0, "".join(report)
    assert runner.tries > 20


def test_the_alignment_of_digits_as_the_page_on_the_report_asks_for_it(tmp_path: Path):
    (command,) = (text for kind, _, text in blocks(DOCS / "report.md") if kind == "sh")
    sets = shlex.split(command.replace("\\\n", " "))[-10:]
    recipe = DOCS.parent / "recipes/digits/asr/recipe.yaml"
    check = [*PROGRAMS["espnet3-compile"], str(recipe), "-o", str(tmp_path / "build"), *sets]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    names = ("src/decode.py", "src/alignment.py")
    with recipe_in(tmp_path, **{name: (recipe.parent / name).read_text() for name in names}):
        runner = object.__new__(import_module("src.alignment").AlignedCTC)
    runner.tokens, runner.sample_rate = ["<blank>", "a", "b"], 100
    runner.tokenizer = SimpleNamespace(decode_pieces="".join)
    path = torch.nn.functional.one_hot(torch.tensor([[0, 1, 1, 0, 1, 2, 0, 0]])).float()
    model = SimpleNamespace(encode=lambda *_: (path, torch.tensor([7])))
    assert runner(model, torch.zeros(1, 700), torch.tensor([700])) == [
        {
            "text": "aab",
            "alignment": [
                {"start": 1.0, "end": 3.0, "text": "a"},
                {"start": 4.0, "end": 5.0, "text": "a"},
                {"start": 5.0, "end": 6.0, "text": "b"},
            ],
        }
    ]
