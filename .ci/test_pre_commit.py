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


CONDA = "context: {name: x}\npackage:\n  name: ${{ name }}\nrequirements: {run: [python]}\n"
OURS = "check espnet3 recipes"


@pytest.mark.timeout(900)
def test_commits_with_mistakes_are_refused(repository: Repository) -> None:
    for name in ("bells/tones", "bells/others"):
        subprocess.run(
            [sys.executable, "-m", "espnet3_compiler", "--init", name],
            cwd=repository.folder,
            check=True,
        )
    recipe = repository.folder / "bells" / "tones"
    inline = "publication: {pack_model: {include: [src, dataset]}}"
    (recipe / "conf").mkdir()
    (recipe / "conf/publication.yaml").write_text("pack_model: {include: [src, dataset]}\n")
    change(recipe / "recipe.yaml", inline, "publication: conf/publication.yaml")
    first = repository.commit("Begin")
    assert first.returncode == 0, first.stdout
    assert results(first) == {OURS: "Passed", EVERY: "Passed"}
    assert repository.do("git", "log", "--format=%s") == "Begin\n"

    for file, before, after, said in (
        ("recipe.yaml", "stages:", "stagez:", 'did you mean "stages"?'),
        ("conf/publication.yaml", "include:", "includ:", "bells/tones/conf/publication.yaml:1:14"),
        ("src/model.py", "class ToneModel", "class BellModel", 'no "ToneModel"'),
    ):
        change(recipe / file, before, after)
        slip = repository.commit("Slip")
        assert slip.returncode == 1
        assert results(slip) == {OURS: "Failed", EVERY: "Failed"}
        assert said in slip.stdout
        assert "bells/tones/recipe.yaml:" in slip.stdout
        change(recipe / file, after, before)
    assert repository.do("git", "log", "--format=%s") == "Begin\n"


@pytest.mark.timeout(900)
def test_what_a_commit_does_not_change_is_not_checked(repository: Repository) -> None:
    for name in ("bells/tones", "bells/others"):
        subprocess.run(
            [sys.executable, "-m", "espnet3_compiler", "--init", name],
            cwd=repository.folder,
            check=True,
        )
    change(repository.folder / "bells/others/recipe.yaml", "stages:", "stagez:")
    repository.do("git", "add", "--all")
    repository.do("git", "commit", "--quiet", "--no-verify", "--message", "Begin with a mistake")

    for file, text, ours in (
        ("README.md", "Bells\n", "Skipped"),
        ("feedstock/recipe.yaml", CONDA, "Passed"),
        ("setup.py", "import os\n", "Passed"),
        ("bells/tones/src/more.py", "import os\n", "Passed"),
        ("bells/others/src/more.py", "import os\n", "Failed"),
    ):
        path = repository.folder / file
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        tried = repository.commit("Add a file")
        assert results(tried) == {OURS: ours, EVERY: "Failed"}, file
        assert "bells/others/recipe.yaml:" in tried.stdout
        repository.do("git", "reset", "--quiet")
        path.unlink()

    change(repository.folder / "bells/others/recipe.yaml", "stagez:", "stages:")
    assert repository.commit("Mend").returncode == 0
    (repository.folder / "bells/tones/src/model.py").unlink()
    assert results(repository.commit("Delete")) == {OURS: "Skipped", EVERY: "Failed"}


def change(path: Path, before: str, after: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")


def results(commit: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Return what pre-commit says of each hook."""
    return dict(re.findall(r"^(check .*?)\.{3,}(?:\(.*\))?(\w+)$", commit.stdout, re.MULTILINE))
