"""Comments that silence warnings; what is said of each form of them is in tests/cases."""

from pathlib import Path

import pytest

from espnet3_compiler.pipeline import compile_manifest
from tests.compiler.recipe_kit import call, minimal

UNUSED = "configs:\n  spare: {a: 1}  # espnet3: ignore R207"
COMMENT = "seed: 1  # espnet3: ignore R801\n"


def codes(manifest: Path, *sets: str) -> list[str]:
    return [finding.code for finding in compile_manifest(manifest, sets).diagnostics]


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """Return a manifest with a config in a file, in which a comment silences nothing."""
    manifest = minimal(tmp_path, old="configs:", new="configs:\n  base: base.yaml")
    text = manifest.read_text().replace("training:\n", "training:\n    extends: base\n")
    manifest.write_text(text)
    (tmp_path / "base.yaml").write_text(COMMENT)
    return manifest


def test_a_silenced_warning_is_none_for_strict_either(tmp_path: Path):
    manifest = minimal(tmp_path, old="configs:", new=UNUSED)
    assert call("--check", "--strict", manifest) == 0
    minimal(tmp_path, old="configs:", new=UNUSED.replace("R207", "R208"))
    assert codes(manifest) == ["R207", "R819"]


def test_values_of_the_command_line_may_be_why_nothing_is_silenced(shared: Path):
    assert codes(shared) == ["R819"]
    assert codes(shared, "training.seed=2") == []


def test_another_manifest_may_need_the_comment(shared: Path):
    other = shared.with_name("recipe_other.yaml")
    other.write_text(shared.read_text())
    assert codes(shared) == []
    shared.write_text(
        shared.read_text().replace("stages:", "exp_tag: a  # espnet3: ignore R801\nstages:")
    )
    assert codes(shared) == ["R819"]
    other.write_text("a: recipe\n")
    assert codes(shared) == ["R819", "R819"]


def test_nothing_is_missed_where_checks_stopped_at_an_error(shared: Path):
    shared.write_text(shared.read_text().replace("in_features", "in_featurs"))
    assert codes(shared) == ["R502"]


def test_a_target_that_cannot_be_read_is_silenced_too(tmp_path: Path, capsys):
    away = {"old": "torch.nn.Linear, in", "new": "warprnnt_pytorch.Loss, in"}
    manifest = minimal(tmp_path, **away)
    assert call("--check", "--strict", manifest) == 1
    assert "R520" in capsys.readouterr().err
    manifest.write_text(
        manifest.read_text().replace("features: 2}", "features: 2}  # espnet3: ignore R520")
    )
    assert call("--check", "--strict", manifest) == 0
    err = capsys.readouterr().err
    assert "was not checked" not in err
    assert "1 not checked" in err
