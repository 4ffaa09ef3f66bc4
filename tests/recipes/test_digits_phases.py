"""The other recipes of digits run for real, made small; what they promise is looked at."""

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from espnet3_runtime.errors import UserError
from espnet3_runtime.process.progress import Bars
from evaluation.curriculum.__main__ import report
from evaluation.recipes import settings
from tests.recipes.recipe_runs import RECIPES, copy_recipes, run, run_all

pytest.importorskip("espeakng_loader")

SIZES = "{train: 24, valid: 6, test: 8}"
CORPORA = (f"sizes.digits={SIZES}", f"sizes.numbers={SIZES}")
PHASES = ("pretraining", "head", "tune_1", "tune_2", "tune_3", "scratch")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    folder = copy_recipes(tmp_path_factory.mktemp("export")) / "digits" / "export"
    run_all(folder, (f"corpus.create_dataset.sizes={SIZES}", "training.trainer.max_epochs=1"))
    return folder


@pytest.fixture
def src(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import ``src`` of digits/export as its stages do, and forget it afterwards."""
    monkeypatch.syspath_prepend(str(RECIPES / "digits" / "export"))
    before = {name: sys.modules.pop(name) for name in list(sys.modules) if _is_src(name)}
    import src
    import src.audio
    import src.parity
    import src.prepare

    yield src
    for name in [name for name in sys.modules if _is_src(name)]:
        del sys.modules[name]
    sys.modules.update(before)


def _is_src(name: str) -> bool:
    return name.partition(".")[0] == "src"


@pytest.mark.timeout(900)
def test_every_hypothesis_of_onnxruntime_is_that_of_pytorch(exported: Path) -> None:
    report = json.loads((exported / "exp" / "recipe" / "parity.json").read_text())
    assert (report["utterances"], report["equal"], report["differing"]) == (8, 8, {})
    receipt = json.loads((exported / "exp" / "recipe" / "stages" / "export.json").read_text())
    assert float(receipt["results"]["largest difference"]) < 1e-4


def test_training_reads_what_the_stage_prepared(exported: Path) -> None:
    prepared = exported / "exp" / "recipe" / "prepared" / "digits"
    rows = (prepared / "train.tsv").read_text().splitlines()[1:]
    assert len(rows) == 48
    assert sum("_x0.9" in row.split("\t")[0] or "_x1.1" in row.split("\t")[0] for row in rows) == 24
    again = run("build/run.py", "--dry_run", folder=exported)
    assert again.stdout.count("up to date") == 9


def test_a_hypothesis_that_differs_stops_the_recipe(
    src: ModuleType, exported: Path, tmp_path: Path
) -> None:
    exp = exported / "exp" / "recipe"
    told = (exp / "infer" / "test" / "text.scp").read_text().splitlines()
    (tmp_path / "test").mkdir()
    wrong = told[0].partition(" ")[0]
    told[0] = f"{wrong} what nobody said"
    (tmp_path / "test" / "text.scp").write_text("\n".join(told) + "\n")
    tokens = exp / "train_tokenizer"
    with pytest.raises(UserError, match="1 of 8 hypotheses differ") as error:
        src.parity.compare(
            onnx=str(exp / "model.onnx"),
            inference_dir=str(tmp_path),
            data_dir=str(exp / "prepared"),
            token_list=str(tokens / "tokens.txt"),
            tokenizer_model=str(tokens / "tokenizer.model"),
            report=str(tmp_path / "parity.json"),
            context=SimpleNamespace(progress=Bars(quiet=True), result=lambda *_: None),
        )
    assert f'{wrong}: PyTorch "what nobody said"' in error.value.message
    assert list(json.loads((tmp_path / "parity.json").read_text())["differing"]) == [wrong]


def test_preparation_goes_on_where_it_was_cut_off(
    src: ModuleType, exported: Path, tmp_path: Path
) -> None:
    source = exported.parent / "asr" / "data"

    def prepare(*, resume: bool) -> None:
        context = SimpleNamespace(resume=resume, progress=Bars(quiet=True), result=lambda *_: None)
        src.prepare.trim_and_perturb(str(source), str(tmp_path), context, speeds=[0.9, 1.1])

    prepare(resume=False)
    whole = {path.name: path.read_bytes() for path in tmp_path.rglob("*.*")}
    wavs = sorted(tmp_path.rglob("*.wav"))
    wavs[0].unlink()
    (tmp_path / "digits" / "train.tsv").unlink()
    kept = wavs[1].stat().st_mtime_ns
    prepare(resume=True)
    assert {path.name: path.read_bytes() for path in tmp_path.rglob("*.*")} == whole
    assert wavs[1].stat().st_mtime_ns == kept


def test_trimming_finds_the_speech_and_speed_changes_the_length(src: ModuleType) -> None:
    import numpy as np

    rng = np.random.default_rng(1)
    audio = rng.normal(0, 0.003, 16_000).astype(np.float32)
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(6_400) / 16_000).astype(np.float32)
    audio[4_800:11_200] += tone
    trimmed = src.audio.trim(audio, margin=800)
    assert abs(len(trimmed) - (6_400 + 2 * 800)) <= 2 * src.audio.FRAME
    assert len(src.audio.change_speed(tone, 1.1)) == round(6_400 / 1.1)
    slow = src.audio.change_speed(tone, 0.8)
    peak = np.abs(np.fft.rfft(slow)).argmax() * 16_000 / len(slow)
    assert peak == pytest.approx(440 * 0.8, abs=5)


def test_finetuning_starts_from_the_bundle_and_goes_through_its_rounds(tmp_path: Path) -> None:
    folder = copy_recipes(tmp_path) / "digits" / "finetune"
    epochs = tuple(f"{name}.trainer.max_epochs=1" for name in PHASES)
    said = run_all(folder, (*CORPORA, *epochs))
    assert "34 of 36 weights from exp/recipe/pack_digits/bundle" in said
    for before, after in (("head", "tune_1"), ("tune_1", "tune_2"), ("tune_2", "tune_3")):
        assert f"36 of 36 weights from exp/recipe/{before}/best.ckpt" in said, after
    log = (folder / "exp" / "recipe" / "head" / "head.log").read_text()
    assert "2 weights start afresh: head.bias, head.weight" in log
    again = run("build/run.py", "--stages", "tune_2", folder=folder)
    assert "nothing to do" in again.stdout


def test_the_curriculum_runs_as_the_guide_of_espnet3_writes_it(tmp_path: Path) -> None:
    folder = copy_recipes(tmp_path) / "digits" / "curriculum"
    phases = ("training_full", "training_easy")
    epochs = tuple(f"{name}.trainer.max_epochs=1" for name in phases)
    said = run_all(folder, (f"training_full.create_dataset.sizes={SIZES}", *epochs))
    assert "36 of 36 weights from exp/recipe/train_easy/best.ckpt" in said
    guide = ("--stages", "train_easy", "--training_easy_config", "conf/training_easy.yaml")
    other = run("build/run.py", *guide, folder=folder)
    assert other.returncode == 0, other.stdout + other.stderr
    assert "train_easy  done" in other.stdout
    after = run("build/run.py", "--dry_run", folder=folder).stdout
    assert "max_words changed (2 -> 3)" in after  # it was the other easy phase that ran
    assert "train_full       may run  if train_easy makes something else" in after


def test_a_system_of_the_recipe_stops_what_its_gate_refuses(tmp_path: Path) -> None:
    folder = copy_recipes(tmp_path) / "digits" / "keywords"
    sizes = f"training.create_dataset.sizes={SIZES}"
    words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    names = f"training.labels.names=[{', '.join(words)}]"  # 24 items do not have all ten
    sets = (sizes, names, "training.trainer.max_epochs=1", "training.scheduler.max_lr=1e-9")
    compiled = run("-m", "espnet3_compiler", "recipe.yaml", *settings(sets), folder=folder)
    assert compiled.returncode == 0, compiled.stderr
    done = run("build/run.py", folder=folder)
    assert done.returncode == 1, done.stdout
    assert "below the 70 % that a packed model must reach" in done.stderr
    assert "Traceback" not in done.stderr
    assert "measure         failed" in done.stdout
    assert "pack_model      not run" in done.stdout
    assert (folder / "exp/recipe/prepare_labels/labels.txt").read_text().split() == words
    scores = json.loads((folder / "exp/recipe/measure/metrics.json").read_text())["metrics"]
    assert set(scores) == {"accuracy", "macro_recall"}
    assert (folder / "data" / "digits" / "corpus.txt").is_file()
    assert not (folder.parent / "asr" / "data").exists()  # digits/asr keeps its own corpus


def test_the_comparison_of_the_curriculum_is_clean() -> None:
    folder = RECIPES / "digits" / "curriculum"
    checked = run("-m", "espnet3_compiler", "--check", "--strict", "compare.yaml", folder=folder)
    assert checked.returncode == 0, checked.stderr
    assert "0 not checked" in checked.stderr


def write_run(exp: Path, name: str, steps: int, wer: float) -> None:
    for folder in (exp / f"{name}_1", exp / f"measure_{name}_1"):
        folder.mkdir(parents=True, exist_ok=True)
    rows = [{"at": "step", "step": step} for step in (1, steps)]
    (exp / f"{name}_1" / "curves.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    scores = {"metrics": {"wer": {"test": {"wer": wer}}}}
    (exp / f"measure_{name}_1" / "metrics.json").write_text(json.dumps(scores))


def test_the_benchmark_of_the_curriculum_compares_equal_steps_only(tmp_path: Path) -> None:
    for name, steps, wer in (("easy", 3, 0.0), ("full", 9, 0.0), ("alone", 12, 4.5)):
        write_run(tmp_path, name, steps, wer)
    write_run(tmp_path, "curriculum", 0, 5.5)
    table = report(tmp_path, [1])
    assert "3+9=12" in table
    assert table.splitlines()[-1].split() == ["mean", "5.50", "%", "4.50", "%", "WER"]
    write_run(tmp_path, "alone", 13, 4.5)
    with pytest.raises(SystemExit, match=r"3 \+ 9 steps against 13"):
        report(tmp_path, [1])
