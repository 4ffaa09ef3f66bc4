"""pre-commit checks the recipes of a real repository with the hook of this one."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
EVERY = "check all espnet3 recipes"
BLOCK = re.compile(r"^## pre-commit\n\n```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Repository:
    """A repository whose commits pre-commit judges."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "own"
        self.folder.mkdir()
        self._environment = os.environ | {
            "PATH": f"{folder / 'venv' / 'bin'}:/usr/bin:/bin",
            "PRE_COMMIT_HOME": str(folder / "hooks"),
            "PIP_CONSTRAINT": str(ROOT / "constraints.txt"),
            "GIT_CONFIG_GLOBAL": str(folder / "gitconfig"),
        }
        (folder / "gitconfig").write_text("[user]\nname = Somebody\nemail = nobody@localhost\n")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words,
            cwd=self.folder,
            env=self._environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )

    def do(self, *words: str) -> str:
        """Run a command that must succeed; return what it printed."""
        done = self.run(*words)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def commit(self, message: str) -> subprocess.CompletedProcess[str]:
        self.do("git", "add", "--all")
        return self.run("git", "commit", "--quiet", "--message", message)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Return a repository with what docs/ci.md says, but for the place of the hook."""
    found = Repository(tmp_path)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    found.do("pip", "install", "--quiet", "pre-commit")
    (block,) = BLOCK.findall((ROOT / "docs" / "ci.md").read_text(encoding="utf-8"))
    config = yaml.safe_load(block)
    head = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    revision = subprocess.run(head, check=True, text=True, stdout=subprocess.PIPE).stdout.strip()
    (hook,) = config["repos"]
    hook |= {"repo": str(ROOT), "rev": revision}
    (found.folder / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    found.do("git", "init", "--quiet")
    found.do("pre-commit", "install")
    return found


@pytest.mark.timeout(900)
def test_commits_with_mistakes_are_refused(repository: Repository) -> None:
    subprocess.run(
        [sys.executable, "-m", "espnet3_compiler", "--init", "bells/tones"],
        cwd=repository.folder,
        check=True,
    )
    first = repository.commit("Begin")
    assert first.returncode == 0, first.stdout
    assert results(first) == {"check espnet3 recipes": "Passed", EVERY: "Passed"}
    assert repository.do("git", "log", "--format=%s") == "Begin\n"

    recipe = repository.folder / "bells" / "tones" / "recipe.yaml"
    text = recipe.read_text(encoding="utf-8")
    recipe.write_text(text.replace("stages:", "stagez:"), encoding="utf-8")
    slip = repository.commit("Slip")
    assert slip.returncode == 1
    assert results(slip) == {"check espnet3 recipes": "Failed", EVERY: "Failed"}
    assert 'did you mean "stages"?' in slip.stdout
    assert "bells/tones/recipe.yaml:" in slip.stdout
    recipe.write_text(text, encoding="utf-8")

    model = repository.folder / "bells" / "tones" / "src" / "model.py"
    code = model.read_text(encoding="utf-8")
    model.write_text(code.replace("class ToneModel", "class BellModel"), encoding="utf-8")
    rename = repository.commit("Rename")
    assert rename.returncode == 1
    assert results(rename) == {"check espnet3 recipes": "Skipped", EVERY: "Failed"}
    assert 'no "ToneModel"' in rename.stdout
    assert repository.do("git", "log", "--format=%s") == "Begin\n"


def results(commit: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Return what pre-commit says of each hook."""
    return dict(re.findall(r"^(check .*?)\.{3,}(?:\(.*\))?(\w+)$", commit.stdout, re.MULTILINE))
