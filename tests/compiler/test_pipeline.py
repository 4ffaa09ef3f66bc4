"""One run reports every mistake once, in order; steps behind a mistake still look at the rest."""

import json
from pathlib import Path

import pytest

from espnet3_compiler.pipeline import compile_manifest
from espnet3_compiler.result import sort_findings
from espnet3_compiler.signature.cache import CACHE_VARIABLE
from espnet3_schemas.build_records import Output
from espnet3_schemas.late_values import StageOutput
from tests.compiler.recipe_kit import GOLDEN, copy, minimal

MANY = """\
version: 1
recipe: many/mistakes
system: asr
colour: red
models:
  net: {_target_: torch.nn.Linear, in_features: 8, out_featuers: 2}
configs:
  training:
    seed: -1
    dataset: {train: [{data_src: digits}]}
    trainer: {max_epoch: 3}
    optimizer: {_target_: torch.optim.AdamV}
  inference:
    checkpoint: ${stages.train.best_chekpoint}
    dataset: {test: [{name: test, data_src: digits}]}
    runner: {_target_: functools.partial}
stages:
  - train
  - trian
  - infer
"""


def codes(path: Path, **options) -> list[str]:
    return [finding.code for finding in compile_manifest(path, **options).diagnostics]


def test_all_mistakes_in_one_run_sorted_by_place(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(MANY)
    outcome = compile_manifest(path)
    assert outcome.plan is None
    assert [finding.code for finding in outcome.diagnostics] == [
        "R601", "R502", "R605", "R601", "R501", "R404", "R401",
    ]  # fmt: skip
    starts = [finding.primary.span.start for finding in outcome.diagnostics]
    assert starts == sorted(starts)


def test_a_mistake_in_a_shared_file_is_told_once(tmp_path: Path) -> None:
    manifest = copy("pipeline", tmp_path / "recipe")
    full = manifest.parent / "conf/full.yaml"
    full.write_text(full.read_text().replace("model_type: char", "model_type: chars"))
    outcome = compile_manifest(manifest)
    assert [finding.code for finding in outcome.diagnostics] == ["R604"]
    assert outcome.diagnostics[0].primary.span.source.path == full


def test_findings_of_the_manifest_come_first(tmp_path: Path) -> None:
    manifest = copy("pipeline", tmp_path / "recipe")
    text = manifest.read_text().replace("max_epochs: 2", "max_epoch: 2")
    manifest.write_text(text)
    full = manifest.parent / "conf/full.yaml"
    full.write_text(f"sed: 1\n{full.read_text()}")
    names = [f.primary.span.source.name for f in compile_manifest(manifest).diagnostics]
    assert [Path(name).name for name in names] == ["recipe.yaml", "full.yaml"]


def test_a_default_that_is_fetched_into_another_place_is_checked_there(tmp_path: Path) -> None:
    manifest = copy("pipeline", tmp_path / "recipe")
    text = manifest.read_text()
    assert text.count("max_epochs: 2") == 1
    manifest.write_text(
        text.replace("max_epochs: 2", "max_epochs: '${configs.full.trainer.strategy}'")
    )
    (finding,) = compile_manifest(manifest).diagnostics
    assert finding.code == "R602"
    assert "max_epochs" in finding.message


@pytest.mark.parametrize(
    "text", ["", "- a\n", "a: [", "null\n", "\x00", "version: 1\n", "stages: 3\n"]
)
def test_hopeless_manifests_end_in_a_report(tmp_path: Path, text: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    outcome = compile_manifest(path)
    assert not outcome.ok
    assert outcome.plan is None


def test_a_missing_manifest_ends_in_a_report(tmp_path: Path) -> None:
    assert codes(tmp_path / "recipe.yaml") == ["R701"]


def test_warnings_do_not_stop_a_build(tmp_path: Path) -> None:
    outcome = compile_manifest(minimal(tmp_path, old="configs:", new="configs:\n  spare: {a: 1}"))
    assert [finding.code for finding in outcome.diagnostics] == ["R207"]
    assert outcome.ok
    assert outcome.plan is not None


def test_the_plan_of_a_whole_recipe() -> None:
    plan = compile_manifest(GOLDEN / "pipeline/recipe.yaml").plan
    assert plan is not None
    assert plan.class_name == "GoldenPipeLine2System"
    assert plan.globals == {
        "exp_tag": "phases_recipe", "exp_dir": "exp/phases_recipe", "data_dir": "corpora",
    }  # fmt: skip
    stages = {stage.name: stage for stage in plan.stages}
    assert stages["train_full"].init_from == "train_easy"
    assert stages["train_full"].needs[-1] == "train_easy"
    assert StageOutput("train_easy", "best_checkpoint") in stages["train_full"].reads
    assert stages["train_easy"].outputs["best_checkpoint"] == Output(
        "exp/phases_recipe/train_easy/best.ckpt", "checkpoint"
    )
    assert stages["create_dataset"].outputs["data_dir"].path == "corpora"
    assert stages["infer"].outputs["inference_dir"].path == "exp/phases_recipe/infer"
    assert stages["export"].needs == ("train_full", "measure")
    assert stages["export"].outputs["model"].path == "exp/phases_recipe/model.bin"
    assert [source.path for source in plan.sources] == [
        "recipe.yaml", "conf/full.yaml", "conf/inference.yaml",
    ]  # fmt: skip


def test_comments_and_layout_change_only_the_hash_of_the_source(tmp_path: Path) -> None:
    first = compile_manifest(minimal(tmp_path / "a")).plan
    other = minimal(tmp_path / "b", old="stages: [train]", new="# text\nstages:\n  - train # text")
    second = compile_manifest(other).plan
    assert first is not None
    assert second is not None
    assert first.sources != second.sources
    assert first.digest == second.digest
    assert (first.stages, first.configs, first.models) == (
        second.stages, second.configs, second.models,
    )  # fmt: skip


def test_set_and_config_files_take_part(tmp_path: Path) -> None:
    manifest = copy("pipeline", tmp_path / "recipe")
    other = tmp_path / "other.yaml"
    other.write_text((manifest.parent / "conf/inference.yaml").read_text() + "batch_size: 3\n")
    sets = ["full.seed=9", "recipe.exp_tag=mine"]
    plan = compile_manifest(manifest, sets, {"inference": other}).plan
    assert plan is not None
    values = {config.name: config.value for config in plan.configs}
    assert values["full"]["seed"] == values["easy"]["seed"] == 9
    assert values["inference"]["batch_size"] == 3
    assert plan.globals["exp_dir"] == "exp/mine"
    assert plan.sets == tuple(sets)
    assert "../other.yaml" in [source.path for source in plan.sources]


def test_mistakes_in_set_are_told_at_their_place() -> None:
    outcome = compile_manifest(GOLDEN / "minimal/recipe.yaml", ["training.sed=9", "training"])
    assert sorted(finding.code for finding in outcome.diagnostics) == ["R309", "R601"]
    assert {finding.primary.span.source.kind for finding in outcome.diagnostics} == {"set"}


def test_tidy_is_stable(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(MANY)
    findings = compile_manifest(path).diagnostics
    name = findings[0].primary.span.source.name
    assert sort_findings(reversed((*findings, *findings)), name) == findings


def test_a_file_that_a_resolver_reads_is_a_source(tmp_path: Path) -> None:
    new = "training:\n    freeze: ${load_line:names.txt}"
    manifest = minimal(tmp_path, old="training:", new=new)
    (tmp_path / "names.txt").write_text("net\n")
    plan = compile_manifest(manifest).plan
    assert plan is not None, codes(manifest)
    assert json.dumps([source.path for source in plan.sources]) == '["recipe.yaml", "names.txt"]'


def test_a_compile_leaves_what_it_read_for_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    manifest = minimal(tmp_path / "recipe", old="torch.nn.Linear", new="src.net.Net")
    (tmp_path / "recipe" / "src").mkdir()
    (tmp_path / "recipe" / "src" / "net.py").write_text(
        "import torch\nclass Net(torch.nn.Module):\n"
        "    def __init__(self, in_features, out_features):\n        super().__init__()\n"
    )
    first = compile_manifest(manifest)
    left = {path: path.read_bytes() for path in (tmp_path / "cache").rglob("*") if path.is_file()}
    assert left
    second = compile_manifest(manifest)
    messages = [[each.message for each in one.diagnostics] for one in (first, second)]
    assert messages == [["src.net.Net lacks forward, which training calls"]] * 2
    again = {path: path.read_bytes() for path in (tmp_path / "cache").rglob("*") if path.is_file()}
    assert again == left
