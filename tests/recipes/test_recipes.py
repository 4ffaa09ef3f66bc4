"""Every shipped recipe checks clean, compiles and plans; the main one runs for real, made small."""

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from evaluation.recipes import settings
from tests.recipes.recipe_runs import RECIPES, copy_recipes, run

MANIFESTS = sorted(RECIPES.glob("*/*/recipe.yaml"))
NAMES = [path.parent.relative_to(RECIPES).as_posix() for path in MANIFESTS]
OTHERS = {"mini_an4/espnet2_asr": ("espnet2",)}
"""Packages that no test needs, by the recipe whose targets they hold."""
NEEDED = {"digits/search": "optuna", "digits/wav2vec2": "transformers"}
"""Packages that the code of a recipe imports, and that an environment may lack."""
COPIES = {
    "src/features.py": ("mini_an4/asr", "librispeech_100/asr"),
    "src/decode.py": ("mini_an4/asr",),
}
"""What a recipe that is copied as a whole has of digits/asr."""
SMALL = (
    "training.create_dataset.sizes.train=32",
    "training.create_dataset.sizes.valid=6",
    "training.create_dataset.sizes.test=6",
    "training.trainer.max_epochs=1",
)


@pytest.fixture
def recipes(tmp_path: Path) -> Path:
    return copy_recipes(tmp_path)


def test_recipes_were_found():
    assert "digits/asr" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_it_checks_without_a_warning_compiles_and_plans(name: str, recipes: Path):
    if name in NEEDED:
        pytest.importorskip(NEEDED[name])
    folder = recipes / name
    strict = () if _unread(name) else ("--strict",)  # which refuses what could not be read
    checked = run("-m", "espnet3_compiler", "--check", *strict, "recipe.yaml", folder=folder)
    assert checked.returncode == 0, checked.stderr
    assert "warning" not in checked.stderr
    assert f"{_unread(name)} not checked" in checked.stderr
    compiled = run("-m", "espnet3_compiler", "recipe.yaml", folder=folder)
    assert compiled.returncode == 0, compiled.stderr
    lock = json.loads((folder / "build" / "recipe.lock.json").read_text())
    before = sorted(recipes.rglob("*"))
    for flag in ("--list", "--dry_run"):
        planned = run("-X", "importtime", "build/run.py", flag, folder=folder)
        assert planned.returncode == 0, planned.stderr
        assert all(stage["name"] in planned.stdout for stage in lock["stages"])
        assert "| torch\n" not in planned.stderr
    assert before == sorted(recipes.rglob("*")), "a look left something behind"


def _unread(name: str) -> int:
    """Return how many targets of a recipe are of packages that are not installed here."""
    return sum(find_spec(package) is None for package in OTHERS.get(name, ()))


@pytest.mark.parametrize("name", NAMES)
def test_it_has_a_readme_and_tells_editors_its_schema(name: str):
    assert (RECIPES / name / "README.md").is_file()
    first = (RECIPES / name / "recipe.yaml").read_text().splitlines()[0]
    schema = (RECIPES / name / first.partition("$schema=")[2]).resolve()
    assert schema.is_file()


@pytest.mark.parametrize("file", COPIES)
def test_what_recipes_of_other_corpora_repeat_is_still_the_same(file: str):
    first = (RECIPES / "digits" / "asr" / file).read_text()
    for name in COPIES[file]:
        assert (RECIPES / name / file).read_text() == first, name


def test_the_main_job_runs_from_another_directory_and_then_skips(recipes: Path, tmp_path: Path):
    folder = recipes / "digits" / "asr"
    compiled = run("-m", "espnet3_compiler", "recipe.yaml", *settings(SMALL), folder=folder)
    assert compiled.returncode == 0, compiled.stderr
    done = run(str(folder / "build" / "run.py"), "--stages", "all", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    exp = folder / "exp" / "recipe"
    score = json.loads((exp / "measure" / "metrics.json").read_text())["metrics"]["wer"]["test"]
    assert score["utterances"] == 6
    assert (exp / "report.html").is_file()
    again = run(str(folder / "build" / "run.py"), folder=tmp_path)
    assert again.returncode == 0
    assert "nothing to do" in again.stdout

    bundle = Path(shutil.move(exp / "pack_model" / "bundle", tmp_path / "elsewhere"))
    wav = next((folder / "data").rglob("*.wav"))
    transcribe = ("-m", "espnet3_runtime.publication.transcribe", str(bundle), str(wav))
    refused = run(*transcribe, folder=tmp_path)
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    trusted = run(*transcribe, "--trust_user_code", folder=tmp_path)
    assert trusted.returncode == 0, trusted.stderr
    assert trusted.stdout.startswith(str(wav))


@pytest.mark.skipif(find_spec("espnet2") is None, reason="ESPnet is not installed")
@pytest.mark.timeout(900)
@pytest.mark.slow
def test_a_model_of_espnet2_is_trained_decoded_and_packed(recipes: Path, tmp_path: Path):
    folder = recipes / "mini_an4" / "espnet2_asr"
    sets = ("--set", "training.trainer.max_epochs=2")
    compiled = run("-m", "espnet3_compiler", "recipe.yaml", *sets, folder=folder)
    assert compiled.returncode == 0, compiled.stderr
    done = run("build/run.py", folder=folder)
    if "pip cannot fetch" in done.stderr or "pip did not bring" in done.stderr:
        pytest.skip("the archive of AN4 cannot be fetched here")
    assert done.returncode == 0, done.stdout + done.stderr
    exp = folder / "exp" / "recipe"
    assert len((exp / "infer" / "test" / "text.scp").read_text().splitlines()) == 2
    bundle = Path(shutil.move(exp / "pack_model" / "bundle", tmp_path / "elsewhere"))
    wav = next((folder.parent / "asr" / "data").rglob("*.wav"))
    transcribe = ("-m", "espnet3_runtime.publication.transcribe", str(bundle), str(wav))
    heard = run(*transcribe, "--trust_user_code", folder=tmp_path)
    assert heard.returncode == 0, heard.stderr
