"""The pages on trackers, comparing and the report, word for word, in one recipe."""

import runpy
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import torch

from tests.docs.tutorial_kit import Reader, blocks

DOCS = Path(__file__).parents[2] / "docs"
PROGRAMS = {
    "espnet3-compile": [sys.executable, "-m", "espnet3_compiler"],
    "python": [sys.executable, "-u"],
}


def test_trackers_and_then_comparing(tmp_path: Path):
    reader = Reader(tmp_path, PROGRAMS, lambda _: None)
    assert reader.follow(DOCS / "trackers.md") == {"console", "yaml"}
    again = [sys.executable, "-u", "build/run.py"]
    reader.programs = {**PROGRAMS, "again": again}
    reader.run("again", ["…", "nothing to do"])  # scores in the runs change no input of a training
    report = (reader.folder / "exp" / "recipe" / "report.html").read_text()
    assert "<code>tables/recipe/train_slow/version_0</code>" in report
    assert reader.follow(DOCS / "comparing.md") == {"console"}
    assert reader.follow(DOCS / "report.md") == {"console", "sh"}


def test_the_alignment_of_digits_as_the_page_on_the_report_asks_for_it(tmp_path: Path):
    (command,) = (text for kind, _, text in blocks(DOCS / "report.md") if kind == "sh")
    sets = shlex.split(command.replace("\\\n", " "))[-6:]
    recipe = DOCS.parent / "recipes/digits/asr/recipe.yaml"
    check = [*PROGRAMS["espnet3-compile"], str(recipe), "-o", str(tmp_path / "build"), *sets]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    decode = runpy.run_path(str(recipe.parent / "src/decode.py"))["GreedyCTC"]
    runner = object.__new__(decode)
    runner.tokens, runner.alignment, runner.sample_rate = ["<blank>", "a", "b"], True, 100
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
