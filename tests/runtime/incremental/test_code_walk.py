"""Code that counts is followed through syntax trees, and nothing is imported."""

import textwrap
from pathlib import Path

import pytest

from espnet3_runtime.incremental.code_module import is_local
from espnet3_runtime.incremental.code_walk import Code, collect_code


@pytest.fixture
def base(tmp_path: Path) -> Path:
    files = {
        "src/__init__.py": "",
        "src/a.py": """
            import math
            import numpy as np
            import src.b as other
            import src.c
            from src.d import *
            from .e import thing as renamed
            from src import f

            TABLE = {"x": lambda: referenced()}


            def referenced():
                return 1


            def unreferenced():
                return 2


            def uses_table():
                return TABLE["x"]


            def uses_alias():
                return other.inside(1)


            def uses_chain():
                return src.c.inside(1)


            def uses_star():
                return starred()


            def uses_renamed():
                return renamed()


            def uses_module():
                return f.inside()


            def uses_numpy():
                return np.zeros(1)


            def imports_inside():
                from src.g import inside

                return inside()


            def by_name():
                return globals()["unreferenced"]()


            def by_module_name():
                import importlib

                return importlib.import_module("src.h").inside()


            def anything(name):
                import importlib

                return importlib.import_module(name)


            def recursive():
                return recursive() + mutual()


            def mutual():
                return recursive()
            """,
        "src/b.py": "def inside(x):\n    return x\n\n\ndef outside(x):\n    return x\n",
        "src/c.py": "def inside(x):\n    return x\n\n\ndef outside(x):\n    return x\n",
        "src/d.py": "def starred():\n    return 1\n\n\ndef other():\n    return 1\n",
        "src/e.py": "from src.i import deep\n\n\ndef thing():\n    return deep()\n",
        "src/f.py": "def inside():\n    return 1\n",
        "src/g.py": "def inside():\n    return 1\n",
        "src/h.py": "def inside():\n    return 1\n",
        "src/i.py": "def deep():\n    return 1\n",
        "src/registry.py": """
            from src.hooks import Base, register

            NAMES = {}


            @register("one")
            def one():
                return 1


            def two():
                return 2


            class Child(Base):
                value = 1


            def entry():
                return NAMES
            """,
        "src/hooks.py": """
            def register(name):
                return lambda function: function


            class Base:
                def __init_subclass__(cls):
                    KNOWN.append(cls)


            KNOWN = []
            """,
        "src/broken.py": "def broken(:\n",
        "src/cycle_a.py": "from src.cycle_b import x\n",
        "src/cycle_b.py": "from src.cycle_a import x\n",
        "namespace/inner.py": "def f():\n    return 1\n",
        "data/ignored.py": "x = 1\n",
    }
    for path, text in files.items():
        place = tmp_path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(textwrap.dedent(text))
    return tmp_path


def code(base: Path, *roots: str) -> Code:
    return collect_code(roots, base, [base / "data"])


def changes(base: Path, root: str, path: str, old: str, new: str) -> bool:
    """Say whether an edit of a file changes the hash of what a root reaches."""
    before = code(base, root).modules
    text = (base / path).read_text()
    assert old in text
    (base / path).write_text(text.replace(old, new))
    return code(base, root).modules != before


FOLLOWED = [
    ("src.a.uses_table", "src/a.py", "return 1", "return 10"),
    (
        "src.a.uses_alias",
        "src/b.py",
        "def inside(x):\n    return x",
        "def inside(x):\n    return 1",
    ),
    (
        "src.a.uses_chain",
        "src/c.py",
        "def inside(x):\n    return x",
        "def inside(x):\n    return 1",
    ),
    ("src.a.uses_star", "src/d.py", "return 1\n\n\ndef other", "return 2\n\n\ndef other"),
    ("src.a.uses_renamed", "src/i.py", "return 1", "return 2"),
    ("src.a.uses_module", "src/f.py", "return 1", "return 2"),
    ("src.a.imports_inside", "src/g.py", "return 1", "return 2"),
    ("src.a.by_name", "src/a.py", "return 2", "return 20"),
    ("src.a.by_module_name", "src/h.py", "return 1", "return 2"),
    ("src.a.anything", "src/h.py", "return 1", "return 2"),
    ("src.a.anything", "src/registry.py", "return 2", "return 3"),
    ("src.a.recursive", "src/a.py", "return recursive()\n", "return recursive() + 1\n"),
    ("src.registry.entry", "src/registry.py", "return 1", "return 10"),
    ("src.registry.entry", "src/registry.py", "value = 1", "value = 2"),
    ("src.registry.entry", "src/hooks.py", "lambda function: function", "lambda function: None"),
    ("src.registry", "src/registry.py", "return 2", "return 3"),
    ("src.broken.anything", "src/broken.py", "(:", "(::"),
    ("namespace.inner.f", "namespace/inner.py", "return 1", "return 2"),
    ("src.a.uses_table", "src/b.py", "def outside", "print()\n\n\ndef outside"),
]


@pytest.mark.parametrize(("root", "path", "old", "new"), FOLLOWED)
def test_followed(root: str, path: str, old: str, new: str, base: Path) -> None:
    assert changes(base, root, path, old, new)


def test_any_module_may_lie_behind_a_link(base: Path) -> None:
    elsewhere = base.parent / f"{base.name}-elsewhere"
    elsewhere.mkdir()
    (elsewhere / "far.py").write_text("x = 1\n")
    (elsewhere / "around").symlink_to(base)
    (base / "src" / "linked").symlink_to(elsewhere)
    assert changes(base, "src.a.anything", "src/linked/far.py", "1", "2")


PASSED_OVER = [
    ("src.a.uses_table", "src/a.py", "return 2", "return 20"),
    (
        "src.a.uses_alias",
        "src/b.py",
        "def outside(x):\n    return x",
        "def outside(x):\n    return 1",
    ),
    (
        "src.a.uses_chain",
        "src/c.py",
        "def outside(x):\n    return x",
        "def outside(x):\n    return 1",
    ),
    ("src.a.uses_star", "src/d.py", "def other():\n    return 1", "def other():\n    return 2"),
    ("src.a.uses_alias", "src/i.py", "return 1", "return 2"),
    ("src.registry.entry", "src/registry.py", "return 2", "return 3"),
    ("src.a.anything", "data/ignored.py", "x = 1", "x = 2"),
    ("src.a.recursive", "src/a.py", "def recursive", "# comment\ndef recursive"),
    ("src.a.uses_table", "src/a.py", "import math\n", ""),
]


@pytest.mark.parametrize(("root", "path", "old", "new"), PASSED_OVER)
def test_passed_over(root: str, path: str, old: str, new: str, base: Path) -> None:
    assert not changes(base, root, path, old, new)


def test_packages_from_outside_are_those_that_are_used(base: Path) -> None:
    assert "numpy" in code(base, "src.a.uses_numpy").packages
    assert "numpy" not in code(base, "src.a.uses_alias").packages
    assert "torch" in code(base, "torch.optim.Adam").packages


@pytest.mark.parametrize(
    ("text", "packages"),
    [
        ("from numpy import *\n\n\ndef f():\n    return zeros(1)\n", {"numpy"}),
        ("from numpy import *\nimport torch\n\n\ndef f():\n    return 1\n", set()),
        ("import torch.nn as n\n\n\ndef f():\n    return n.Linear\n", {"torch"}),
        ("import torch.nn\n\n\ndef f():\n    return torch.zeros(1)\n", {"torch"}),
        ("def f():\n    from yaml import load\n    return load\n", {"yaml"}),
        ("def f():\n    import yaml\n    return 1\n", {"yaml"}),
        ("def f():\n    return __import__('yaml.nodes')\n", {"yaml"}),
        ("def f():\n    return unknown.name\n", set()),
        ("x = [torch for torch in ()]\n\n\ndef f():\n    return x\n", set()),
    ],
)
def test_packages_of_names(text: str, packages: set[str], base: Path) -> None:
    (base / "src" / "fresh.py").write_text(text)
    assert code(base, "src.fresh.f").packages == packages


@pytest.mark.parametrize(
    ("root", "files"),
    [
        ("src.a.uses_table", {"src/a.py"}),
        ("src.a.uses_alias", {"src/a.py", "src/b.py"}),
        ("src.a.uses_chain", {"src/a.py", "src/c.py"}),
        ("src.a.uses_star", {"src/a.py", "src/d.py"}),
        ("src.a.uses_renamed", {"src/a.py", "src/e.py", "src/i.py"}),
        ("src.a.uses_module", {"src/a.py", "src/f.py"}),
        ("src.a.imports_inside", {"src/a.py", "src/g.py"}),
        ("src.a.by_module_name", {"src/a.py", "src/h.py"}),
        ("src.b", {"src/b.py"}),
        ("src.broken.anything", {"src/broken.py"}),
        ("namespace.inner", {"namespace/inner.py"}),
        ("src.registry.entry", {"src/registry.py", "src/hooks.py"}),
        ("torch.optim.Adam", set()),
    ],
)
def test_the_files_that_count(root: str, files: set[str], base: Path) -> None:
    assert set(code(base, root).modules) == files


def test_what_is_local(base: Path) -> None:
    assert is_local("src.a.uses_table", base)
    assert is_local("namespace.inner", base)
    assert not is_local("torch.optim.Adam", base)
    assert not is_local("../src", base)


def test_circles_end(base: Path) -> None:
    assert code(base, "src.cycle_a.x").modules == {}
    assert "src/a.py" in code(base, "src.a.mutual").modules


def test_names_that_do_not_exist_count_as_the_whole_file(base: Path) -> None:
    assert changes(base, "src.b.missing", "src/b.py", "return x", "return 0")
    assert code(base, "src.nothing.here").modules == {}


def test_texts_are_kept_with_their_directory(base: Path) -> None:
    (base / "src" / "files.py").write_text('def f():\n    return open("words.txt")\n')
    assert ("words.txt", base / "src") in code(base, "src.files.f").texts


def test_reading_does_not_run(base: Path) -> None:
    trap = base / "trap.txt"
    (base / "src" / "danger.py").write_text(f"open({str(trap)!r}, 'w').write('ran')\nX = 1\n")
    assert code(base, "src.danger.X").modules
    assert not trap.exists()


SYSTEM = """from espnet3_runtime.systems.base import BaseSystem

from src.b import inside, outside


class Own(BaseSystem):
    limit = 1

    def __init__(self, **kwargs):
        super().__init__(**kwargs)

    def polish(self, context):
        return self.shared(context) + self._private()

    def shared(self, context):
        return inside(1)

    def grind(self, context):
        return outside(2)

    def _private(self):
        return 1
"""


@pytest.mark.parametrize(
    ("old", "new", "counts"),
    [
        ("return self.shared(context) + ", "return ", True),
        ("return inside(1)", "return inside(3)", True),
        ("limit = 1", "limit = 2", True),
        ("super().__init__(**kwargs)", "super().__init__(**kwargs)\n        self.x = 1", True),
        ("def _private(self):\n        return 1", "def _private(self):\n        return 2", True),
        ("return outside(2)", "return outside(3)", False),
        ("def grind(self, context)", "def grind(self, context, more=1)", False),
    ],
)
def test_an_own_system_counts_as_far_as_the_method_reaches(
    old: str, new: str, counts: bool, base: Path
) -> None:
    (base / "src" / "system.py").write_text(SYSTEM)
    method = ("src.system.Own", "polish")
    before = collect_code([], base, method=method)
    assert old in SYSTEM
    (base / "src" / "system.py").write_text(SYSTEM.replace(old, new))
    assert (collect_code([], base, method=method).modules != before.modules) is counts
    assert "src/b.py" in before.modules


def test_it_counts_no_further_where_other_classes_register(base: Path) -> None:
    path = base / "src" / "system.py"
    path.write_text("from src.registry import entry\n" + SYSTEM)
    before = collect_code([], base, method=("src.system.Own", "polish")).modules
    assert "src/registry.py" in before
    path.write_text(path.read_text().replace("return outside(2)", "return outside(3)"))
    assert collect_code([], base, method=("src.system.Own", "polish")).modules == before
