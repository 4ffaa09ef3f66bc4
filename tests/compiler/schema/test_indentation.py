"""Slips of the layout in a shipped recipe: one finding in its place, and a fix that is clean."""

import shutil
from pathlib import Path

import pytest

from espnet3_compiler.cli.fix import plan_fixes, write_fixes
from espnet3_compiler.pipeline import compile_manifest

ASR = Path(__file__).parents[3] / "recipes" / "digits" / "asr"
TRAINING, MANIFEST = "conf/training.yaml", "recipe.yaml"

TOKENIZER = "  model_type: word\n  vocab_size: 13 "
CONFIGS = "  training: conf/training.yaml\n  inference: conf/inference.yaml\n"
REST = (
    "  metrics: conf/metrics.yaml\n  publication: conf/publication.yaml\n  demo: conf/demo.yaml\n"
)


def planted(folder: Path, file: str, old: str, new: str) -> Path:
    copy = folder / "digits" / "asr"
    shutil.copytree(ASR, copy, ignore=shutil.ignore_patterns("build", "exp", "data"))
    text = (copy / file).read_text("utf-8")
    assert old in text
    (copy / file).write_text(text.replace(old, new, 1), "utf-8")
    return copy / MANIFEST


@pytest.mark.parametrize(
    ("file", "old", "new", "code", "word"),
    [
        (TRAINING, TOKENIZER, "model_type: word\nvocab_size: 13 ", "R601", "model_type"),
        (MANIFEST, CONFIGS + REST, (CONFIGS + REST).replace("  ", ""), "R601", "training"),
        (MANIFEST, "  - infer\n", "  - infer:\n", "R601", "infer"),
        (MANIFEST, "  - infer\n", "    infer\n", "R606", "infer"),
        (TRAINING, "loss, 2, min", "loss, min, 2", "R602", "[valid/loss, min, 2]"),
        (
            TRAINING,
            "[[valid/loss, 2, min]]",
            "[valid/loss, 2, min]",
            "R602",
            "[valid/loss, 2, min]",
        ),
        (TRAINING, "optimizer:", "optimizerr:", "R601", "optimizerr"),
    ],
)
def test_one_slip_is_one_finding_and_its_fix_checks_clean(tmp_path, file, old, new, code, word):
    manifest = planted(tmp_path, file, old, new)
    found = compile_manifest(manifest).diagnostics
    assert [(f.code, f.primary.span.text) for f in found] == [(code, word)]
    assert found[0].fix is not None
    if found[0].fix.certain:
        assert write_fixes(plan_fixes(found)) == ()
        assert compile_manifest(manifest).diagnostics == ()


@pytest.mark.parametrize(
    ("file", "old", "new", "code", "word"),
    [
        (TRAINING, "optimizer: {_", "optimizer: [{_", "R101", None),
        (MANIFEST, "metrics: conf/metrics", "metrics: conf/demo", "R406", "conf/demo.yaml"),
        (MANIFEST, "  training: conf", "  [1, 2]: conf", "R106", "[1, 2]"),
        (MANIFEST, "  training: conf", "  12: conf", "R106", "12"),
        (MANIFEST, "system: asr", "system: !!str asr", "R103", "!!str"),
        (TRAINING, "lr: 3e-3, weight", "lr: &lr fast, weight", "R504", "fast"),
    ],
)
def test_one_cause_is_one_finding(tmp_path, file, old, new, code, word):
    found = compile_manifest(planted(tmp_path, file, old, new)).diagnostics
    assert [f.code for f in found] == [code]
    assert word in (None, found[0].primary.span.text)


@pytest.mark.parametrize(
    ("old", "new", "right", "wrong"),
    [
        ("\ndataset:", "\n12:", "data_src_args", "data_src_arg"),
        ("optimizer: {_target_:", "optimizer: {12:", "optim.AdamW", "optim.AdamX"),
    ],
)
def test_what_stands_below_a_key_that_is_no_text_is_not_checked(tmp_path, old, new, right, wrong):
    manifest = planted(tmp_path, TRAINING, old, new)
    config = manifest.parent / TRAINING
    config.write_text(config.read_text("utf-8").replace(right, wrong, 1), "utf-8")
    assert [f.code for f in compile_manifest(manifest).diagnostics] == ["R106"]


def test_beside_a_key_that_is_no_text_everything_is_checked(tmp_path):
    manifest = planted(tmp_path, TRAINING, "\ndataset:", "\n12:")
    config = manifest.parent / TRAINING
    config.write_text(config.read_text("utf-8").replace("optim.AdamW", "optim.AdamX"), "utf-8")
    assert {f.code for f in compile_manifest(manifest).diagnostics} == {"R106", "R501"}


@pytest.mark.parametrize(
    ("above", "line"),
    [("train   # long", "infer"), ("{name: train}", "infer"), ("{name: train}", "{name: infer}")],
)
def test_a_lost_dash_is_put_back(tmp_path, above, line):
    new = f"  - {above}\n    {line}\n"
    manifest = planted(tmp_path, MANIFEST, "  - train\n  - infer\n", new)
    (finding,) = compile_manifest(manifest).diagnostics
    assert (finding.code, finding.primary.span.text) == ("R101", line)
    assert finding.fix is not None
    assert [(edit.span.text, edit.text) for edit in finding.fix.edits] == [("  ", "- ")]


def test_a_file_with_a_single_key_of_another_role_is_told_by_its_name(tmp_path):
    manifest = planted(tmp_path, MANIFEST, "inference: conf/inference", "inference: conf/few")
    (manifest.parent / "conf/few.yaml").write_text("# scores\nmetrics: []\n", "utf-8")
    assert "R406" in [f.code for f in compile_manifest(manifest).diagnostics]
    (manifest.parent / "conf/few.yaml").write_text("metrics: []\nseed: 1\n", "utf-8")
    assert "R601" in [f.code for f in compile_manifest(manifest).diagnostics]
