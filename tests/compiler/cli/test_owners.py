"""Files of recipes that are no manifests, and files of other tools, on the command line."""

import json
import os
from pathlib import Path

import pytest

from tests.compiler.recipe_kit import call, minimal

CONFIGS = "configs:\n  metrics: conf/metrics.yaml"
OTHERS = {
    "of conda": "schema_version: 1\ncontext: {a: 1}\npackage:\n  name: x\nbuild:\n  number: 0\n",
    "of conda, with outputs": "recipe:\n  name: x\noutputs:\n  - package: {name: a}\n",
    "of a distribution": "name: os\nbase-image: x\nimage-version: 4\nmodules: []\n",
    "of a refactoring": "type: specs.openrewrite.org/v1beta/recipe\nname: a\nrecipeList: []\n",
    "of a cook": "title: Soup\ningredients: [water]\nsteps:\n  - boil it\n",
}
CHECK = ("--check",)
CHANGED = ("--check", "--changed")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()


def recipe(name: str, configs: str = CONFIGS) -> Path:
    """Write a recipe with a config, which two of its manifests name, and a mistake in each file."""
    folder = Path(name)
    minimal(folder, old="configs:", new=configs)
    (folder / "recipe_small.yaml").write_text((folder / "recipe.yaml").read_text())
    (folder / "recipe_other.yaml").write_text(minimal(folder / "x").read_text())
    (folder / "conf").mkdir()
    (folder / "src").mkdir()
    (folder / "conf/metrics.yaml").write_text("metrics: []\n")
    (folder / "conf/spare.yaml").write_text("seed: 1\n")
    (folder / "src/model.py").write_text("")
    return folder


def checked(capsys) -> list[str]:
    """Return the manifests that were checked, from the totals of a JSON report."""
    return json.loads(capsys.readouterr().out)["summary"]["manifests"]


@pytest.mark.parametrize("words", [CHECK, CHANGED])
@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("conf/metrics.yaml", ["recipe.yaml", "recipe_small.yaml"]),
        ("conf/spare.yaml", ["recipe.yaml", "recipe_other.yaml", "recipe_small.yaml"]),
        ("src/model.py", ["recipe.yaml", "recipe_other.yaml", "recipe_small.yaml"]),
        ("recipe_small.yaml", ["recipe_small.yaml"]),
        ("x/recipe.yaml", ["x/recipe.yaml"]),
    ],
)
def test_a_file_stands_for_the_manifests_that_own_it(words, file, names, capsys) -> None:
    recipe("a/asr")
    recipe("b/asr")
    assert call(*words, "--format", "json", f"a/asr/{file}") == 0
    assert checked(capsys) == [f"a/asr/{name}" for name in names]


def test_a_config_is_reported_where_its_manifest_uses_it(capsys) -> None:
    folder = recipe("asr")
    (folder / "conf/metrics.yaml").write_text("metrics: []\nmetrcs: []\n")
    for path in (folder / "recipe.yaml", folder / "recipe_small.yaml"):
        path.write_text(path.read_text().replace("stages: [train]", "stages: [train, measure]"))
    assert call("asr/conf/metrics.yaml") == 1
    err = capsys.readouterr().err
    assert err.startswith(
        'note: "asr/conf/metrics.yaml" is no manifest; what is checked is "asr/recipe.yaml" and '
        '"asr/recipe_small.yaml", which it belongs to\n'
    )
    assert "asr/conf/metrics.yaml:2:1" in err


@pytest.mark.parametrize("text", OTHERS.values(), ids=OTHERS)
def test_files_of_other_tools_are_told_and_passed_over(text: str, capsys) -> None:
    recipe("asr")
    Path("feedstock").mkdir()
    Path("feedstock/recipe.yaml").write_text(text)
    assert call("--check", "feedstock/recipe.yaml") == 2
    told = 'error: "feedstock/recipe.yaml" is no manifest of a recipe, and belongs to none\n'
    assert capsys.readouterr().err == told
    assert call(*CHANGED, "feedstock/recipe.yaml") == 0
    assert capsys.readouterr().err == ""
    assert call("--check", ".") == 0
    assert '"feedstock/recipe.yaml" was passed over' in capsys.readouterr().err
    assert call("--check", "feedstock") == 2
    assert "there is no recipe.yaml in or below" in capsys.readouterr().err


def test_changed_files_of_no_recipe_are_nothing_to_check(capsys) -> None:
    recipe("asr")
    (Path("asr") / "exp").mkdir()
    for name in ("setup.py", "mkdocs.yml", "asr/exp/config.yaml", "asr/notes.txt"):
        Path(name).write_text("a: 1\n")
        assert call(*CHANGED, name) == 0
    assert call(*CHANGED, "gone.yaml") == 0
    assert call(*CHANGED) == 0
    assert capsys.readouterr() == ("", "")
    assert call("--check", "setup.py") == 2
    assert '"setup.py" is no manifest of a recipe, and belongs to none' in capsys.readouterr().err


def test_recipes_beside_use_a_changed_file_by_a_link(capsys) -> None:
    recipe("a/asr")
    recipe("a/other")
    tts = recipe("a/tts")
    (tts / "src/model.py").unlink()
    (tts / "src/model.py").symlink_to("../../asr/src/model.py")
    (tts / "shared").symlink_to("../asr/conf")
    every = ["recipe.yaml", "recipe_other.yaml", "recipe_small.yaml"]
    assert call(*CHANGED, "--format", "json", "a/asr/src/model.py") == 0
    expected = [f"a/{name}/{manifest}" for name in ("asr", "tts") for manifest in every]
    assert checked(capsys) == expected
    assert call(*CHANGED, "--format", "json", "a/asr/conf/spare.yaml") == 0
    assert checked(capsys) == expected


def test_a_config_that_replaces_another_is_checked_in_its_place(capsys) -> None:
    folder = recipe("asr")
    (folder / "conf/slurm.yaml").write_text("# replaces: training\ntrainr: {devices: 4}\n")
    assert call(*CHANGED, "asr/conf/slurm.yaml") == 1
    assert "asr/conf/slurm.yaml:2:1" in capsys.readouterr().err
    assert call(*CHANGED, "asr/recipe.yaml") == 1


@pytest.mark.parametrize("text", ["", "- a\n", "version: 1\nstagez: []\n", "{version: 1}\n"])
def test_manifests_that_are_hardly_ones_are_reported(text: str, capsys) -> None:
    Path("recipe.yaml").write_text(text)
    Path("other.yaml").write_text("recipe: a/b\nsystem: base\n")
    assert call("--check", "recipe.yaml") == 1
    assert "recipe.yaml:" in capsys.readouterr().err


def test_without_a_path_the_manifest_here_is_compiled(capsys) -> None:
    assert call("--check") == 2
    assert "name a manifest or a directory" in capsys.readouterr().err
    os.chdir(recipe("asr"))
    assert call("--check") == 0
    assert "\nrecipe.yaml: 1 warning; " in capsys.readouterr().err
    assert call() == 0
    assert Path("build/run.py").exists()
    assert call("--changed") == 2
    assert "--changed goes with --check" in capsys.readouterr().err
