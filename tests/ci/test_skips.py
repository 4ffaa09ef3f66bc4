"""CI fails for a test that ran nowhere, unless its list says why."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHECKER = ROOT / ".ci" / "skips.py"
LIST = ROOT / ".ci" / "skips.txt"
PLAIN = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
TESTS = """
import os, pytest

@pytest.mark.skipif("FIRST" not in os.environ, reason="not the first")
def test_one(): pass

@pytest.mark.skipif("SECOND" not in os.environ, reason="not the second")
def test_two(): pass

def test_three(): pass

@pytest.mark.parametrize("n", [1, 2])
def test_four(n):
    if n == 2:
        pytest.skip("two is missing")
"""


WHOLE = """
import os, pytest

if "SECOND" not in os.environ:
    pytest.skip("not the second", allow_module_level=True)

def test_five(): pass
"""


def results(folder: Path, name: str) -> Path:
    """Run the tests above as CI does; a variable says in which environment."""
    (folder / "test_some.py").write_text(TESTS)
    (folder / "test_whole.py").write_text(WHOLE)
    file = folder / f"{name}.xml"
    words = ["pytest", "-q", "-p", "no:cacheprovider", f"--junit-xml={file}", "."]
    environment = os.environ | PLAIN | {name: "1"}
    subprocess.run([sys.executable, "-m", *words], cwd=folder, env=environment, check=True)
    return file


def judged(folder: Path, allowed: str, *files: Path) -> tuple[int, list[str]]:
    """Run the checker with a list; return its exit code and lines."""
    shutil.copy(CHECKER, folder)
    (folder / LIST.name).write_text(allowed)
    words = [sys.executable, folder / CHECKER.name, *files]
    done = subprocess.run(words, text=True, stdout=subprocess.PIPE, check=False)
    return done.returncode, done.stdout.splitlines()


def test_what_ran_nowhere_must_be_on_the_list(tmp_path: Path):
    first, second = results(tmp_path, "FIRST"), results(tmp_path, "SECOND")
    four = "ran nowhere: test_some::test_four[2]: two is missing"
    unlisted = "(not in .ci/skips.txt)"
    assert judged(tmp_path, "# none\n", first, second) == (
        1,
        [f"{four} {unlisted}", "5 tests ran, 1 ran nowhere"],
    )
    listed = "test_some::test_four[2]  # nobody has it\n"
    assert judged(tmp_path, listed, first, second) == (
        0,
        [f"{four} (allowed: nobody has it)", "5 tests ran, 1 ran nowhere"],
    )
    two = f"ran nowhere: test_some::test_two: not the second {unlisted}"
    code, lines = judged(tmp_path, listed, first)
    whole = f"ran nowhere: test_whole: collection skipped {unlisted}"
    assert (code, lines[1:]) == (1, [two, whole, "3 tests ran, 3 ran nowhere"])


def test_the_list_names_tests_that_are_there_with_reasons():
    lines = [line for line in LIST.read_text().splitlines() if not line.startswith("#")]
    for line in lines:
        test, _, reason = line.partition("  # ")
        module, _, name = test.partition("::")
        text = (ROOT / f"{module.replace('.', '/')}.py").read_text()
        assert f"def {name.partition('[')[0]}(" in text
        assert reason
