"""The page about Systems, word for word: a System in a package, its roles, defaults and stages."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from espnet3_compiler.pipeline import compile_manifest
from espnet3_schemas import LOCK
from espnet3_schemas.build_records import source_path
from tests.docs.systems_kit import INFERENCE, checked, declare_log, edit, put
from tests.warm_kit import run_warm


def run(recipe: Path, *words: str) -> tuple[int, str]:
    """Run Python in the recipe, where the package is installed; return its code and output."""
    environment = {**os.environ, "PYTHONPATH": str(recipe.parent / "site")}
    if words[0] == "build/run.py":
        done = run_warm(*words, folder=recipe, environment=environment)
    else:
        command = [sys.executable, *words]
        done = subprocess.run(
            command, cwd=recipe, env=environment, text=True, capture_output=True, check=False
        )
    return done.returncode, done.stdout + done.stderr


def check(recipe: Path, *words: str) -> tuple[int, str]:
    return run(recipe, "-m", "espnet3_compiler", *words, "recipe.yaml")


def test_a_lab_shares_a_system(recipe: Path):
    code, said = check(recipe)
    assert code == 0, said
    assert "no mistakes" in said
    lock = json.loads((recipe / "build" / LOCK).read_text())
    declared = ["labels.yaml", "weighting.schema.json"]
    assert [one["path"] for one in lock["sources"] if one["path"].startswith("package:")] == [
        f"package:mylab/systems/{name}" for name in declared
    ]
    assert [stage["name"] for stage in lock["stages"]] == [
        *("create_dataset", "weigh_labels", "train", "infer", "measure")
    ]
    assert lock["stages"][2]["needs"] == ["create_dataset", "weigh_labels"]
    assert lock["stages"][1]["outputs"]["weights"]["type"] == "json"
    assert (recipe / "build/conf/weighting.yaml").read_text().endswith("\nleast: 2\n")
    code, said = check(recipe, "--why", "training.trainer.max_epochs")
    assert said.startswith(
        "training.trainer.max_epochs = 20\n    ../site/mylab/systems/labels.yaml:21:29  the default"
    )


def test_its_stage_runs_again_for_what_it_reads(recipe: Path):
    check(recipe)
    stages = ("build/run.py", "--stages", "create_dataset", "weigh_labels")
    code, said = run(recipe, *stages)
    weights = recipe / "exp/recipe/weigh_labels/weights.json"
    assert (code, json.loads(weights.read_text())) == (0, {"yes": 0.5}), said
    code, said = run(recipe, *stages, "--set", "training.trainer.max_epochs=3")
    assert "nothing to do" in said
    put(recipe / "other.yaml", "least: 1\n")
    code, said = run(recipe, *stages, "--weighting_config", "other.yaml")
    assert "weigh_labels    runs     config weighting.least changed (2 -> 1)" in said
    assert json.loads(weights.read_text()) == {"yes": 0.5, "no": 1.0}
    package = recipe.parent / "site/mylab/systems"
    code_file = package / "labels.py"
    code_file.write_text(code_file.read_text().replace("1 / count", "2 / count"))
    code, said = run(recipe, *stages)
    assert json.loads(weights.read_text()) == {"yes": 1.0}, said
    file = package / "labels.yaml"
    file.write_text(file.read_text().replace("{least: 2}", "{least: 3}"))
    code, said = run(recipe, *stages)
    assert (code, said) == (
        1,
        (
            'error: "package:mylab/systems/labels.yaml" changed since it was compiled\n'
            "  help: run: espnet3-compile recipe.yaml\n"
        ),
    )


@pytest.mark.parametrize(("packs", "kept"), [(True, True), (True, False), (False, False)])
def test_an_optional_stage_is_left_out_without_its_config(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, packs: bool, kept: bool
):
    declaration = recipe.parent / "site/mylab/systems/labels.yaml"
    edit(declaration, "infer, measure]", "infer, measure, pack_model]")
    if packs:
        edit(declaration, "kinds:\n", "kinds:\n  pack_model: {optional: true}\n")
    if kept:
        edit(recipe / "recipe.yaml", "configs:\n", "configs:\n  publication: {}\n")
    said = checked(recipe, monkeypatch)
    if not packs:
        assert 'stage "pack_model" has no publication config' in said, said
        return
    assert "no mistakes" in said, said
    plan = compile_manifest(Path("recipe.yaml")).plan
    assert plan
    assert [stage.name for stage in plan.stages] == [
        *("create_dataset", "weigh_labels", "train", "infer", "measure"),
        *(["pack_model"] if kept else ()),
    ]


def test_a_kind_outside_the_usual_stages_runs_where_it_is_named(recipe: Path):
    package = recipe.parent / "site/mylab/systems"
    edit(
        package / "labels.yaml", "[create_dataset, weigh_labels, train,", "[create_dataset, train,"
    )
    edit(package / "labels.yaml", "  weigh_labels:\n", "  weigh_labels:\n    optional: true\n")
    edit(recipe / "recipe.yaml", ', weights: "${stages.weigh_labels.weights}"', ", weights: w")
    code, said = check(recipe)
    assert code == 0, said
    assert "weigh_labels" not in run(recipe, "build/run.py", "--list")[1]
    with (recipe / "recipe.yaml").open("a") as file:
        file.write("stages: [create_dataset, weigh_labels, train]\n")
    code, said = check(recipe)
    assert code == 0, said
    code, said = run(recipe, "build/run.py", "--stages", "create_dataset", "weigh_labels")
    assert (code, "weigh_labels    done" in said) == (0, True), said


def test_the_log_of_a_stage_goes_where_its_system_says(recipe: Path):
    declare_log(recipe, "logs.folder")
    schema = recipe.parent / "site/mylab/systems/weighting.schema.json"
    edit(schema, '"minimum": 1}', '"minimum": 1}, "logs": {"type": "object"}')
    edit(
        recipe / "recipe.yaml",
        "configs:\n",
        'configs:\n  weighting: {logs: {folder: "${data_dir}"}}\n',
    )
    code, said = check(recipe)
    assert code == 0, said
    stages = ("build/run.py", "--stages", "create_dataset", "weigh_labels")
    _, said = run(recipe, *stages, "--dry_run")
    assert "log of weigh_labels: data/weigh_labels.log\n" in said
    code, said = run(recipe, *stages)
    assert code == 0, said
    assert "the stage has finished" in (recipe / "data/weigh_labels.log").read_text()
    assert not list((recipe / "exp/recipe/weigh_labels").glob("*.log"))
    _, said = run(recipe, "build/run.py", "--list")
    assert said.endswith("log of weigh_labels: data/weigh_labels.log\n")
    _, said = run(recipe, *stages)
    assert "nothing to do" in said  # the log is no part of the data beside it
    assert "log data/weigh_labels.log" in (recipe / "exp/recipe/report.html").read_text()
    _, said = run(recipe, *stages, "--set", "weighting.logs.folder=elsewhere/of/it", "--force")
    assert (recipe / "elsewhere/of/it/weigh_labels.log").exists(), said


@pytest.mark.parametrize(
    ("home", "module"),
    [("site", "labels"), ("site", "mylab.systems.__init__"), ("lab", "labels"), ("lab", "src.own")],
)
def test_the_files_of_a_declaration_are_found_again(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, home: str, module: str
):
    folder = recipe.parent / "site/mylab/systems"
    file = recipe.parent / home / f"{module.replace('.', '/')}.py"
    for ending in (".py", ".yaml"):
        (folder / f"labels{ending}").rename(file.with_suffix(ending))
    if file.parent != folder:
        (folder / "weighting.schema.json").rename(file.with_name("weighting.schema.json"))
    edit(recipe / "recipe.yaml", "mylab.systems.labels", module.removesuffix(".__init__"))
    monkeypatch.chdir(recipe)
    monkeypatch.syspath_prepend(recipe.parent / "site")
    plan = compile_manifest(Path("recipe.yaml")).plan
    assert plan
    found = [source_path(source.path, recipe) for source in plan.sources]
    assert [
        one for one in found if one.parent == file.parent and one != recipe / "recipe.yaml"
    ] == [
        file.with_suffix(".yaml"),
        file.with_name("weighting.schema.json"),
    ]


@pytest.mark.parametrize("name", ["package:none/a.yaml", "package:__main__.py/a", "package:../a"])
def test_a_file_of_no_package_is_not_found(tmp_path: Path, name: str):
    assert not source_path(name, tmp_path).exists()


@pytest.mark.parametrize("system", ["enh", "src.system.Own"])
def test_a_system_that_ships_gives_its_defaults_too(recipe: Path, system: str):
    base = "from espnet3_runtime.systems.enh import EnhancementSystem as Base"
    put(recipe / "src/system.py", f"{base}\nclass Own(Base):\n    pass\n")
    put(recipe / "conf/inference.yaml", INFERENCE.replace("${stages.train.best_checkpoint}", "w"))
    configs = "configs: {inference: conf/inference.yaml}\nstages: [infer, measure]\n"
    models = "models: {net: {_target_: src.model.Net, weights: w}}\n"
    put(recipe / "recipe.yaml", f"version: 1\nrecipe: lab/enh\nsystem: {system}\n{models}{configs}")
    _, said = check(recipe, "--why", "metrics.metrics")
    metric, place = said.splitlines()[2:4]
    assert metric.endswith('"espnet3_runtime.metrics.si_sdr.SISDRImprovement"'), said
    assert "espnet3_schemas/systems/enh.json:" in place
