"""The page about Systems, word for word: a System in a package, its roles, defaults and stages."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from espnet3_compiler.output import human
from espnet3_compiler.output.summary import Summary
from espnet3_compiler.pipeline import compile_manifest
from espnet3_schemas import LOCK
from espnet3_schemas.build_records import source_path
from tests.docs.tutorial_kit import PAGE, blocks

DATASET = """
class DatasetBuilder:
    def __init__(self, data_dir):
        self.path = data_dir / "train.tsv"

    def is_source_prepared(self):
        return True

    def prepare_source(self):
        pass

    def is_built(self):
        return self.path.exists()

    def build(self):
        self.path.write_text("a\\tyes\\nb\\tyes\\nc\\tno")


class Dataset:
    def __init__(self, split="train"):
        self.split = split

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return {"utt_id": str(index), "x": index, "text": "yes"}
"""
MODEL = """
import torch


class Net(torch.nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def forward(self, x):
        loss = self.layer(x[:, None]).sum()
        return loss, {"loss": loss}, len(x)
"""
INFERENCE = """
checkpoint: ${stages.train.best_checkpoint}
dataset: {test: [{name: train, data_src_args: {split: train}}]}
runner: {_target_: src.decode.Run}
input_key: x
output_keys: [text]
"""
RUNNER = """
class Run:
    def __call__(self, model, x, **_):
        return [{"text": "yes"} for _ in x]
"""
METRICS = """
metrics:
  - name: wer
    metric: {_target_: espnet3_runtime.metrics.wer.WER}
    inputs: {ref: "dataset:text", hyp: text}
"""
FILES = {
    "dataset/__init__.py": DATASET,
    "src/__init__.py": "",
    "src/model.py": MODEL,
    "src/decode.py": RUNNER,
    "conf/inference.yaml": INFERENCE,
    "conf/metrics.yaml": METRICS,
}


def put(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Write what the page shows, the package beside the recipe, and the rest of the recipe."""
    for _, name, text in blocks(PAGE.with_name("systems.md")):
        put(tmp_path / ("lab/recipe.yaml" if name == "recipe.yaml" else f"site/{name}"), text)
    for folder in ("mylab", "mylab/systems"):
        (tmp_path / "site" / folder / "__init__.py").touch()
    for name, text in FILES.items():
        put(tmp_path / "lab" / name, text)
    return tmp_path / "lab"


def run(recipe: Path, *words: str) -> tuple[int, str]:
    """Run Python in the recipe, where the package is installed; return its code and output."""
    environment = {**os.environ, "PYTHONPATH": str(recipe.parent / "site")}
    command = [sys.executable, *words]
    done = subprocess.run(
        command, cwd=recipe, env=environment, text=True, capture_output=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def check(recipe: Path, *words: str) -> tuple[int, str]:
    return run(recipe, "-m", "espnet3_compiler", *words, "recipe.yaml")


def checked(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the report of a check where the package is installed."""
    monkeypatch.chdir(recipe)
    monkeypatch.syspath_prepend(recipe.parent / "site")
    return human.render(
        compile_manifest(Path("recipe.yaml")).diagnostics, Summary(manifests=("recipe.yaml",))
    )


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


def declare_log(recipe: Path, log_dir: str) -> None:
    """Declare in the package where the log of ``weigh_labels`` goes."""
    declaration = recipe.parent / "site/mylab/systems/labels.yaml"
    edit(
        declaration,
        "    consumes: [create_dataset]\n",
        f"    log_dir: {log_dir}\n    consumes: []\n",
    )


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


LOGS = [
    ("savepath", 'log_dir names "savepath", which config "weighting" does not have'),
    ("leasd", 'did you mean "least"?'),
    ("least", 'log_dir names "least", which is no directory'),
    ("least.path", 'log_dir names "least.path", which config "weighting" does not have'),
    ("../logs", "a key (tokens.save_path), or a path"),
    ("${stages.train.best_checkpoint}/x", "a path begins with ${exp_dir} or ${data_dir}"),
]


@pytest.mark.parametrize(("log_dir", "more"), LOGS)
def test_a_log_that_has_no_place(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, log_dir: str, more: str
):
    declare_log(recipe, log_dir)
    said = checked(recipe, monkeypatch)
    assert more in said, said
    assert f"--> {SYSTEM}:8:14\n" in said, said
    assert said.count("error[") == 1, said


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


METHODS = [
    ("class LabelSystem(BaseSystem)", "class LabelSystem(elsewhere.System)"),
    ("    def weigh_labels(self, context: StageContext)", "    @timed\n    def weigh_labels(self)"),
    ("    def weigh_labels(", "    weigh_labels = make_stage()\n\n    def _weigh("),
]


@pytest.mark.parametrize(("old", "new"), METHODS)
def test_a_method_that_cannot_be_read_is_a_kind_where_it_is_declared(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str
):
    edit(recipe.parent / "site/mylab/systems/labels.py", old, new)
    declaration = recipe.parent / "site/mylab/systems/labels.yaml"
    if "elsewhere" in new:
        edit(declaration, "weigh_labels, train,", "weigh_labels, mix_labels, train,")
    assert ": no mistakes" in checked(recipe, monkeypatch)


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


SYSTEM, RECIPE = "../site/mylab/systems/labels.yaml", "recipe.yaml"
MISTAKES = [
    ("roles:\n      w", "role:\n      w", "R601", f"{SYSTEM}:6:5", 'did you mean "roles"?'),
    ("[least]", "[leest]", "R214", f"{SYSTEM}:7:27", 'did you mean "least"?'),
    ("  weigh_labels:\n    t", "  weigh_label:\n    t", "R214", f"{SYSTEM}:4:3", "weigh_labels"),
    ("weigh_labels, train,", "weigh_lables, train,", "R214", f"{SYSTEM}:2:26", "weigh_labels"),
    ("[create_dataset]", "[create_data]", "R214", f"{SYSTEM}:8:16", "create_dataset"),
    ("weighting.schema", "weight.schema", "R701", f"{SYSTEM}:16:13", "does not exist"),
    ("weighting.schema.json", "labels.yaml", "R214", f"{SYSTEM}:16:13", "cannot be used as JSON"),
    ("{least: 2}", "{least: two}", "R602", f"{RECIPE}:3:9", f"{SYSTEM}:17:23"),
    ("lr: 1e-3", "lt: 1e-3", "R502", f"{RECIPE}:6:3", f"{SYSTEM}:20:48"),
    ("path: weights.json", "path: '${exp_dir}/w'", "R214", f"{SYSTEM}:10:23", "is not replaced"),
    ("path: weights.json", "path: ../w", "R606", f"{SYSTEM}:10:23", "or ${data_dir} alone"),
    ("reads: [least]", "reads: least", "R602", f"{SYSTEM}:7:26", "must be a list"),
    (
        "[create_dataset, weigh",
        "[[], weigh",
        "R602",
        f"{SYSTEM}:2:10",
        '"stages[0]" must be text',
    ),
    ("{least: 2}", "none.yaml", "R701", f"{SYSTEM}:17:15", "does not exist"),
]


@pytest.mark.parametrize(("old", "new", "code", "place", "more"), MISTAKES)
def test_a_mistake_in_a_declaration(
    recipe: Path,
    monkeypatch: pytest.MonkeyPatch,
    old: str,
    new: str,
    code: str,
    place: str,
    more: str,
):
    file = recipe.parent / "site/mylab/systems/labels.yaml"
    edit(file, old, new)
    said = checked(recipe, monkeypatch)
    assert said.count("\nerror[") + said.startswith("error[") == 1, said
    assert f"[{code} " in said, said
    assert f"--> {place}\n" in said, said
    assert more in said, said


OF_THE_RECIPE = [
    ("models: {net", "stages: [train, weigh_labels]\nmodels: {net", "R402"),
    ("weigh_labels.weights", "weigh_labels.wieghts", "R404"),
    ("configs:\n", "configs:\n  weighting: {leest: 2}\n", "R601"),
    ("configs:\n", "configs:\n  weighting: {least: 0}\n", "R605"),
]


@pytest.mark.parametrize(("old", "new", "code"), OF_THE_RECIPE)
def test_a_recipe_is_held_to_what_its_system_declares(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, code: str
):
    manifest = recipe / "recipe.yaml"
    manifest.write_text(manifest.read_text().replace(old, new))
    said = checked(recipe, monkeypatch)
    assert f"[{code} " in said, said


def test_without_its_package_the_recipe_says_what_is_missing(
    recipe: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(recipe)
    found = compile_manifest(Path("recipe.yaml")).diagnostics
    assert [one.code for one in found] == ["R603"]
    assert found[0].help[1:] == (
        'install the package of "mylab.systems.labels.LabelSystem", which may declare them',
    )
