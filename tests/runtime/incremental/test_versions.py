"""Installed packages: a stage runs again when the version of one that it uses changes."""

import os
from pathlib import Path

import pytest

from espnet3_runtime.incremental.versions import relevant_versions
from espnet3_schemas.build_records import Stage
from tests.runtime.edit_kit import build_recipe
from tests.runtime.toy import Toy


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return a folder of installed packages, as ``pip install --target`` leaves it."""
    return tmp_path / "site"


def install(site: Path, distribution: str, version: str, package: str | None = None) -> None:
    """Install a package, under another name than that of its distribution if one is given."""
    module = site / f"{package or distribution}.py"
    module.parent.mkdir(exist_ok=True)
    module.write_text("class Thing: ...\n")
    for old in site.glob(f"{distribution}-*.dist-info"):
        for file in old.iterdir():
            file.unlink()
        old.rmdir()
    info = site / f"{distribution}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
    )
    (info / "top_level.txt").write_text(f"{module.stem}\n")


def run(recipe: Toy, site: Path, *arguments: str) -> str:
    path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    done = recipe.python(*arguments, env={**os.environ, "PYTHONPATH": path})
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def test_packages_that_only_a_target_names(site: Path, tmp_path: Path) -> None:
    install(site, "tones", "1.0")
    install(site, "wave_tools", "2.0", package="waves")
    install(site, "unnamed", "3.0")
    recipe = build_recipe(tmp_path / "recipe")
    recipe.configs["settings"]["nested"] = {"a": [{"_target_": "tones.Thing"}], "b": None}
    recipe.configs["settings"]["name"] = "unnamed.Thing"  # a text, no target
    recipe.configs["other_settings"]["made"] = {"_target_": "waves.Thing"}
    recipe.write()
    run(recipe, site)
    seen = {
        name: recipe.receipt(name)["inputs"]["versions"] for name in ("prepare", "fit", "score")
    }
    for versions in seen.values():
        assert {versions.pop("python"), versions.pop("espnet3-compile")}
    assert seen == {"prepare": {"waves": "2.0"}, "fit": {"tones": "1.0"}, "score": {}}
    install(site, "unnamed", "3.1")
    install(site, "tones", "1.0+cpu")
    assert "nothing to do" in run(recipe, site)
    install(site, "tones", "1.1")
    text = run(recipe, site, "--dry_run")
    lines = [" ".join(line.split()) for line in text.splitlines() if line.startswith("  ")]
    assert lines[0].startswith("prepare skipped up to date since")
    assert lines[1:] == [
        "fit runs version of tones changed (1.0 -> 1.1)",
        "score may run if fit makes something else",
    ]


@pytest.mark.parametrize(
    ("kind", "named", "used"),
    [
        ("train", (), {"lightning", "torch", "numpy"}),
        (
            "train_tokenizer",
            ("yaml", "json", "espnet3_runtime", "nowhere"),
            {"sentencepiece", "yaml"},
        ),
        ("infer", ("pytest",), {"torch", "numpy", "pytest"}),
        ("create_dataset", (), set()),
    ],
)
def test_what_a_kind_imports_counts_besides_what_the_recipe_names(
    kind: str, named: tuple[str, ...], used: set[str]
) -> None:
    stage = Stage(kind, kind, None, {}, None, None, (), (), {})
    always = {"python", "espnet3-compile"}
    assert set(relevant_versions(stage, named)) == used | always
