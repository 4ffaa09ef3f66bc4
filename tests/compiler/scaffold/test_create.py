"""``--init``; that its recipe runs is a part of the tutorial, whose test is in tests/docs."""

import csv
import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from espnet3_compiler.cli import main
from espnet3_compiler.cli.arguments import TEMPLATES
from espnet3_compiler.scaffold import create
from espnet3_compiler.scaffold.create import create_recipe
from espnet3_runtime.errors import UserError
from tests.warm_kit import run_warm

FILES = {
    ".schemas/recipe.schema.json",
    "README.md",
    "dataset/__init__.py",
    "recipe.yaml",
    "src/__init__.py",
    "src/decode.py",
    "src/model.py",
}
ROOT = Path(__file__).parents[3]


def written(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_what_is_written_and_what_to_do_next(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main.main(["--init", "bells/tones"]) == 0
    assert written(tmp_path) == {f"bells/tones/{name}" for name in FILES}
    manifest = (tmp_path / "bells/tones/recipe.yaml").read_text()
    assert "\nrecipe: bells/tones\n" in manifest
    said = capsys.readouterr().err
    assert "  cd bells/tones\n  espnet3-compile recipe.yaml\n  python build/run.py\n" in said


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("bells", "bells/base"),
        ("bells/", "bells/base"),
        ("./bells", "bells/base"),
        ("../bells", "bells/base"),
        ("egs/bells/tones", "bells/tones"),
        ("a b/tones", "tones/base"),
        ("{0}/elsewhere/bells", "elsewhere/bells"),
        ("~/bells", "bells/base"),
    ],
)
def test_a_path_gives_the_name(path, name, tmp_path: Path, monkeypatch, capsys):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert main.main(["--init", path.format(tmp_path)]) == 0
    (manifest,) = tmp_path.rglob("recipe.yaml")
    assert f"\nrecipe: {name}\n" in manifest.read_text()
    step = path.format(tmp_path)
    assert f"\n  cd {shlex.quote(step)}\n" in capsys.readouterr().err


def test_a_directory_without_files_is_filled(tmp_path: Path, monkeypatch, capsys):
    (tmp_path / "bells/.git").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "bells")
    assert main.main(["--init", "."]) == 0
    assert written(tmp_path / "bells") == FILES
    assert "next:\n  espnet3-compile recipe.yaml\n" in capsys.readouterr().err
    assert [each.name for each in tmp_path.iterdir()] == ["bells"]


@pytest.mark.parametrize("name", ["", "a b", "${x}", "a\nb", ".x", "x/build", "déjà", "/"])
def test_a_bad_name_is_refused_and_nothing_is_written(name, tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main.main(["--init", name]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_nothing_is_overwritten(kind, tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    there = tmp_path / "bells"
    {
        "file": there.touch,
        "folder": lambda: (there.mkdir(), (there / "mine.txt").touch()),
        "link": lambda: there.symlink_to(tmp_path / "nowhere"),
    }[kind]()
    assert main.main(["--init", "bells"]) == 2
    assert '"bells" exists' in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["bells"]


def test_a_disk_that_refuses_leaves_nothing(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpus").touch()  # a file where the corpus directory would be
    assert create_recipe("corpus/task") == 1
    assert capsys.readouterr().err.startswith('error: cannot write "corpus/task"')
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]


@pytest.mark.parametrize(
    "words",
    [
        ("--init", "bells", "recipe.yaml"),
        ("--init", "bells", "--from-espnet3", "."),
        ("--init", "bells", "--force"),
        ("--template", "asr", "recipe.yaml"),
        ("--force", "recipe.yaml"),
    ],
)
def test_what_does_not_go_together(words, tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        main.main(words)
    assert caught.value.code == 2
    assert "error: --" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_names_that_are_no_problem():
    assert [create._invalid_reason(name) for name in ("a", "A-b_c.d", "8")] == [None] * 3


@pytest.fixture(scope="module", params=TEMPLATES)
def template(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def recipe(template: str, tmp_path_factory) -> Path:
    return make(tmp_path_factory.mktemp("init"), template)


def make(folder: Path, template: str) -> Path:
    recipe = folder / "bells" / "tones"
    assert main.main(["--init", str(recipe), "--template", template]) == 0
    return recipe


def test_it_is_clean_and_tidy(recipe: Path, capsys):
    assert main.main(["--check", "--strict", str(recipe / "recipe.yaml")]) == 0
    assert "0 not checked" in capsys.readouterr().err
    for words in (["format", "--check"], ["check", "--ignore", "D,ANN,ARG,INP,EXE"]):
        ruff = subprocess.run(
            [sys.executable, "-m", "ruff", *words, "--config", ROOT / "pyproject.toml", "."],
            cwd=recipe,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ruff.returncode == 0, ruff.stdout


def run(recipe: Path, *words: str) -> str:
    """Compile the recipe, run it, and return what it printed."""
    assert main.main(["--strict", str(recipe / "recipe.yaml")]) == 0
    done = run_warm("build/run.py", *words, folder=recipe, environment=os.environ)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["model", "features", "decode"])
def test_the_recogniser_is_that_of_digits(name: str, tmp_path: Path):
    assert (make(tmp_path, "asr") / f"src/{name}.py").read_text() == (
        ROOT / f"recipes/digits/asr/src/{name}.py"
    ).read_text()


BETTER = {
    "classifier": (r"accuracy test (\S+) %", 90, 100),
    "asr": (r"wer test (\S+) %", 0, 40),
    "finetune": (r"measure_after .*accuracy new (\S+) %", 75, 100),
    "sweep": (r"measure_lr5e_3_hidden32 .*accuracy test (\S+) %", 90, 100),
    "lightning": (r"best val_loss (\S+) ", 0, 0.4),
}
"""A number that the table at the end shows, and between what it must lie."""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_it_runs_and_learns(template: str, recipe: Path):
    assert "runs     it has not run yet" in run(recipe, "--dry_run")
    assert not (recipe / "exp").exists()
    pattern, least, most = BETTER[template]
    said = run(recipe)
    (value,) = re.findall(pattern, said)
    assert least <= float(value) <= most, said
    assert (recipe / "exp/recipe/report.html").is_file()


def record(path: Path, rate: int, channels: int) -> None:
    """Write half a second of a tone."""
    soundfile = pytest.importorskip("soundfile")
    time = np.arange(rate // 2) / rate
    path.parent.mkdir(parents=True, exist_ok=True)
    tone = 0.3 * np.sin(2 * np.pi * 400 * time)
    soundfile.write(path, np.repeat(tone[:, None], channels, 1), rate)


def rows(recipe: Path, split: str) -> list[dict[str, str]]:
    with (recipe / "data" / f"{split}.tsv").open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.mark.timeout(600)
def test_recordings_and_transcripts_of_ones_own(tmp_path: Path):
    recipe, spoken = make(tmp_path, "asr"), tmp_path / "spoken data"
    for number in range(24):
        path = spoken / f"speaker {number % 12}" / f"{number}.flac"
        record(path, 44_100, 2)
        path.with_suffix(".txt").write_text(f"{'abc'[number % 3]} fade\nbead\n")
    said = run(
        recipe,
        *("--set", f"training.create_dataset.source={spoken}", "--set", "training.seed=2"),
        *("--set", "training.tokenizer.vocab_size=10", "--set", "training.trainer.max_epochs=1"),
    )
    assert "wer test" in said
    splits = {split: rows(recipe, split) for split in ("train", "valid", "test")}
    assert [len(found) for found in splits.values()] == [20, 2, 2]
    speakers = [{row["speaker"] for row in found} for found in splits.values()]
    assert sum(map(len, speakers)) == len(set.union(*speakers)) == 12
    first = splits["test"][0]
    assert (first["samples"], first["text"][1:]) == ("8000", " fade bead")
    with np.load(recipe / "exp/recipe/collect_stats/train/feats_stats.npz") as stats:
        assert stats["count"] == 20 * 51  # frames of 10 ms at 16 kHz


def test_a_list_of_ones_own(tmp_path: Path):
    path = make(tmp_path, "asr") / "dataset/corpus.py"
    spec = importlib.util.spec_from_file_location("corpus_of_template", path)
    corpus = sys.modules["corpus_of_template"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(corpus)
    table = tmp_path / "table.csv"
    table.write_text(
        "audio,text,split\na.wav,one,train\na.wav,two,valid\nb/a.wav,three  four,test\n"
    )
    (found,) = corpus.read_corpus(table)["test"]
    assert (found.utt_id, found.text) == ("000003-a", "three four")
    assert found.audio == tmp_path / "b/a.wav"
    for text, problem in (
        ("audio,words\na.wav,one\n", f'"{table}" has no column "text"'),
        ("audio,text,split\na.wav,one,dev\n", f'row 1 of "{table}": "dev" is no split'),
        ("audio,text\na.wav,one\n", f'"{table}" gives no utterance for the split "train"'),
    ):
        table.write_text(text)
        with pytest.raises(UserError, match=re.escape(problem)):
            corpus.read_corpus(table)
    with pytest.raises(UserError, match="there is no file or directory"):
        corpus.read_corpus(tmp_path / "nowhere")
