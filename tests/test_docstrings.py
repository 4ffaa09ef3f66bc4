"""Docstrings: a function or constructor of three parameters or more says what each of them is."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("compiler/espnet3_compiler", "runtime/espnet3_runtime")
MODULES = [
    path.relative_to(ROOT).as_posix()
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
    if "templates" not in path.parts
]
LEAST = 3
ARGS = re.compile(r"^Args:\n((?:(?:    .*)?(?:\n|$))*)", re.MULTILINE)
NAMED = re.compile(r"^    \*{0,2}(\w+)(?: \(.*\))?: \S", re.MULTILINE)


def public_functions(node: ast.Module | ast.ClassDef) -> Iterator[ast.FunctionDef]:
    """Yield the functions of a module or class, and of its classes, without those with ``_``."""
    for item in node.body:
        if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if item.name.startswith("_"):
                continue
            if isinstance(item, ast.ClassDef):
                yield from public_functions(item)
            else:
                yield item


def parameters(function: ast.FunctionDef) -> list[str]:
    """Return the names without ``self``, ``*args``, ``**kwargs`` and what is unused (``_name``)."""
    names = function.args
    listed = [item.arg for item in (*names.posonlyargs, *names.args, *names.kwonlyargs)]
    return [name for name in listed if name not in ("self", "cls") and not name.startswith("_")]


def undescribed(function: ast.FunctionDef) -> list[str]:
    """Return the parameters that the section ``Args:`` does not name."""
    names = parameters(function)
    section = ARGS.search(ast.get_docstring(function) or "")
    described = NAMED.findall(section[1]) if section else []
    return [name for name in names if name not in described] if len(names) >= LEAST else []


@pytest.mark.parametrize("module", MODULES)
def test_three_parameters_and_more_are_described(module: str):
    tree = ast.parse((ROOT / module).read_text())
    lacking = {item.name: undescribed(item) for item in public_functions(tree)}
    assert {name: names for name, names in lacking.items() if names} == {}


@pytest.mark.parametrize("module", MODULES)
def test_constructors_are_described_by_their_class(module: str):
    for item in ast.walk(ast.parse((ROOT / module).read_text())):
        if not isinstance(item, ast.ClassDef) or item.name.startswith("_"):
            continue
        described = NAMED.findall(ast.get_docstring(item) or "")
        for own in item.body:
            if isinstance(own, ast.FunctionDef) and own.name == "__init__":
                names = parameters(own)
                lacking = [name for name in names if name not in described]
                assert len(names) < LEAST or not lacking, item.name


@pytest.mark.parametrize("module", MODULES)
def test_a_section_names_no_parameter_that_is_gone(module: str):
    for function in public_functions(ast.parse((ROOT / module).read_text())):
        section = ARGS.search(ast.get_docstring(function) or "")
        described = NAMED.findall(section[1]) if section else []
        taken = {item.arg for item in ast.walk(function.args) if isinstance(item, ast.arg)}
        assert set(described) <= taken, function.name


def test_there_are_modules():
    assert len(MODULES) > 100
