"""The walks of ARCHITECTURE.md: their files and names are there, and each leads to the next."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "ARCHITECTURE.md").read_text()
WALKS = dict(re.findall(r"^### (.+?)\n\n((?:\d+\. .*\n)+)", TEXT, re.MULTILINE))
STEP = re.compile(r"^\d+\. `(?P<file>\S+\.py)`(?: `(?P<name>\w+)`)?: (?P<text>.+)$")
MOST_FILES = 10


def steps(walk: str) -> list[re.Match[str]]:
    """Return the lines of a walk, each of which has to have the form of a step."""
    found = [STEP.match(line) for line in WALKS[walk].splitlines()]
    assert all(found)
    return [step for step in found if step]


def module_of(file: str) -> str:
    """Return the dotted name of a file of the packages."""
    return ".".join(Path(file).with_suffix("").parts[1:]).removesuffix(".__init__")


def imported(file: str) -> set[str]:
    """Return the modules that a file imports, in functions too."""
    nodes = ast.walk(ast.parse((ROOT / file).read_text()))
    named = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    below = {f"{node.module}.{alias.name}" for node in named for alias in node.names}
    return {str(node.module) for node in named} | below


def test_there_are_five_walks():
    assert len(WALKS) == 5


@pytest.mark.parametrize("walk", WALKS)
def test_a_walk_is_short_and_its_names_are_there(walk: str):
    assert 5 < len(steps(walk)) <= MOST_FILES
    for step in steps(walk):
        tree = ast.parse((ROOT / step["file"]).read_text())
        names = {getattr(node, "name", None) for node in tree.body}
        assert step["name"] is None or step["name"] in names, step[0]


@pytest.mark.parametrize("walk", WALKS)
def test_each_file_is_imported_by_one_before_it(walk: str):
    files = [step["file"] for step in steps(walk)]
    for index, step in enumerate(steps(walk)[1:], 1):
        known = {module for file in files[:index] for module in imported(file)}
        handed_over = re.search(r"\(\*.+\*\)", step["text"])  # by data, and the line says so
        assert handed_over or module_of(step["file"]) in known, step[0]
