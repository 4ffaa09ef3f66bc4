"""From trees of manifests to recipes."""

from pathlib import Path

import pytest

from espnet3_compiler.diagnostics.source import Source
from espnet3_compiler.manifest.lower import config_roles, configs_in_role, lower
from espnet3_compiler.manifest.recipe import Resolved
from espnet3_compiler.syntax.read import read_text
from espnet3_compiler.syntax.tree import Mapping

HEAD = """\
version: 1
recipe: mini/asr
system: asr
models: {net: {_target_: src.model.Net}}
configs: {training: conf/training.yaml, inference: conf/inference.yaml}
"""


def lowered(text, directory=Path("/nowhere")):
    source = Source("recipe.yaml", text)
    root, found = read_text(source)
    assert isinstance(root, Mapping), found
    return lower(root, source, directory)


def codes(found):
    return [finding.code for finding in found]


def bindings(stage):
    return {binding.role: binding.config for binding in stage.configs}


def test_short_form_is_name_and_run():
    recipe, found = lowered(HEAD + "stages: [train]\n")
    (stage,) = recipe.stages
    assert found == ()
    assert (stage.name.value, stage.run.value, stage.call) == ("train", "train", None)
    assert stage.run is stage.name


def test_run_is_the_name_unless_it_calls():
    recipe, found = lowered(
        HEAD + "stages:\n- {name: train}\n- {name: export, call: src.export.to_onnx}\n"
    )
    train, export = recipe.stages
    assert found == ()
    assert train.run.value == "train"
    assert export.run is None
    assert export.call.value == "src.export.to_onnx"


def test_roles_take_the_config_of_their_name():
    recipe, found = lowered(HEAD + "stages: [create_dataset, train, infer]\n")
    assert found == ()
    create, train, infer = recipe.stages
    assert bindings(create) == {"training": "training", "inference": "inference"}
    assert bindings(train) == {"training": "training"}
    assert bindings(infer) == {"inference": "inference"}


def test_a_plain_name_binds_the_first_role_and_the_others_go_by_default():
    text = HEAD.replace("{training:", "{full:") + "stages: [{name: create_dataset, config: full}]\n"
    recipe, found = lowered(text)
    assert found == ()
    assert bindings(recipe.stages[0]) == {"training": "full", "inference": "inference"}


def test_a_map_binds_roles():
    text = HEAD.replace("inference:", "other:") + (
        "stages: [{name: create_dataset, config: {inference: other}}]\n"
    )
    recipe, found = lowered(text)
    assert found == ()
    assert bindings(recipe.stages[0]) == {"training": "training", "inference": "other"}
    assert config_roles(recipe) == {"training": "training", "other": "inference"}


def test_required_roles_come_first():
    text = HEAD.replace("inference:", "publication: {}, inference:") + "stages: [pack_model]\n"
    recipe, found = lowered(text)
    assert found == ()
    roles = [binding.role for binding in recipe.stages[0].configs]
    assert roles == ["publication", "inference", "training"]


def test_configs_in_a_role_that_could_be_composed():
    text = HEAD.replace("inference:", "other: c.yaml, inference:")
    recipe, _ = lowered(text + "stages: [train, {name: t, run: train, config: other}, infer]\n")
    values = {name: Mapping((), recipe.name.span) for name in ("training", "inference")}
    resolved = Resolved({}, values, {}, {}, ())
    assert list(configs_in_role(recipe, resolved, "training")) == [("training", values["training"])]
    assert list(configs_in_role(recipe, resolved, "metrics")) == []


def test_a_call_stage_reads_only_what_it_lists():
    text = HEAD + "stages:\n- train\n- {name: show, call: src.x.show, config: {mine: training}}\n"
    recipe, found = lowered(text)
    assert found == ()
    assert bindings(recipe.stages[1]) == {"mine": "training"}
    assert config_roles(recipe) == {"training": "training", "inference": None}


def test_the_only_model_goes_to_stages_that_build_one():
    recipe, found = lowered(HEAD + "stages: [create_dataset, train, infer]\n")
    assert found == ()
    models = [stage.model.value if stage.model else None for stage in recipe.stages]
    assert models == [None, "net", "net"]


def test_of_two_models_none_is_chosen():
    text = HEAD.replace("net:", "big: {_target_: src.model.Big}, net:")
    recipe, found = lowered(text + "stages: [train, {name: again, run: train, model: big}]\n")
    assert found == ()
    assert recipe.stages[0].model is None
    assert recipe.stages[1].model.value == "big"


def test_globals_have_the_defaults_of_the_schema():
    recipe, _ = lowered(HEAD + "exp_dir: out\nstages: [train]\n")
    values = {entry.name: entry.value.value for entry in recipe.globals}
    assert values == {"exp_tag": "${self_name:}", "exp_dir": "out", "data_dir": "data"}
    assert recipe.globals.get("data_dir").span.source.kind == "schema"


def test_configs_keep_extends_and_file_apart():
    text = HEAD.replace(
        "inference: conf/inference.yaml", "small: {extends: training, file: a.yaml, seed: 2}"
    )
    recipe, found = lowered(text + "stages: [train]\n")
    training, small = recipe.configs
    assert found == ()
    assert (training.file.value, training.inline) == ("conf/training.yaml", None)
    assert (small.extends.value, small.file.value) == ("training", "a.yaml")
    assert [entry.name for entry in small.inline] == ["seed"]


def test_equal_but_for_comments_and_layout():
    text = HEAD + "stages: [train, infer]\n"
    loose = "# a comment\n" + HEAD + "stages:\n    # first\n    - train\n\n    - 'infer'\n"
    first, second = lowered(text)[0], lowered(loose)[0]
    assert first.stages == second.stages
    assert first.configs == second.configs


@pytest.mark.parametrize(
    "part",
    [
        "stages: 3",
        "stages: [3, [train], {run: 3}, null, train]",
        "models: [a]\nstages: [train]",
        "models: {a: 3}\nstages: [train]",
        "configs: 3\nstages: [train, infer]",
        "configs: {training: 3, inference: [a]}\nstages: [train, infer]",
        "stages: [{name: train, config: 3, model: [a], needs: x, with: 1, outputs: []}]",
        "system: 3\nstages: [train]",
        "exp_dir: {a: 1}\nstages: [train]",
    ],
)
def test_wrong_shapes_are_passed_over(part):
    """Shape reports them; lower goes on in silence."""
    lines = [line for line in HEAD.splitlines() if line.split(":")[0] not in part]
    recipe, found = lowered("\n".join([*lines, part]) + "\n")
    assert not [finding for finding in found if finding.code not in ("R205", "R405")]
    assert recipe.name.value == "mini/asr"


def test_a_stage_that_was_left_out_makes_the_recipe_incomplete():
    assert lowered(HEAD + "stages: [train]\n")[0].complete
    assert not lowered(HEAD + "stages: [train, 3]\n")[0].complete


def test_a_misspelt_kind_is_one_finding_and_its_consequences_none():
    recipe, found = lowered(
        HEAD + "stages: [create_dataset, trian, {name: infer, needs: [train]}]\n"
    )
    assert codes(found) == ["R401"]
    assert recipe.stages[1].name.value == "train"
    assert bindings(recipe.stages[1]) == {"training": "training"}


def test_a_role_config_under_a_misspelt_name_is_one_finding():
    recipe, found = lowered(
        HEAD.replace("{training:", "{trainig:") + "stages: [create_dataset, train]\n"
    )
    assert codes(found) == ["R405"]
    assert found[0].primary.span.text == "trainig"
    assert len(found[0].related) == 2
    assert [config.name.value for config in recipe.configs] == ["training", "inference"]


def test_k_mistakes_give_k_findings():
    text = HEAD + (
        "stages:\n"
        "- create_datset\n"
        "- {name: train, model: nett, config: trainin}\n"
        "- {name: train, run: train, init_from: trai, needs: [create_dataste]}\n"
        "- {name: infer, config: {inference: inferenc}}\n"
    )
    _, found = lowered(text)
    assert sorted(codes(found)) == ["R201", "R203", "R204", "R204", "R205", "R205", "R401"]
    assert all(finding.fix and finding.fix.certain for finding in found if finding.code != "R201")


def test_fixes_lead_to_a_clean_recipe():
    text = HEAD + "stages:\n- {name: trian}\n- {name: infer, model: nt, needs: [trai]}\n"
    _, found = lowered(text)
    edits = sorted((edit for f in found for edit in f.fix.edits), key=lambda e: -e.span.start)
    for edit in edits:
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    assert len(found) == 3
    assert lowered(text)[1] == ()


@pytest.fixture
def recipe_dir(tmp_path):
    source = tmp_path / "src"
    source.mkdir()
    (source / "__init__.py").write_text("from .systems import Deep as Shown\n")
    (source / "systems.py").write_text(
        "from espnet3_runtime.systems.asr import ASRSystem as Base\n"
        "import elsewhere\n"
        "class Mixin:\n    def hidden(self, context): ...\n"
        "class Middle(Base):\n"
        "    def polish(self, context): ...\n"
        "    def helper(self): ...\n"
        "    def _private(self, context): ...\n"
        "class Deep(Mixin, Middle):\n    def train(self, context): ...\n"
        "class Open(elsewhere.System):\n    def polish(self, context): ...\n"
        "class Nothing(Mixin): ...\n"
    )
    (source / "broken.py").write_text("class Bad(:\n")
    return tmp_path


def of_system(name, directory, stages="[polish]"):
    return lowered(
        HEAD.replace("system: asr", f"system: {name}") + f"stages: {stages}\n", directory
    )


@pytest.mark.parametrize("name", ["src.systems.Deep", "src.Shown"])
def test_kinds_of_a_class_and_its_bases(recipe_dir, name):
    recipe, found = of_system(name, recipe_dir, "[polish, train, train_tokenizer]")
    assert found == ()
    assert recipe.system.class_path == name
    assert set(recipe.system.own) == {"polish", "train"}
    assert "helper" not in recipe.system.kinds
    assert codes(of_system(name, recipe_dir, "[helper]")[1]) == ["R401"]


def test_a_base_that_cannot_be_seen_leaves_the_kinds_open(recipe_dir):
    recipe, found = of_system("src.systems.Open", recipe_dir, "[whatever]")
    assert found == ()
    assert "*" in recipe.system.kinds


@pytest.mark.parametrize("name", ["src.broken.Bad", "not_installed_here.System"])
def test_what_cannot_be_judged_is_not_judged(recipe_dir, name):
    assert of_system(name, recipe_dir, "[whatever]")[1] == ()


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("src.systems.Depe", "src.systems.Deep"),
        ("src.sytems.Deep", "src.systems.Deep"),
        ("srcs.systems.Deep", "src.systems.Deep"),
    ],
)
def test_a_misspelt_class_is_one_finding(recipe_dir, name, near):
    recipe, found = of_system(name, recipe_dir)
    assert codes(found) == ["R206"]
    assert found[0].fix.edits[0].text == near
    assert recipe.system.class_path == near


@pytest.mark.parametrize("name", ["asr.", ".asr", "a..b", "src.systems.Deep.", "class.x", "base.9"])
def test_a_system_that_is_no_dotted_name(recipe_dir, name):
    _, found = of_system(name, recipe_dir, "[train]")
    assert [(each.code, each.message) for each in found] == [
        ("R206", f'there is no system "{name}"')
    ]


def test_a_class_of_the_bare_root_has_its_own_kinds_only(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from espnet3_runtime.system import System\n"
        "class Bare(System):\n    def polish(self, context): ...\n"
    )
    recipe, found = of_system("mine.Bare", tmp_path, "[polish]")
    assert found == ()
    assert recipe.system.kinds == ("polish",)


def test_a_class_that_is_no_system(recipe_dir):
    _, found = of_system("src.systems.Nothing", recipe_dir, "[whatever]")
    assert codes(found) == ["R206"]
