"""Cutting modules into pieces gives what parsing them whole gives."""

import ast
import sysconfig
from pathlib import Path

import pytest

from espnet3_compiler.signature import split_source
from espnet3_compiler.signature.split_source import (
    Branch,
    ModuleText,
    class_branches,
    function_node,
)

TRICKY = {
    "strings": 'a = """\ndef no(): pass\n"""\ndef yes(): pass\n',
    "quotes": "a = '''\nclass No:\n'''\nb = \"it's\"\nclass Yes:\n    x = 1\n",
    "comments": "# it's a comment\ndef yes():  # \"\n    pass\n# end\n",
    "raw": 'a = r\'\\\'\'\nb = r"""\\""""\ndef yes(): pass\n',
    "escapes": 'a = "\\""\nb = """\\"""\ndef no(): ...\n"""\ndef yes(): ...\n',
    "brackets": "def f(\n    a,\n    b,\n):\n    return a\n\n\nx = [\n    1,\n]\n",
    "column 0": "x = [\n1,\n2,\n]\ndef f(a,\nb):\n    return (\na)\n",
    "decorators": "@a\n@b(\n    1,\n)\ndef f(): ...\n\n\n@c\nclass D:\n    @e\n"
    "    def g(self): ...\n",
    "body": 'class A:\n    """Doc\n    def no(self): ...\n    """\n    x: int = 1\n\n'
    "    def f(self):\n        def g(): ...\n\n    y = 2\n",
    "nested": "class A:\n    class B:\n        def f(self): ...\n\n    def g(self): ...\n",
    "one line": "class A: x = 1\ndef f(): return 1\n",
    "conditional": "if x:\n    def f(): ...\nelse:\n    class F: ...\n",
    "tabs": "class A:\n\tx = 1\n\tdef f(self):\n\t\treturn 1\n",
    "async": "async def f(): ...\nclass A:\n    async def g(self): ...\n",
    "continuation": "x = 1 + \\\n2\ndef f(): ...\n",
    "no newline": "def f(): ...",
    "empty": "",
    "comment body": "class A:\n# here\n    # there\n    def f(self): ...\n",
    "header": "class A(  # why:\n    B,\n    metaclass=C,\n):\n    def f(self): ...\n",
}


def row(branch: Branch) -> tuple[object, ...]:
    if branch.piece:
        return (branch.piece.kind, branch.piece.name, branch.piece.first)
    assert branch.statement is not None
    return (ast.dump(branch.statement), branch.line)


def whole(body: list[ast.stmt]) -> list[tuple[object, ...]]:
    pieces = [
        (item, split_source.piece_of(item, 0)) for item in body if not isinstance(item, ast.Pass)
    ]
    return [row(Branch(item.lineno, item, piece)) for item, piece in pieces]


def rows(branches: list[Branch]) -> list[tuple[object, ...]]:
    kept = [item for item in branches if not isinstance(item.statement, ast.Pass)]
    return [row(item) for item in kept]


def compare(source: str) -> int:
    """Compare a module, its classes and functions with its whole tree; return their number."""
    tree = ast.parse(source)
    text = ModuleText(source)
    assert rows(split_source.module_branches(text)) == whole(tree.body)
    pieces = 0
    for node in tree.body:
        piece = split_source.piece_of(node, 0)
        if piece is None:
            continue
        pieces += 1
        if isinstance(node, ast.ClassDef):
            header, inner = class_branches(text, piece)
            assert ast.dump(ast.Module(header.bases, [])) == ast.dump(ast.Module(node.bases, []))
            assert rows(inner) == whole(node.body)
            compare_methods(text, node, inner)
        else:
            assert ast.dump(function_node(text, piece)) == ast.dump(node)
    return pieces


def compare_methods(text: ModuleText, node: ast.ClassDef, inner: list[Branch]) -> None:
    real = {(item.name, first_line(item)): item for item in node.body if hasattr(item, "name")}
    for branch in inner:
        if branch.piece and branch.piece.kind == "def":
            method = real[branch.piece.name, branch.piece.first]
            assert ast.dump(function_node(text, branch.piece)) == ast.dump(method)


def first_line(node: ast.stmt) -> int:
    piece = split_source.piece_of(node, 0)
    assert piece is not None
    return piece.first


@pytest.mark.parametrize("name", TRICKY)
def test_tricky_texts(name: str) -> None:
    compare(TRICKY[name])


@pytest.mark.parametrize("folder", ["json", "email", "unittest", "asyncio", "."])
def test_the_standard_library(folder: str) -> None:
    root = Path(sysconfig.get_path("stdlib"), folder)
    files = sorted(root.glob("*.py"))[:60]
    count = sum(compare(file.read_text(encoding="utf-8")) for file in files)
    assert len(files) >= 5
    assert count >= 15


def test_libraries_that_recipes_name() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    root = Path(torch.__file__).parent
    files = [*(root / "optim").glob("*.py"), *(root / "nn" / "modules").glob("*.py")]
    assert sum(compare(file.read_text(encoding="utf-8")) for file in sorted(files)) >= 100


def test_text_that_is_not_python() -> None:
    with pytest.raises(SyntaxError, match="never closed"):
        split_source.module_branches(ModuleText("x = (\n"))
    text = ModuleText("def f(:\n    pass\n")
    (branch,) = split_source.module_branches(text)
    assert branch.piece
    with pytest.raises(SyntaxError, match="invalid syntax"):
        function_node(text, branch.piece)
