"""CI tries the lowest versions that pyproject.toml allows, and pages name no lower ones."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXTRAS = (
    "runtime",
    "asr",
    "digits",
    "parallel",
    "demo",
    "hub",
    "export",
    "search",
    "hf",
    "lsp",
    "completion",
)
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("recipes/*/*/README.md")]


def spelled_alike(name: str) -> str:
    return re.sub(r"\[.*\]", "", name).replace("_", "-").lower()


def bounds() -> dict[str, str]:
    """Return what stands behind ``>=`` in the requirements that users install."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["optional-dependencies"][extra] for extra in EXTRAS]
    lines = [line for group in (project["dependencies"], *groups) for line in group]
    assert all(line.count(">=") == 1 for line in lines), "each has a lower bound"
    return {spelled_alike(name): bound for name, bound in (line.split(">=") for line in lines)}


def constraints() -> list[str]:
    """Return the constraints that CI installs with."""
    script = ROOT / ".ci" / "lowest_versions.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_each_lower_bound_is_what_is_installed_but_for_torch():
    printed = constraints()
    expected = {name: bound for name, bound in bounds().items() if name != "torch"}
    assert len(expected) > 15
    assert [
        f"{name}=={bound}"
        for name, bound in expected.items()
        if printed.count(f"{name}=={bound}") != 1
    ] == []
    names = [line.partition("==")[0] for line in printed]
    assert len(names) == len(set(names))
    pinned = re.search(r"^torch==.*$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert pinned is not None
    assert pinned.group() in printed


def test_what_is_installed_are_the_extras_whose_bounds_are_tried():
    (named,) = re.findall(r"constraint \$\(LOWEST\).*'\.\[(.*)\]'", (ROOT / "Makefile").read_text())
    assert named.split(",") == list(EXTRAS)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(project["optional-dependencies"]) == {*EXTRAS, "espnet2", "metrics", "docs", "dev"}
    assert "tests make lowest" in (ROOT / ".ci" / "run").read_text().splitlines()


def test_no_page_names_another_lower_bound():
    known = bounds()
    found = [
        (page.name, name, bound)
        for page in PAGES
        for name, bound in re.findall(
            r"([\w-]+(?:\[\w+\])?) ?(?:>=|≥) ?(\d[\d.]*\d)", page.read_text()
        )
        if known.get(spelled_alike(name), bound) != bound
    ]
    assert found == []
