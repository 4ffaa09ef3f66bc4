"""Whatever a manifest says, generated Python has one shape: text never becomes code."""

import ast
import json
from collections.abc import Mapping

from espnet3_compiler.relock.messages import first_violation
from espnet3_schemas import LOCK

_NODES = frozenset(
    (
        *("Module", "Expr", "Constant", "ImportFrom", "alias", "Assign", "Name", "Load", "Store"),
        *("ClassDef", "FunctionDef", "arguments", "arg", "Return", "Call", "keyword", "Tuple"),
        *("Dict", "Attribute"),
    )
)
"""Everything that ``system.py`` is made of."""


def check_build(files: Mapping[str, str], good: Mapping[str, str]) -> None:
    """Assert that the Python of a build does what that of a good one does, and the lock is valid.

    Args:
        files: The build, relative path to text.
        good: The build of the same recipe before anything was typed into it.
    """
    assert _skeleton(files["run.py"]) == _skeleton(good["run.py"]), files["run.py"]
    _check_system(ast.parse(files["system.py"]))
    assert first_violation(json.loads(files[LOCK])) is None


def _skeleton(text: str) -> str:
    """Return the syntax tree without its strings and without the name of the System."""
    tree = ast.parse(text)
    (system,) = (a.name for n in ast.walk(tree) if _imports_system(n) for a in n.names)
    assert system.isidentifier()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            node.value = ""
    return ast.dump(tree).replace(repr(system), "SYSTEM")


def _imports_system(node: ast.AST) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "system"


def _check_system(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        assert type(node).__name__ in _NODES, ast.dump(node)
        if isinstance(node, ast.Call):
            assert _is_known(node.func), ast.unparse(node)
    tops = [type(node).__name__ for node in tree.body]
    assert tops[0] == "Expr", "the docstring"
    assert set(tops[1:-1]) <= {"ImportFrom"}
    assert tops[-1] == "ClassDef"


def _is_known(called: ast.expr) -> bool:
    """Return whether a call is one of a stage table, of a constructor or of a stage."""
    if isinstance(called, ast.Name):
        return called.id in ("StageSpec", "super")
    if not isinstance(called, ast.Attribute):
        return False
    owner = called.value
    if isinstance(owner, ast.Call):
        return called.attr == "__init__"
    return isinstance(owner, ast.Name) and owner.id == "self"
