"""What leads out of a recipe, or is no ordinary file, is neither read, shown nor written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.compiler.recipe_kit import minimal

COMPILER = Path(sys.executable).with_name("espnet3-compile")
SECRET = "optimizr: {secret: 5up3r}\n"  # a plain misspelling: --fix would write it
OPTIONS = ([], ["--check", "--fix", "--format", "json"])


def compile_(recipe: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run the command in the recipe; one that waits for a pipe fails."""
    command = [COMPILER, *words, "recipe.yaml"]
    return subprocess.run(
        command, cwd=recipe, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """A recipe beside a file and a folder that it must not reach."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "training.yaml").write_text(SECRET)
    (outside / "secret.txt").write_text("5up3r\n")
    minimal(tmp_path / "recipe")
    (tmp_path / "recipe" / "conf").mkdir()
    return tmp_path / "recipe"


def name_config(recipe: Path, path: str) -> None:
    """Let the manifest name a file as its config."""
    text = (recipe / "recipe.yaml").read_text()
    (recipe / "recipe.yaml").write_text(text.replace("configs:\n", f"configs:\n  more: {path}\n"))


def link_file(recipe: Path) -> str:
    (recipe / "conf/training.yaml").symlink_to("../../outside/training.yaml")
    return "conf/training.yaml"


def link_folder(recipe: Path) -> str:
    (recipe / "linked").symlink_to("../outside")
    return "linked/training.yaml"


def link_of_link(recipe: Path) -> str:
    link_file(recipe)
    (recipe / "again.yaml").symlink_to("conf/training.yaml")
    return "again.yaml"


def link_absolutely(recipe: Path) -> str:
    (recipe / "conf/a.yaml").symlink_to(recipe.parent.resolve() / "outside/training.yaml")
    return "conf/a.yaml"


@pytest.mark.parametrize("words", OPTIONS)
@pytest.mark.parametrize("make", [link_file, link_folder, link_of_link, link_absolutely])
def test_a_config_behind_a_link_is_refused_where_it_is_named(recipe, make, words) -> None:
    name = make(recipe)
    name_config(recipe, name)
    done = compile_(recipe, *words)
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert "R702" in said
    assert "leads through a link out of the recipe directory" in said
    assert f"more: {name}" in said or "json" in words
    assert "5up3r" not in said
    assert "optimizr" not in said
    assert (recipe.parent / "outside/training.yaml").read_text() == SECRET
    assert not (recipe / "build").exists()


@pytest.mark.parametrize("words", OPTIONS)
def test_a_manifest_behind_a_link_is_refused(recipe, words) -> None:
    (recipe / "recipe.yaml").unlink()
    (recipe / "recipe.yaml").symlink_to("../outside/training.yaml")
    done = compile_(recipe, *words)
    assert done.returncode == 1
    assert "R702" in done.stdout + done.stderr
    assert "5up3r" not in done.stdout + done.stderr
    assert (recipe.parent / "outside/training.yaml").read_text() == SECRET


@pytest.mark.parametrize("link", ["words.txt", "linked/secret.txt"])
def test_load_line_does_not_follow_a_link_out(recipe, link) -> None:
    (recipe / "words.txt").symlink_to("../outside/secret.txt")
    (recipe / "linked").symlink_to("../outside")
    name_config(recipe, f'{{a: "${{load_line:{link}}}"}}')
    done = compile_(recipe)
    assert done.returncode == 1
    assert f'"{link}" leads through a link out of the recipe directory' in done.stderr
    assert not (recipe / "build").exists()
    why = compile_(recipe, "--why", "more.a")
    assert "5up3r" not in why.stdout + why.stderr + done.stderr


def test_a_linked_file_is_no_suggestion(recipe) -> None:
    name_config(recipe, "linked/trainin.yaml")
    link_folder(recipe)
    link_file(recipe)
    done = compile_(recipe, "--check", "--fix")
    assert done.returncode == 1
    assert "training.yaml" not in done.stderr.replace("linked/trainin.yaml", "")


def test_links_inside_of_the_recipe_are_followed(recipe) -> None:
    (recipe / "conf/link.yaml").symlink_to("real.yaml")
    (recipe / "words.txt").write_text("one\n")
    (recipe / "conf/words.txt").symlink_to("../words.txt")
    (recipe / "conf/real.yaml").write_text('a: "${load_line:words.txt}"\n')
    name_config(recipe, "conf/link.yaml")
    done = compile_(recipe, "--why", "more.a")
    assert done.returncode == 0, done.stderr
    assert "one" in done.stdout


def pipe_as_config(recipe: Path) -> None:
    os.mkfifo(recipe / "conf/pipe.yaml")
    name_config(recipe, "conf/pipe.yaml")


def pipe_of_lines(recipe: Path) -> None:
    os.mkfifo(recipe / "pipe.txt")
    name_config(recipe, '{a: "${load_line:pipe.txt}"}')


def pipe_as_manifest(recipe: Path) -> None:
    (recipe / "recipe.yaml").unlink()
    os.mkfifo(recipe / "recipe.yaml")


def pipe_near_a_name(recipe: Path) -> None:
    os.mkfifo(recipe / "conf/training.yaml")
    name_config(recipe, "conf/trainin.yaml")


@pytest.mark.parametrize(
    "make", [pipe_as_config, pipe_of_lines, pipe_as_manifest, pipe_near_a_name]
)
def test_a_pipe_is_not_waited_for(recipe, make) -> None:
    make(recipe)
    for words in OPTIONS:
        done = compile_(recipe, *words)
        assert done.returncode == 1
        assert "R701" in done.stdout + done.stderr


def test_pipes_in_code_and_in_a_build_are_not_waited_for(recipe) -> None:
    assert compile_(recipe).returncode == 0
    (recipe / "src").mkdir()
    (recipe / "src/__init__.py").write_text("")
    os.mkfifo(recipe / "src/model.py")
    done = compile_(recipe, "--set", "training.optimizer._target_=src.model.A")
    assert "1 not checked" in done.stderr
    pipe = next((recipe / "build/conf").glob("*.yaml"))
    pipe.unlink()
    os.mkfifo(pipe)
    assert compile_(recipe, "--check").returncode == 0
    done = compile_(recipe)
    assert done.returncode == 2
    assert "holds files that espnet3-compile did not write" in done.stderr


def test_a_build_behind_a_link_is_named_or_not_written(recipe) -> None:
    (recipe / "build").symlink_to("../outside/build")
    done = compile_(recipe)
    assert done.returncode == 2
    assert "error: build leads out of the recipe; name its target with -o" in done.stderr
    assert not (recipe.parent / "outside/build").exists()
    assert compile_(recipe, "-o", "../outside/build").returncode == 0


@pytest.mark.parametrize("words", [[], ["--check"], ["-o", "circle/b"], ["-o", "circle"]])
def test_links_in_circles_are_reported(recipe, words) -> None:
    name_config(recipe, "{lr: 1}")
    for name in ("build", "circle", "recipe.lock.json"):
        (recipe / name).symlink_to(name)
    done = compile_(recipe, *words)
    assert done.returncode == (0 if words == ["--check"] else 1 if "circle/b" in words else 2)
    assert "has a bug" not in done.stderr
    assert words == ["--check"] or "error: " in done.stderr


@pytest.mark.parametrize("words", OPTIONS)
def test_a_file_whose_name_is_not_utf_8_is_no_suggestion(recipe, words) -> None:
    (recipe / "conf/trai\udcffning.yaml").write_text("lr: 1\n")
    (recipe / "conf/car\udcffd.md").write_text("x")
    name_config(recipe, "conf/training.yaml\n  publication: {pack_model: {readme: conf/card.md}}")
    before = (recipe / "recipe.yaml").read_bytes()
    done = compile_(recipe, *words)
    assert done.returncode == 1
    assert "has a bug" not in done.stderr
    assert "does not exist" in done.stdout + done.stderr
    assert (recipe / "recipe.yaml").read_bytes() == before


def test_links_to_names_that_no_disk_holds_are_reported(recipe) -> None:
    name_config(recipe, "conf/none.yaml")
    for name in ("src", "long.yaml", "conf/none.yml", "build"):
        (recipe / name).symlink_to("n" * 300)
    done = compile_(recipe, "--set", "training.optimizer._target_=src.model.A")
    assert done.returncode == 1
    assert "has a bug" not in done.stderr
    assert 'the file "conf/none.yaml" does not exist' in done.stderr


def test_a_manifest_in_a_circle_is_reported(recipe) -> None:
    name_config(recipe, "{lr: 1}")
    (recipe / "other").mkdir()
    (recipe / "other/recipe.yaml").symlink_to("recipe.yaml")
    command = [COMPILER, "--check", "."]
    done = subprocess.run(command, cwd=recipe, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "has a bug" not in done.stderr
    assert 'the file "other/recipe.yaml"' in done.stderr
