"""The rules of CONTRIBUTING.md's "The house" that a test can hold; contracts hold the imports."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "espnet3_compiler": ROOT / "compiler/espnet3_compiler",
    "espnet3_runtime": ROOT / "runtime/espnet3_runtime",
}
MOST_FILES = 20
MOST_LINES = 400
MOST_ONE_WORD = 0.45
SAY_NOTHING = {"KeyboardInterrupt", "Terminated", "Stopped", "GrammarParseError"}
"""Exceptions that tests expect by their class alone: without a text, or with one of a library."""


def modules(package: str) -> dict[str, Path]:
    """Return the modules of a package by their dotted names, templates left out."""
    base = PACKAGES[package]
    files = [path for path in base.rglob("*.py") if "templates" not in path.parts]
    return {".".join((package, *_parts(path.relative_to(base)))): path for path in files}


def _parts(path: Path) -> tuple[str, ...]:
    parts = path.with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def definitions(package: str, kind: type | tuple[type, ...]) -> Iterator[str]:
    """Yield the names of all functions or classes of a package."""
    for path in modules(package).values():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, kind):
                yield node.name


@pytest.mark.parametrize("package", PACKAGES)
def test_a_folder_can_be_seen_at_once(package: str):
    counts = Counter(path.parent for path in modules(package).values())
    assert {path: n for path, n in counts.items() if n > MOST_FILES} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_file_can_be_read_at_once(package: str):
    lengths = {name: len(path.read_text().splitlines()) for name, path in modules(package).items()}
    assert {name: n for name, n in lengths.items() if n > MOST_LINES} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_class_name_means_one_thing(package: str):
    counts = Counter(name.strip("_") for name in definitions(package, ast.ClassDef))
    assert {name for name, n in counts.items() if n > 1} == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_most_function_names_say_more_than_a_word(package: str):
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    names = [n.strip("_") for n in definitions(package, functions) if not n.startswith("__")]
    assert names
    assert sum("_" not in name for name in names) / len(names) <= MOST_ONE_WORD


def test_tests_say_which_mistake_they_expect():
    """``pytest.raises`` has a ``match``, or the test looks at what it caught."""
    files = [path for path in (ROOT / "tests").rglob("*.py") if "cases" not in path.parts]
    found = {path.relative_to(ROOT): list(_vague_expectations(path)) for path in files}
    assert any(list(_expectations(ast.parse(path.read_text()))) for path in files)
    assert {path: lines for path, lines in found.items() if lines} == {}


def _vague_expectations(path: Path) -> Iterator[int]:
    tree = ast.parse(path.read_text())
    looked_at = {
        node.value.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "value"
        if isinstance(node.value, ast.Name)
    }
    for call, name in _expectations(tree):
        kinds = {ast.unparse(kind) for kind in call.args}
        says = any(word.arg in ("match", "check") for word in call.keywords)
        if not (says or name in looked_at or kinds <= SAY_NOTHING):
            yield call.lineno


def _expectations(tree: ast.Module) -> Iterator[tuple[ast.Call, str | None]]:
    """Yield each ``with pytest.raises(…) as name``."""
    for node in ast.walk(tree):
        for item in node.items if isinstance(node, ast.With) else ():
            call, name = item.context_expr, item.optional_vars
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.raises":
                yield call, name.id if isinstance(name, ast.Name) else None
