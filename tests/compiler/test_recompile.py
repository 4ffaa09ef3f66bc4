"""What generated code asks of the compiler when values are given on the command line."""

import json
import re
from pathlib import Path

import pytest
import yaml

from espnet3_compiler.build.files import data_files
from espnet3_compiler.cli.main import main
from espnet3_compiler.pipeline import compile_manifest
from espnet3_compiler.recompile import locate, recompose
from tests.compiler.recipe_kit import GOLDEN, copy, minimal, run, texts


def test_without_values_it_gives_what_was_compiled() -> None:
    build = GOLDEN / "pipeline" / "build"
    result = recompose(build, {}, [])
    assert result.ok
    assert result.report == ""
    expected = {name: data.decode() for name, data in texts(build).items()}
    del expected["run.py"], expected["system.py"]
    found = dict(result.files)
    locks = [json.loads(each.pop("recipe.lock.json")) for each in (found, expected)]
    assert found == expected
    assert locks[1].pop("code")
    assert locks[0].pop("code") == {}
    assert locks[0] == locks[1]


def test_values_come_after_those_of_the_compile(tmp_path: Path) -> None:
    manifest = minimal(tmp_path)
    assert main([str(manifest), "--set", "training.seed=3", "--set", "training.compile=true"]) == 0
    result = recompose(tmp_path / "build", {}, ["training.seed=4", "recipe.exp_tag=other"])
    assert result.ok
    config = yaml.safe_load(result.files["conf/training.yaml"])
    assert (config["seed"], config["compile"]) == (4, True)
    lock = json.loads(result.files["recipe.lock.json"])
    assert lock["exp_dir"] == "exp/other"
    assert lock["set"] == [
        "training.seed=3", "training.compile=true", "training.seed=4", "recipe.exp_tag=other",
    ]  # fmt: skip
    assert "seed: 3" in (tmp_path / "build/conf/training.yaml").read_text()


def test_a_config_file_takes_the_place_of_a_declared_config(tmp_path: Path) -> None:
    manifest = copy("pipeline", tmp_path / "recipe")
    other = tmp_path / "other.yaml"
    text = (manifest.parent / "conf/inference.yaml").read_text()
    other.write_text(text.replace("train_full", "train_easy"))
    result = recompose(manifest.parent / "build", {"inference": other}, [])
    assert result.ok, result.report
    lock = json.loads(result.files["recipe.lock.json"])
    infer = next(stage for stage in lock["stages"] if stage["name"] == "infer")
    assert {"stage": "train_easy", "output": "best_checkpoint"} in infer["reads"]


def test_a_config_that_is_given_knows_the_experiment(tmp_path: Path) -> None:
    manifest = copy("pipeline", tmp_path / "recipe")
    other = tmp_path / "other.yaml"
    text = (manifest.parent / "conf/inference.yaml").read_text()
    checkpoint = re.search(r"checkpoint: (\S+)", text)
    assert checkpoint is not None
    other.write_text(text.replace(checkpoint[1], "exp/${exp_tag}/train_full/best.ckpt"))
    result = recompose(manifest.parent / "build", {"inference": other}, [])
    assert result.ok, result.report
    assert (
        "checkpoint: exp/phases_recipe/train_full/best.ckpt" in result.files["conf/inference.yaml"]
    )


def test_a_mistake_is_reported_at_its_place_and_gives_no_files(tmp_path: Path) -> None:
    manifest = copy("pipeline", tmp_path / "recipe")
    other = tmp_path / "other.yaml"
    other.write_text("chekpoint: x\n")
    result = recompose(manifest.parent / "build", {"inference": other}, ["full.sed=1"])
    assert not result.ok
    assert result.files == {}
    assert "other.yaml:1:1" in result.report
    assert "--> --set " in result.report
    assert result.report.count("error[R601 unknown-key]") == 2


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"manifest": 3, "set": []}'])
def test_a_build_without_a_lock_is_one_message(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "recipe.lock.json").write_text(text)
    result = recompose(tmp_path, {}, [])
    assert not result.ok
    assert "compile the recipe again" in result.report
    assert locate(tmp_path, "train") is None


def test_stages_are_located(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(GOLDEN / "pipeline")
    assert locate(Path("build"), "train_easy") == "recipe.yaml:33:11"
    assert locate(Path("build"), "infer") == "recipe.yaml:40:5"
    assert locate(Path("build"), "nowhere") is None
    assert locate(GOLDEN / "pipeline/build", "infer") == "recipe.yaml:40:5"


def test_a_stage_without_a_name_of_its_own_is_located(tmp_path: Path) -> None:
    manifest = copy("pipeline", tmp_path / "recipe")
    manifest.write_text("stages:\n  - {run: train}\n")
    assert str(locate(manifest.parent / "build", "train")).endswith("recipe.yaml:2:11")


def test_locate_survives_a_broken_manifest(tmp_path: Path) -> None:
    manifest = copy("pipeline", tmp_path / "recipe")
    for text in ("", "stages: [", "stages: 3", "stages: {a: 1}", "stages: [[1], {x: 1}, 2]", "- a"):
        manifest.write_text(text)
        assert locate(manifest.parent / "build", "train") is None
    manifest.unlink()
    assert locate(manifest.parent / "build", "train") is None


def test_run_py_takes_values_and_checks_them(tmp_path: Path) -> None:
    manifest = copy("pipeline", tmp_path / "recipe")
    program = manifest.parent / "build/run.py"
    good = run(program, "--stages", "all", "--dry_run", "--set", "full.seed=5", cwd=tmp_path)
    assert good.returncode == 0, good.stderr
    (tmp_path / "conf.yaml").write_text("outpt_keys: []\n")
    words = ["--stages", "infer", "--dry_run", "--inference_config", "conf.yaml"]
    bad = run(program, *words, "--set", "full.trainer.max_epoch=5", cwd=tmp_path)
    assert bad.returncode == 1
    assert '"trainer" has no key "max_epoch"' in bad.stderr
    assert "conf.yaml:1:1" in bad.stderr
    assert "Traceback" not in bad.stderr
    assert not (tmp_path / "recipe/exp").exists()


def test_run_py_without_values_does_not_load_the_compiler(tmp_path: Path) -> None:
    manifest = copy("pipeline", tmp_path / "recipe")
    script = (
        "import runpy, sys; sys.argv = sys.argv[1:]; sys.path.insert(0, sys.argv[0][:-7])\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "except SystemExit as exit_: assert not exit_.code\n"
        "print([name for name in sys.modules if name.startswith('espnet3_compiler.')])"
    )
    result = run("-c", script, manifest.parent / "build/run.py", "--stages", "all", "--dry_run")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "['espnet3_compiler.recompile']"


def test_a_build_elsewhere_finds_its_manifest(tmp_path: Path) -> None:
    manifest = copy("pipeline", tmp_path / "recipe")
    assert main([str(manifest), "-o", str(tmp_path / "far/away")]) == 0
    result = recompose(tmp_path / "far/away", {}, ["full.seed=5"])
    assert result.ok, result.report
    plan = compile_manifest(manifest, ["full.seed=5"]).plan
    assert plan is not None
    assert dict(result.files) == data_files(plan, (tmp_path / "far/away").resolve())
