"""What shells offer for a command line, asked of the shells that are here."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.compiler.recipe_kit import call, minimal

pytest.importorskip("shtab")

BASH = """
source complete
COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
[[ '{line}' == *' ' ]] && COMP_WORDS+=('') && COMP_CWORD=$((COMP_CWORD + 1))
{function}
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
LINES = [
    ("espnet3-compile --chec", {"--check"}),
    ("espnet3-compile --format ", {"human", "json", "github", "sarif"}),
    ("espnet3-compile --init x --template fine", {"finetune"}),
    ("espnet3-compile --why training.optimizer.", {"training.optimizer.lr"}),
    ("espnet3-compile --explain R60", {"R601", "R602"}),
    ("python build/run.py --keep", {"--keep_going"}),
    ("python build/run.py --train", {"--training_config"}),
    ("python build/run.py --stages ", {"all", "train"}),
    ("python build/run.py --stages train t", {"train"}),
]


@pytest.fixture(scope="module")
def recipe(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("recipe")
    assert call(minimal(folder)) == 0
    return folder


def ask(recipe: Path, shell: str, script: str, *words: str) -> set[str]:
    """Return the first words of what a shell prints that has read the completion."""
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    printed = subprocess.run(
        [sys.executable, "-m", "espnet3_compiler", "--print-completion", shell],
        capture_output=True,
        text=True,
        check=True,
    )
    (recipe / "complete").write_text(printed.stdout)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [program, *words, "-c", script],
        cwd=recipe,
        env={**os.environ, "PATH": path, "HOME": str(recipe)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return {line.split("\t")[0].strip() for line in done.stdout.splitlines()}


@pytest.mark.parametrize(("line", "offered"), LINES)
def test_bash(recipe: Path, line: str, offered: set[str]) -> None:
    ours = line.startswith("espnet3-compile")
    function = "_shtab_espnet3_compile" if ours else "_espnet3_run_py"
    found = ask(recipe, "bash", BASH.format(line=line, function=function), "--norc")
    assert found >= offered
    assert all(word.startswith(line.rpartition(" ")[2]) for word in found)


@pytest.mark.parametrize(("line", "offered"), LINES)
def test_fish(recipe: Path, line: str, offered: set[str]) -> None:
    script = f"source complete; complete -C '{line}'"
    assert ask(recipe, "fish", script, "--no-config") >= offered


def test_zsh_takes_both(recipe: Path) -> None:
    script = 'compdef() { print $* }; eval "$(<complete)"'
    assert ask(recipe, "zsh", script, "-f") == {
        "_shtab_espnet3_compile -N espnet3-compile",
        "_espnet3_run_py python python3",
    }


def test_another_program_of_python_is_left_alone(recipe: Path) -> None:
    script = BASH.format(line="python other.py --stages t", function="_espnet3_run_py")
    assert ask(recipe, "bash", script, "--norc") == {""}


def test_names_of_no_recipe(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert call("--names") == 0
    assert capsys.readouterr() == ("", "")


def test_without_shtab_it_says_how_it_comes(monkeypatch, capsys) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert call("--print-completion", "bash") == 2
    said = capsys.readouterr().err
    assert said.startswith("error: --print-completion needs shtab, not installed here; run: pip ")
    assert "[completion]" in said
