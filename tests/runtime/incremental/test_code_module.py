"""A module is split into statements, and what each of them uses."""

import ast
import textwrap
from pathlib import Path

import pytest

from espnet3_runtime.incremental.code_module import (
    Imported,
    Module,
    Statement,
    locate_module,
    only_method,
    read_module,
)


def module_of(folder: Path, text: str, name: str = "src.a") -> Module:
    path = folder / "module.py"
    path.write_text(textwrap.dedent(text))
    found = read_module(path, name)
    assert found is not None
    return found


def statement_of(folder: Path, text: str) -> Statement:
    (statement,) = module_of(folder, text).statements
    return statement


@pytest.mark.parametrize(
    ("text", "name", "bound", "imported"),
    [
        ("import a", "m", "a", Imported("a", chained=True)),
        ("import a.b", "m", "a", Imported("a.b", chained=True)),
        ("import a.b as c", "m", "c", Imported("a.b")),
        ("from a import b", "m", "b", Imported("a", "b")),
        ("from a.b import c as d", "m", "d", Imported("a.b", "c")),
        ("from . import b", "x.y.z", "b", Imported("x.y", "b")),
        ("from .a import b", "x.y.z", "b", Imported("x.y.a", "b")),
        ("from ..a import b", "x.y.z", "b", Imported("x.a", "b")),
        ("from .. import b", "x.y.__init__", "b", Imported("x", "b")),
        ("if x:\n    from a import b", "m", "b", Imported("a", "b")),
        (
            "try:\n    import a\nexcept ImportError:\n    pass",
            "m",
            "a",
            Imported("a", chained=True),
        ),
    ],
)
def test_what_an_import_binds(
    text: str, name: str, bound: str, imported: Imported, tmp_path: Path
) -> None:
    found = module_of(tmp_path, text, name)
    assert (found.imports, found.stars) == ({bound: imported}, ())


def test_names_and_effects(tmp_path: Path) -> None:
    text = """
        '''A docstring.'''
        from star import *
        from typing import TYPE_CHECKING
        import typing
        A = 1
        B = C = [x for x in A]
        D: int = 2
        E = make()
        F: int = make()
        G: int
        h.i = 3
        A, J = 1, 2
        pass
        "a lone text"
        if TYPE_CHECKING:
            from a import b
        if typing.TYPE_CHECKING:
            from c import d
        if TYPE_CHECKING:
            K = 1
        else:
            K = 2
        print()


        def plain(): ...
        async def waits(): ...
        @dataclass(frozen=True)
        class Data: ...
        @functools.lru_cache(maxsize=3)
        def kept(): ...
        @register
        def known(): ...
        @torch.no_grad()
        @other.register
        def both(): ...
        class Meta(metaclass=Other): ...
        class Plain(Base): ...
        A = 3
        """
    found = module_of(tmp_path, text)
    lines = [ast.unparse(one.node).splitlines()[0] for one in found.statements]
    assert lines == [
        *("A = 1", "B = C = [x for x in A]", "D: int = 2", "E = make()", "F: int = make()"),
        *("G: int", "h.i = 3", "A, J = (1, 2)", "if TYPE_CHECKING:", "print()", "def plain():"),
        *("async def waits():", "@dataclass(frozen=True)", "@functools.lru_cache(maxsize=3)"),
        *("@register", "@torch.no_grad()", "class Meta(metaclass=Other):", "class Plain(Base):"),
        "A = 3",
    ]
    acting = [lines[index] for index in found.always]
    assert acting == [
        *("E = make()", "F: int = make()", "h.i = 3", "A, J = (1, 2)", "if TYPE_CHECKING:"),
        *("print()", "@register", "@torch.no_grad()", "class Meta(metaclass=Other):"),
    ]
    assert found.bindings == {
        "A": (0, 18),
        "B": (1,),
        "C": (1,),
        "D": (2,),
        "E": (3,),
        "F": (4,),
        "G": (5,),
        "plain": (10,),
        "waits": (11,),
        "Data": (12,),
        "kept": (13,),
        "known": (14,),
        "both": (15,),
        "Meta": (16,),
        "Plain": (17,),
    }
    assert found.stars == ("star",)
    assert found.imports.keys() == {"TYPE_CHECKING", "typing"}


def test_what_a_statement_uses(tmp_path: Path) -> None:
    text = """
        def f(x, y=a.b.c):
            "A docstring."
            import d.e
            from g import h as i
            j = importlib.import_module("k.l")
            __import__("m")
            return x.n(o[p].q, "text", b"bytes", 3)
        """
    found = statement_of(tmp_path, text)
    assert found.chains == {
        *(("a", "b", "c"), ("j",), ("importlib", "import_module"), ("__import__",)),
        *(("x", "n"), ("o",), ("p",)),
    }
    assert found.imports[:2] == (("d", Imported("d.e", chained=True)), ("i", Imported("g", "h")))
    assert {*found.imports[2:]} == {("k.l", Imported("k.l")), ("m", Imported("m"))}
    assert found.texts == {"text", "k.l", "m"}
    assert (found.uses_all, found.imports_any) == (False, False)
    assert (found.bases, found.has_hook) == ((), False)


@pytest.mark.parametrize(
    ("text", "uses_all", "imports_any"),
    [
        ("globals()['a']", True, False),
        ("eval('a')", True, False),
        ("builtins.exec(a)", True, False),
        ("import_module(a)", False, True),
        ("importlib.import_module('.a')", False, True),
        ("__import__()", False, True),
        ("import_module(3)", False, True),
        ("import_module('a')", False, False),
        ("import_module", False, False),
        ("f()()", False, False),
    ],
)
def test_what_may_use_anything(
    text: str, uses_all: bool, imports_any: bool, tmp_path: Path
) -> None:
    found = statement_of(tmp_path, text)
    assert (found.uses_all, found.imports_any) == (uses_all, imports_any)


def test_classes(tmp_path: Path) -> None:
    found = statement_of(tmp_path, "class A(b.C, D[e]):\n    def __init_subclass__(cls): ...\n")
    assert set(found.bases) == {("b", "C"), ("D",), ("e",)}
    assert found.has_hook
    assert not statement_of(tmp_path, "class A:\n    x = 1\n").has_hook


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("def f():\n    'Other words.'\n    return 1", True),
        ("def f():\n    return 1  # a comment", True),
        ("def f():\n    return (\n        1\n    )", True),
        ("def f():\n    return 2", False),
        ("def f():\n    'a'; return 1", True),
        ("def f():\n    1; return 1", False),
    ],
)
def test_comments_and_docstrings_do_not_count(text: str, same: bool, tmp_path: Path) -> None:
    first = statement_of(tmp_path, "def f():\n    'Words.'\n    return 1").digest
    assert (statement_of(tmp_path, text).digest == first) == same


@pytest.mark.parametrize("data", [b"def f(:", b"x = 1\0", b"(" * 5000])
def test_what_is_no_python(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_bytes(data)
    assert read_module(tmp_path / "bad.py", "bad") is None


def test_a_class_as_far_as_a_method_reaches(tmp_path: Path) -> None:
    text = """
        class Own(Base):
            limit = 1
            def __init__(self):
                self.first()
            def first(self): ...
            def second(self):
                return self.third() + helper
            def third(self):
                return self.second
            def fourth(self): ...
            async def fifth(self): ...
            def _private(self):
                return self.sixth()
            def sixth(self): ...
        """
    whole = statement_of(tmp_path, text)

    def kept(method: str) -> list[str]:
        node = only_method(whole, "src.a", method).node
        return [getattr(item, "name", "limit") for item in getattr(node, "body")]  # noqa: B009

    always = ["limit", "__init__", "first", "fifth", "_private", "sixth"]
    assert kept("fourth") == ["limit", "__init__", "first", "fourth", "fifth", "_private", "sixth"]
    assert kept("second") == [*always[:3], "second", "third", *always[3:]]
    assert kept("missing") == always
    reduced = only_method(whole, "src.a", "fourth")
    assert reduced.bases == (("Base",),)
    assert ("helper",) in whole.chains - reduced.chains
    function = statement_of(tmp_path, "def f(): ...")
    assert only_method(function, "src.a", "f") is function
    public = statement_of(tmp_path, "class A:\n    def a(self): ...\n    def b(self): ...\n")
    assert ast.unparse(only_method(public, "src.a", "c").node) == "class A:\n    pass"


def test_where_a_module_lies(tmp_path: Path) -> None:
    for path in ("a/__init__.py", "a/b.py", "a/b/c.py", "d/e.txt", "f.py", "g.cpython-311.so"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    for path in ("g.txt", "h.pyd", "h.abi3.so", "i.py"):
        (tmp_path / path).write_text("")
    (tmp_path / "i").mkdir()
    (tmp_path / "i" / "__init__.py").write_text("")
    expected = {
        "a": "a/__init__.py",
        "a.b": "a/b.py",
        "a.b.c": "a/b/c.py",
        "d": "d",
        "d.e": None,
        "f": "f.py",
        "g": "g.cpython-311.so",
        "h": "h.abi3.so",
        "i": "i/__init__.py",
        "none": None,
        "a.none": None,
    }
    for name, place in expected.items():
        found = locate_module(tmp_path, tuple(name.split(".")))
        assert found == (place and tmp_path / place), name
    assert locate_module(tmp_path, ("..", tmp_path.name)) is None
    assert locate_module(tmp_path, ("a", "*")) is None
