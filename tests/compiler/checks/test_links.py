"""Recipes that take code by symbolic links, where these are lost: told in one sentence."""

import shutil
import subprocess
from pathlib import Path

import pytest

from espnet3_compiler.filesystem import broken_link
from espnet3_compiler.pipeline import compile_manifest
from espnet3_compiler.result import CompileResult
from evaluation.recipes import GENERATED, RECIPES

LINKED = ("curriculum", "export", "finetune", "keywords", "my_model")
MESSAGE = '"src" is a file that holds "../asr/src": this checkout has no symbolic links'


@pytest.fixture
def digits(tmp_path):
    """The recipes of digits, with their links."""
    target = tmp_path / "recipes" / "digits"
    return Path(shutil.copytree(RECIPES / "digits", target, symlinks=True, ignore=GENERATED))


def links(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_symlink())


def replace_links(folder: Path) -> None:
    """Put a file in the place of every link, as git does where there are no links."""
    for path in links(folder):
        leads = path.readlink().as_posix()
        path.unlink()
        path.write_bytes(leads.encode())


def compile_recipe(folder: Path, monkeypatch) -> CompileResult:
    monkeypatch.chdir(folder)
    return compile_manifest(Path("recipe.yaml"))


def test_links_are_what_git_makes_of_them_without_links(tmp_path):
    def git(*arguments: str) -> None:
        subprocess.run(("git", *arguments), check=True, capture_output=True, cwd=tmp_path)

    (tmp_path / "made" / "asr" / "src").mkdir(parents=True)
    (tmp_path / "made" / "asr" / "src" / "a.py").touch()
    (tmp_path / "made" / "src").symlink_to("asr/src")
    git("init", "-q", "made")
    git("-C", "made", "add", ".")
    git("-C", "made", "-c", "user.name=n", "-c", "user.email=e", "commit", "-qm", "links")
    git("clone", "-q", "-c", "core.symlinks=false", "made", "cloned")
    assert broken_link(tmp_path / "made" / "src") is None
    assert broken_link(tmp_path / "cloned" / "src") == "asr/src"


@pytest.mark.parametrize("name", LINKED)
def test_a_recipe_with_its_links_or_with_copies_is_silent(digits, monkeypatch, name):
    assert links(digits / name)
    assert compile_recipe(digits / name, monkeypatch).diagnostics == ()
    copied = shutil.copytree(digits / name, digits.parent / "elsewhere" / name)
    assert not links(copied)
    assert compile_recipe(copied, monkeypatch).ok


@pytest.mark.parametrize("name", LINKED)
def test_a_checkout_without_links_is_one_finding(digits, monkeypatch, name):
    replace_links(digits)
    outcome = compile_recipe(digits / name, monkeypatch)
    assert [found.code for found in outcome.diagnostics] == ["R705"]
    assert outcome.plan is None


def test_the_finding_says_what_to_do(digits, monkeypatch):
    replace_links(digits)
    (found,) = compile_recipe(digits / "finetune", monkeypatch).diagnostics
    assert found.message == MESSAGE
    assert found.primary.span.text == "src.model.CTCModel"
    assert found.notes[0].startswith("so are dataset/builder.py, dataset/dataset.py")
    (found,) = compile_recipe(digits / "curriculum", monkeypatch).diagnostics
    git, copy = found.help
    assert git == "git config core.symlinks true && git checkout -- src"
    command = copy.removeprefix("or put a copy in its place: ")
    subprocess.run(command, shell=True, check=True)
    assert compile_recipe(digits / "curriculum", monkeypatch).diagnostics == ()


def test_a_recipe_copied_without_what_its_links_lead_to(digits, tmp_path, monkeypatch):
    alone = shutil.copytree(digits / "curriculum", tmp_path / "alone", symlinks=True)
    (found,) = compile_recipe(alone, monkeypatch).diagnostics
    assert found.message == '"src" is a link to "../asr/src", which is not there'
    assert found.help == ("copy the recipe again, with what its links lead to: cp -rL",)


def test_a_recipe_whose_data_are_of_one_without_links(digits, monkeypatch):
    replace_links(digits)
    manifest = digits / "asr" / "recipe.yaml"
    outcome = compile_recipe(digits / "asr", monkeypatch)
    assert outcome.diagnostics == ()
    for file in (digits / "asr" / "conf").glob("*.yaml"):
        text = file.read_text()
        file.write_text(text.replace("data_src_args:", "data_src: digits/finetune, data_src_args:"))
    found = compile_manifest(manifest).diagnostics
    assert {item.code for item in found} == {"R705"}


def test_links_that_are_gone_without_a_trace(digits, monkeypatch):
    for path in links(digits):
        path.unlink()
    (found,) = compile_recipe(digits / "curriculum", monkeypatch).diagnostics
    assert found.message == 'there is no package "src"'
    assert found.help == ("copy it from a recipe beside: cp -r ../asr/src src",)
    assert [label.text for label in found.related] == ["named here too"] * 2


@pytest.mark.parametrize(
    "text", ["", "x = 1", "a\n", "./", "..", "asr/b", "\0", "../a\n", "x" * 999]
)
def test_files_that_stand_for_no_link(tmp_path, text):
    (tmp_path / "a").mkdir()
    (tmp_path / "file").write_text(text)
    assert broken_link(tmp_path / "file") is None
