"""Mistakes in what a System declares, and in recipes that are held to it."""

from pathlib import Path

import pytest

from espnet3_compiler.pipeline import compile_manifest
from tests.docs.systems_kit import checked, declare_log, edit

SYSTEM, RECIPE = "../site/mylab/systems/labels.yaml", "recipe.yaml"
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
