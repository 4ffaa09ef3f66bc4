"""Every page: its links lead somewhere, and what it says to run is there."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("recipes/*/*/README.md")]
NAMES = sorted(page.relative_to(ROOT).as_posix() for page in PAGES)
BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of headings."""
    heads = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("name", NAMES)
def test_the_links_lead_somewhere(name: str):
    page = ROOT / name
    for target in re.findall(r"\]\(([^)]+)\)", BLOCK.sub("", page.read_text())):
        if target.startswith("https:"):
            continue
        file, _, anchor = target.partition("#")
        there = page.parent / file if file else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


def test_every_module_that_is_run_is_there():
    named = {
        (name, module)
        for name in NAMES
        for module in re.findall(
            r"python -m ((?:benchmarks|evaluation|espnet3_)[\w.]+)", (ROOT / name).read_text()
        )
    }
    assert len(named) > 8
    assert [pair for pair in sorted(named) if not runs(pair[1])] == []


def runs(module: str) -> bool:
    """Return whether ``python -m`` can run a module: a file, or a package with a main module."""
    spec = find_spec(module)
    is_package = spec is not None and spec.submodule_search_locations is not None
    return spec is not None and (not is_package or find_spec(f"{module}.__main__") is not None)


FEATURES = ROOT / "docs" / "espnet3.md"
NAMED = re.compile(r"`((?:benchmarks|cases|compiler|docs|evaluation|recipes|runtime)/[^`]+)`")


def test_every_feature_names_a_test_that_is_there():
    lines = FEATURES.read_text().splitlines()
    rows = [line for line in lines if line.startswith("| ") and "| held by |" not in line]
    assert len(rows) > 70
    for row in rows:
        named = NAMED.findall(row.rstrip("| ").rpartition(" | ")[2])
        assert named, f"no test: {row}"
        assert [one for one in named if not is_test(one)] == []


def is_test(named: str) -> bool:
    """Return whether ``file::test`` below ``tests`` is a test, or some cases are there."""
    file, _, name = named.partition("::")
    if file.startswith("cases/"):
        return any(any((ROOT / "tests").glob(pattern)) for pattern in (file, f"{file}.yaml"))
    return bool(name) and f"\ndef {name}(" in (ROOT / "tests" / file).read_text()
