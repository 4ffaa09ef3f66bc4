"""What a check imports: most of its time would go there."""

import subprocess
import sys
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[1] / "golden"
RECIPES = {path.parent.name: path for path in sorted(GOLDEN.glob("*/recipe.yaml"))}

OTHERS = {
    "jinja2",
    "markupsafe",
    "torch",
    "lightning",
    "numpy",
}
"""Libraries that a compile, ``--deep`` or a stage needs."""

STANDARD = {"traceback", "subprocess"}
"""Slow parts of the standard library that a check does without."""

FOREIGN = {"espnet3_runtime", "src", "dataset"}

CACHED = {"espnet3_compiler.signature.module_index"}
"""What reads modules whose summaries are not in the cache."""

SCRIPT = """
import sys
before = set(sys.modules)
from espnet3_compiler.cli.main import main
code = main(sys.argv[1:])
print(*sorted(set(sys.modules) - before))
sys.exit(code)
"""


def imported(tmp_path: Path, *words: object) -> set[str]:
    """Return what the program imports, after a first run that fills the cache."""
    environment = {
        "ESPNET3_COMPILE_CACHE": str(tmp_path / "cache"),
        "PYTHONPATH": ":".join(sys.path),
    }
    command = [sys.executable, "-c", SCRIPT, *map(str, words)]
    for _ in range(2):
        result = subprocess.run(
            command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path
        )
        assert result.returncode == 0, result.stderr
    return set(result.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("form", ["human", "json"])
def test_a_check_imports_nothing_heavy(tmp_path: Path, name: str, form: str) -> None:
    found = imported(tmp_path, "--check", "--format", form, "-o", tmp_path / "none", RECIPES[name])
    assert "espnet3_compiler.pipeline" in found
    assert not found & (OTHERS | STANDARD | FOREIGN | CACHED)


def test_a_check_without_a_build_plans_none(tmp_path: Path) -> None:
    found = imported(tmp_path, "--check", "-o", tmp_path / "none", RECIPES["minimal"])
    assert not {name for name in found if name.startswith("espnet3_compiler.build.files")}
    assert "espnet3_compiler.build.make_plan" not in found


def test_an_explanation_imports_no_compiler(tmp_path: Path) -> None:
    found = imported(tmp_path, "--explain", "R601")
    assert "espnet3_compiler.pipeline" not in found
    assert "yaml" not in found
