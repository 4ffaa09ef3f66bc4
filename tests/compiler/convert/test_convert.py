"""``--from-espnet3`` on a small recipe: converted files, notes and refusals."""

import re
from pathlib import Path

import pytest
import yaml

from espnet3_compiler.cli import main as cli
from espnet3_compiler.convert.notes import Notes
from espnet3_compiler.convert.values import Interpolator
from espnet3_compiler.convert.variants import drop_defaults, variant_overrides
from espnet3_compiler.diagnostics.source import Source
from espnet3_compiler.syntax.read import read_text

WRITTEN = {
    "recipe.yaml",
    "recipe_gan.yaml",
    "conf_compile/training.yaml",
    "conf_compile/tuning/train_gan.yaml",
    "conf_compile/inference.yaml",
    "conf_compile/metrics.yaml",
}


def call(*words: object) -> int:
    try:
        return cli.main([str(word) for word in words])
    except SystemExit as exit_:
        return int(exit_.code or 0)


def files(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*.*")}


def load(path: Path) -> dict:
    return yaml.safe_load(path.read_text())


def test_the_users_files_stay_and_all_manifests_check_clean(recipe: Path, capsys):
    before = files(recipe)
    assert call("--from-espnet3", recipe) == 1  # not everything is carried
    after = files(recipe)
    assert set(after) - set(before) == WRITTEN
    assert {name: after[name] for name in before} == before
    assert not [path for path in recipe.parent.iterdir() if path != recipe]
    for name in ("recipe.yaml", "recipe_gan.yaml"):
        assert call("--check", "--strict", recipe / name) == 0, capsys.readouterr().err


def test_the_manifest(converted_bells):
    recipe, _ = converted_bells
    manifest = load(recipe / "recipe.yaml")
    assert manifest["recipe"] == "bells/esp2_asr"
    assert manifest["system"] == "base"
    assert manifest["data_dir"] == "corpus"
    assert manifest["exp_tag"] == "first"
    assert manifest["models"] == {"model": {"_target_": "src.model.Bells", "size": 8}}
    assert manifest["stages"] == ["create_dataset", "collect_stats", "train", "infer", "measure"]


def test_the_training_config_is_merged_and_interpolated(converted_bells):
    recipe, _ = converted_bells
    config = load(recipe / "conf_compile" / "training.yaml")
    assert config["seed"] == 7  # from the first of the defaults
    assert config["optimizer"] == {"_target_": "torch.optim.AdamW", "lr": 0.001}
    assert config["scheduler"] == {"_target_": "torch.optim.lr_scheduler.StepLR", "step_size": 300}
    assert config["create_dataset"] == {"root": "${oc.env:BELLS,/bells}"}
    assert config["trainer"]["max_epochs"] == 9
    assert config["freeze"] == ["layer"]
    assert config["ema"] == {"decay": 0.99}
    assert config["parallel"] == {"env": "slurm", "n_workers": 3}
    assert config["dataset"]["train"][0]["transform"] == {"_target_": "src.model.Change"}
    assert config["dataset"]["valid"][0]["data_src"] == "egs3.other.esp2_asr.dataset"
    assert config["dataloader"]["num_workers"] == 2
    assert "train" not in config["dataloader"]  # shuffle: yes is the default; folded is no type


def test_a_variant_is_its_differences(converted_bells):
    recipe, _ = converted_bells
    manifest = load(recipe / "recipe_gan.yaml")
    assert manifest["configs"]["training"] == {
        "extends": "training_base",
        "file": "conf_compile/tuning/train_gan.yaml",
    }
    assert manifest["models"]["model"]["words"] == "${load_line:words.txt}"
    config = load(recipe / "conf_compile" / "tuning" / "train_gan.yaml")
    assert config["create_dataset"] == {"root": "/bells"}
    assert config["optimizer"] is None
    assert config["schedulers"]["all"]["interval"] == "epoch"  # ESPnet3's default, not ours
    assert config["dataloader"]["train"]["batches"] == {"type": "unsorted", "batch_size": 5}
    assert "gradient_clip_val" not in config["trainer"]


LOST, CHANGED = "not_carried", "changed"


@pytest.mark.parametrize(
    ("kind", "file", "line", "key", "reason"),
    [
        (CHANGED, "conf/training.yaml", 9, "create_dataset.func", "nothing calls it"),
        (CHANGED, "conf/training.yaml", 15, "dataset.train[0].split", "ESPnet3 ignores it"),
        (LOST, "conf/training.yaml", 28, "trainer.max_epoch", 'did you mean "max_epochs"'),
        (CHANGED, "conf/training.yaml", 24, "scheduler", "no argument"),
        (CHANGED, "conf/common.yaml", 2, "parallel.allow_overwrite_lock", "locks of dead"),
        (CHANGED, "conf/training.yaml", 35, "dataloader.train.batch_distribution", "one device"),
        (CHANGED, "conf/tuning/train_gan.yaml", 13, "dataloader.train.timeout", "another name"),
        (LOST, "conf/inference.yaml", 5, "provider", "is a function"),
        (LOST, "conf/inference.yaml", 5, "provider._target_", "is a function"),
        (LOST, "conf/inference.yaml", 8, "idx_key", "utt_id"),
        (CHANGED, "conf/metrics.yaml", 6, "metrics[2].metric", "SCP files"),
        (LOST, "conf/inference.yaml", 9, "contract.imports", "kind: own"),
        (LOST, "conf/inference.yaml", 10, "output_artifacts.state", "pickles"),
        (LOST, "conf/metrics.yaml", 2, "metrics[0].metric.clean_types", "lowercase"),
        (LOST, "src/system.py", 5, "tune_bells", "a method of BellSystem"),
        (CHANGED, "conf/training.yaml", 25, "scheduler._target_", "warmup_steps"),
        (LOST, "conf/training.yaml", 39, "dataloader.train.iter_factory.batches.type", "fold"),
        (CHANGED, "conf/metrics.yaml", 4, "metrics[1].metric", "overwrite"),
        (CHANGED, "conf/training.yaml", 6, "data_dir", "where it is not data"),
    ],
)
def test_keys_have_list_line_and_reason(kind, file, line, key, reason, converted_bells):
    _, notes = converted_bells
    found = [note for note in notes if (note["file"], note["key"]) == (file, key)]
    assert [(note["list"], note["line"]) for note in found] == [(kind, line)]
    assert reason in found[0]["why"]


def test_a_key_with_another_name_says_which(converted_bells):
    _, notes = converted_bells
    (found,) = [note for note in notes if note["key"] == "model.freeze_param"]
    assert (found["list"], found["to"]) == ("changed", "freeze")
    split = [note for note in notes if note["key"] == "dataset.train[0].data_src_args.split"]
    assert {note["list"] for note in split} == {"carried"}


def test_the_report_for_people(recipe: Path, capsys, monkeypatch):
    monkeypatch.chdir(recipe)
    assert call("--from-espnet3", ".") == 1
    said = capsys.readouterr().err
    assert re.search(r"\nnot carried \(\d+\):\n", said)
    assert re.search(r"\nchanged \(\d+\):\n", said)
    assert re.search(r"\ncarried: \d+ keys\n", said)
    assert "  create_dataset.func -> left out: nothing calls it" in said
    assert "      conf/training.yaml:9\n" in said
    assert "  provider: here a provider" in said
    assert "provider._target_" not in said  # with the key above it
    assert said.endswith("see above, then: espnet3-compile recipe.yaml\n")


def test_nothing_is_replaced_without_force(recipe: Path, capsys):
    mine = recipe / "recipe_gan.yaml"
    mine.write_text("mine")
    assert call("--from-espnet3", recipe) == 2
    assert "recipe_gan.yaml would be replaced; --force does so" in capsys.readouterr().err
    assert not (recipe / "conf_compile").exists()
    assert mine.read_text() == "mine"
    assert call("--from-espnet3", recipe, "--force") == 1
    assert mine.read_text() != "mine"
    capsys.readouterr()
    assert call("--from-espnet3", recipe) == 2
    first, *_ = capsys.readouterr().err.splitlines()
    assert re.search(r"\.yaml and \d+ more would be replaced", first)
    assert first.count(".yaml") == 3
    before = files(recipe)
    assert call("--from-espnet3", recipe, "--force") == 1
    assert files(recipe) == before


@pytest.mark.parametrize(
    ("name", "text", "code", "said"),
    [
        ("conf/training.yaml", "a: [1", 1, "error[R101"),
        ("conf/training.yaml", "a: 1\na: 2\n", 1, "error[R102"),
    ],
)
def test_what_cannot_be_read_is_shown_and_nothing_is_written(
    name, text, code, said, recipe: Path, capsys
):
    (recipe / name).write_text(text)
    assert call("--from-espnet3", recipe) == code
    assert said in capsys.readouterr().err
    assert not (recipe / "recipe.yaml").exists()


def test_wrong_usage(tmp_path: Path, recipe: Path, capsys):
    assert call("--from-espnet3", tmp_path / "nowhere") == 2
    assert "is no ESPnet3 recipe" in capsys.readouterr().err
    assert call("--from-espnet3", recipe, "--format", "sarif") == 2
    assert "human or json" in capsys.readouterr().err
    for path in (recipe / "conf").rglob("*.yaml"):
        path.unlink()
    assert call("--from-espnet3", recipe) == 1
    assert "there is no config in conf" in capsys.readouterr().err


def test_a_mistake_that_stays_is_reported_and_fails(recipe: Path, capsys):
    path = recipe / "conf" / "training.yaml"
    path.write_text(path.read_text().replace("src.model.Bells", "src.model.Belles"))
    assert call("--from-espnet3", recipe) == 1
    said = capsys.readouterr().err
    assert "error[R501 unknown-target]" in said
    assert 'did you mean "Bells"?' in said
    assert said.endswith("not clean yet: correct what is reported above\n")


def test_a_base_is_no_variant_and_variants_of_one_name_keep_apart(recipe: Path, capsys):
    conf = recipe / "conf"
    (conf / "common.yaml").rename(conf / "training_common.yaml")
    main = (conf / "training.yaml").read_text().replace("- common", "- training_common")
    (conf / "training.yaml").write_text(main)
    outside = "defaults: [../../../elsewhere/training, training]\nexp_tag: other\n"
    (conf / "training_gan.yaml").write_text(outside)
    assert call("--from-espnet3", recipe) == 1
    said = capsys.readouterr().err
    assert sorted(path.name for path in recipe.glob("*.yaml")) == [
        "recipe.yaml",
        "recipe_training_gan.yaml",
        "recipe_tuning_train_gan.yaml",
    ]
    assert 'there is no file "training.yaml"' in said
    assert load(recipe / "recipe_training_gan.yaml")["exp_tag"] == "other"


@pytest.mark.parametrize("text", [None, b"# caf\xe9\nlaunch(Own)\n"])
def test_without_a_run_py_that_can_be_read_the_system_is_assumed_and_noted(
    text: bytes | None, recipe: Path, capsys
):
    (recipe / "run.py").unlink()
    if text is not None:
        (recipe / "run.py").write_bytes(text)
    assert call("--from-espnet3", recipe) == 1
    assert "the System is taken to be ASRSystem" in capsys.readouterr().err
    assert load(recipe / "recipe.yaml")["system"] == "asr"


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("a: ${b.c}\nb: {c: 3}", "a", 3),
        ("a: x${b}y\nb: true", "a", "xTruey"),
        ("a: {b: 1, c: '${.b}'}", "a.c", 1),
        ("a: {b: {c: '${..d}'}, d: 5}", "a.b.c", 5),
        ("a: ${b[1]}\nb: [1, 2]", "a", 2),
        ("a: ${b.1}\nb: [1, {c: '${d}'}]\nd: 7", "a", {"c": 7}),
        ("a: ${self_name:}", "a", "train_x"),
        ("a: ${config_path:../src/a.md}", "a", "conf/src/a.md"),
        ("a: ${oc.env:HOME}/x", "a", "${oc.env:HOME}/x"),
        ("a: ${oc.env:HOME,x}", "a", "${oc.env:HOME,x}"),
        ("a: ${oc.select:b.0,5}\nb: ['${c}']\nc: 4", "a", 4),
        ("a: ${oc.select:b.c,5}", "a", "5"),
        ("a: ${load_line:../../src/w.txt}", "a", "${load_line:src/w.txt}"),
        ("a: x${b}\nb: null", "a", "xnull"),
        ("a: ${data_dir}/x\ndata_dir: d", "a", "${data_dir}/x"),
        ("a: ${b}\nb: ${a}", "a", None),
        ("a: ${nothing}", "a", None),
        ("a: x${b}\nb: [1]", "a", None),
        ("a: ${load_yaml:x}", "a", None),
        ("a: ${", "a", None),
    ],
)
def test_interpolation(text: str, path: str, value: object):
    root, _ = read_text(Source("conf/t.yaml", text))
    notes = Notes()
    values = Interpolator(root, "train_x", "conf/tuning", notes)
    found = values.plain(root, ())
    for key in path.split("."):
        found = found[key]
    assert found == value
    assert (value is None) == bool(notes.keys)


def test_little_is_written():
    base = {
        "seed": 0,
        "optimizer": {"_target_": "a.B", "lr": 1.0},
        "freeze": ["x"],
        "average": True,
    }
    assert drop_defaults(base, "training") == {
        "optimizer": {"_target_": "a.B", "lr": 1.0},
        "freeze": ["x"],
    }
    other = {"seed": 3, "optimizer": {"_target_": "a.B", "eps": 2.0}}
    assert variant_overrides(base, other, "training") == {
        "freeze": [],
        "seed": 3,
        "optimizer": {"~lr": None, "eps": 2.0},
    }
    split = {"dataset": {"preprocessor": {"train": {"_target_": "a.C"}}}}
    single = {"dataset": {"preprocessor": {"_target_": "a.B", "b": 1}}}
    assert variant_overrides(single, split, "training") == {
        "dataset": {"preprocessor": {"~_target_": None, "~b": None, "train": {"_target_": "a.C"}}}
    }
