"""Where the data lie may be said by the machine that runs the stages."""

from pathlib import Path

import pytest

from tests.recipes.recipe_runs import run

MANIFEST = """version: 1
recipe: a/b
system: base
data_dir: ${oc.env:CORPORA}/words
stages:
  - name: write
    call: src.steps.write
    with: {path: "${data_dir}/all.txt"}
    outputs: {text: "${data_dir}/all.txt"}
  - name: read
    call: src.steps.read
    with: {source: "${stages.write.text}", path: "${exp_dir}/read.txt"}
    outputs: {text: "${exp_dir}/read.txt"}
"""
TOKENIZER = """version: 1
recipe: a/b
system: asr
data_dir: ${oc.env:CORPORA,data}
configs:
  training: {dataset: {train: [{}]}, tokenizer: {model_type: word, vocab_size: 5}}
stages: [train_tokenizer]
"""
DATASET = """from pathlib import Path


class Dataset:
    def __init__(self, data_dir):
        self.words = Path(data_dir, "all.txt").read_text()

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return {"utt_id": "u", "text": self.words}
"""
STEPS = """from pathlib import Path


def write(path):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(path)


def read(source, path):
    Path(path).write_text(Path(source).read_text())
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    folder = tmp_path / "recipe"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "__init__.py").touch()
    (folder / "src" / "steps.py").write_text(STEPS)
    (folder / "recipe.yaml").write_text(MANIFEST)
    compiled = run("-m", "espnet3_compiler", "recipe.yaml", folder=folder, CORPORA="/then")
    assert compiled.returncode == 0, compiled.stderr
    return folder


def test_the_build_names_the_variable_and_each_machine_binds_it(recipe: Path) -> None:
    assert (
        '"data_dir": "${oc.env:CORPORA}/words"' in (recipe / "build/recipe.lock.json").read_text()
    )
    for place in (recipe.parent / "one", recipe.parent / "other"):
        done = run("build/run.py", folder=recipe, CORPORA=str(place))
        assert done.returncode == 0, done.stderr
        assert (place / "words" / "all.txt").is_file()
        assert (recipe / "exp/recipe/read.txt").read_text() == f"{place}/words/all.txt"
    again = run("build/run.py", folder=recipe, CORPORA=str(place))
    assert "nothing to do" in again.stdout


def test_a_variable_that_is_not_set_is_told(recipe: Path) -> None:
    done = run("build/run.py", folder=recipe)
    assert done.returncode == 1
    assert 'error: the environment variable "CORPORA" is not set\n  config: data_dir' in done.stderr
    assert "Traceback" not in done.stderr
    assert run("build/run.py", "--help", folder=recipe).returncode == 0


def test_a_stage_cannot_say_where_the_data_lie(recipe: Path) -> None:
    manifest = recipe / "recipe.yaml"
    manifest.write_text(MANIFEST.replace("${oc.env:CORPORA}", "${stages.write.text}"))
    checked = run("-m", "espnet3_compiler", "--check", "recipe.yaml", folder=recipe)
    assert "R310" in checked.stderr


def test_a_stage_runs_again_on_data_that_lie_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset" / "__init__.py").write_text(DATASET)
    (tmp_path / "recipe.yaml").write_text(TOKENIZER)
    for place, text in (("one", "a b a b"), ("other", "c d c d")):
        (tmp_path / place).mkdir()
        (tmp_path / place / "all.txt").write_text(text)
    compiled = run("-m", "espnet3_compiler", "recipe.yaml", folder=tmp_path)
    assert compiled.returncode == 0, compiled.stderr
    done = run("build/run.py", folder=tmp_path, CORPORA="one")
    assert done.returncode == 0, done.stderr
    assert "nothing to do" in run("build/run.py", folder=tmp_path, CORPORA="./one").stdout
    planned = run("build/run.py", "--dry_run", folder=tmp_path, CORPORA="other")
    assert "data_dir changed (one -> other)" in planned.stdout
