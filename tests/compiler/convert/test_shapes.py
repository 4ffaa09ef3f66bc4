"""Recipes after the systems of ESPnet3's public history: converted in whole, or told what is lost.

Those that are carried in whole check clean, compile and dry-run; the others exit with 1 and name
what is not carried.
"""

import contextlib
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from espnet3_compiler.cli import main as cli
from tests.compiler.convert.shapes_kit import ASR, Conversions, Shape, convert, write_shape
from tests.compiler.convert.shapes_table import SHAPES
from tests.warm_kit import run_warm

CARRIED = [name for name, shape in SHAPES.items() if not shape.lost]
DRY_RUN = """
import os, runpy, sys
import espnet3_compiler.recompile
import espnet3_runtime.launch.main, espnet3_runtime.launch.session  # once for all of them
import espnet3_runtime.systems.asr

for folder in sys.argv[1:]:
    if child := os.fork():
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
            sys.exit(f"{folder} failed")
        continue
    os.chdir(folder)
    sys.argv = ["build/run.py", "--stages", "all", "--dry_run"]
    sys.path.insert(0, os.path.join(folder, "build"))
    runpy.run_path("build/run.py", run_name="__main__")
    os._exit(0)
"""


def test_most_shapes_are_carried_in_whole():
    assert len(SHAPES) >= 20
    assert len(CARRIED) >= 16


@pytest.mark.parametrize("name", SHAPES)
def test_it_is_carried_in_whole_or_says_what_is_lost(name: str, converted: Conversions):
    recipe, code, report = converted(name)
    lost = {item["key"] for item in report["not_carried"]}
    assert set(SHAPES[name].lost) <= lost, lost
    assert bool(SHAPES[name].lost) == bool(lost), lost
    assert report["clean"]
    assert code == bool(lost)
    stages = yaml.safe_load((recipe / "recipe.yaml").read_text())["stages"]
    names = [stage if isinstance(stage, str) else stage["name"] for stage in stages]
    assert names == SHAPES[name].stages.split()


def test_what_is_carried_in_whole_compiles_and_dry_runs(converted: Conversions):
    folders = [str(converted(name)[0]) for name in CARRIED]
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        for folder in folders:
            assert cli.main([f"{folder}/recipe.yaml"]) == 0, said.getvalue()
    command = [sys.executable, "-c", DRY_RUN, *folders]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr


ESPNET3 = {
    "contract/stages.py": "class StageSpec:\n    def __init__(self, **given): ...\n",
    "systems/base/training.py": "collect_stats = train = None\n",
    "systems/base/system.py": """class BaseSystem:
    stages = [None] * 9

    def __init__(self, training_config=None) -> None:
        self.training_config = training_config

    def _reject_stage_args(self, name, args, kwargs) -> None: ...
""",
}
"""What a System of the recipe imports of ESPnet3, which cannot be installed here."""


def run(recipe: Path, *words: str) -> None:
    """Run a recipe beside which ESPnet3 lies."""
    environment = {**os.environ, "PYTHONPATH": str(recipe.parents[2])}
    done = run_warm("build/run.py", *words, folder=recipe, environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_method_of_a_system_runs_with_the_config_that_it_had(tmp_path: Path):
    recipe = write_shape(SHAPES["tts"], "tts", tmp_path)
    convert(recipe)
    for name, text in ESPNET3.items():
        (tmp_path / "espnet3" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "espnet3" / name).write_text(text)
    with contextlib.redirect_stderr(io.StringIO()):
        assert cli.main([f"{recipe}/recipe.yaml"]) == 0
    run(recipe, "--stages", "create_dataset", "create_token_list")
    assert (recipe / "data" / "tokens" / "tokens.txt").read_text() == "2 exp/recipe"


def test_a_data_set_of_shards_is_trained_shard_by_shard(tmp_path: Path):
    recipe = write_shape(SHAPES["shards"], "shards", tmp_path)
    code, report = convert(recipe)
    assert code == 0
    (found,) = [item for item in report["changed"] if item["key"] == "Dataset"]
    assert "dist_world_size is not read" in found["why"]
    base = tmp_path / "espnet3" / "components" / "data" / "dataset.py"
    base.parent.mkdir(parents=True)
    base.write_text("class ShardedDataset: ...\n")
    text = yaml.safe_load((recipe / "recipe.yaml").read_text())
    (recipe / "recipe.yaml").write_text(yaml.safe_dump({**text, "stages": ["train"]}))
    with contextlib.redirect_stderr(io.StringIO()):
        assert cli.main([f"{recipe}/recipe.yaml"]) == 0
    run(recipe, "--stages", "train")
    log = (recipe / "exp" / "recipe" / "train" / "train.log").read_text()
    assert re.findall(r"shard (\d) of 2", log) == ["1", "2", "1"]  # of three epochs


def test_side_by_side_writes_nothing_and_shows_every_key(tmp_path: Path, capsys):
    recipe = write_shape(SHAPES["curriculum"], "curriculum", tmp_path)
    before = sorted(recipe.rglob("*"))
    assert cli.main(["--from-espnet3", str(recipe), "--diff"]) == 0
    said = capsys.readouterr().out
    assert sorted(recipe.rglob("*")) == before
    rows = {tuple(map(str.strip, line.split(" | "))) for line in said.splitlines() if " | " in line}
    full = "conf_compile/training_full.yaml"
    expected = {
        (
            "fit.ckpt_path = exp/easy/last.ckpt",
            "fit.ckpt_path",
            "stages.train_easy.last_checkpoint",
        ),
        ("scheduler.step_size = 2", "scheduler.step_size = 2", ""),
    }
    for there, here, value in expected:
        assert any(
            row[0] == there and row[1].startswith(f"{full}: {here}") and value in row[1]
            for row in rows
        ), said
    assert any(there == "exp_tag = easy" and "one exp_tag" in here for there, here in rows)
    recipe = write_shape(SHAPES["vc_by_number"], "vc", tmp_path)
    assert cli.main(["--from-espnet3", str(recipe), "--diff"]) == 1
    assert "| NOT CARRIED: it computes with idx" in capsys.readouterr().out


PLANTED = """
planted_block: {planted_key: 1, deep: [{planted_item: 2}]}
dataset:
  train: [{data_src_args: {split: train}, planted_entry: 3}]
  valid: [{data_src_args: {split: valid}}]
  planted_split: [{planted_source: 4}]
optimizer: {_target_: torch.optim.SGD, lr: 0.1, planted_option: 5}
parallel: {env: local, planted_worker: 6}
dataloader:
  planted_loader: 7
  train:
    iter_factory: {planted_factory: 8, batches: {type: unsorted, batch_size: 2, planted_batch: 9}}
trainer: {max_epochs: 1, planted_trainer: 10}
fit: {planted_fit: 11}
tokenizer: {planted_tokenizer: 12}
model: {_target_: src.model.Net, size: 4, planted_model: 13}
"""
PLANTED_FILES = {
    "conf/inference.yaml": """
planted_inference: 14
dataset: {test: [{name: test, planted_test: 15}], planted_data: 16}
model: {_target_: src.model.Net, size: 4, planted_network: 17}
contract: {planted_contract: 18}
output_keys: [text]
""",
    "conf/metrics.yaml": """
planted_metrics: 19
metrics:
  - metric: {_target_: espnet3.systems.esp2_asr.metrics.wer.WER, planted_metric: 20}
    inputs: {ref: "dataset:text", hyp: text}
    planted_beside: 21
""",
    "conf/publication.yaml": "{planted_publication: 22, pack_model: {planted_pack: 23},"
    " upload_model: {hf_repo: a/b, planted_upload: 24}}",
    "conf/demo.yaml": "{model: {planted_demo: 25}, ui: {planted_ui: 26}, pack: {planted_file: 27}}",
    "conf/other.yaml": "planted_file_key: 28",
}


def test_every_planted_key_is_in_the_list_of_what_is_lost(tmp_path: Path):
    shape = Shape(ASR, PLANTED, PLANTED_FILES, template="esp2_asr")
    recipe = write_shape(shape, "planted", tmp_path)
    code, report = convert(recipe)
    lost = {item["key"].rpartition(".")[2] for item in report["not_carried"]}
    text = "".join(path.read_text() for path in (recipe / "conf").glob("*.yaml"))
    leaves = set(re.findall(r"planted_\w+(?=: [0-9])", text))
    assert len(leaves) == 28
    assert leaves - lost == set()
    assert code == 1
