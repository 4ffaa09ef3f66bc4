"""Signatures read from texts that stand here, compared with what Python says after importing."""

import importlib
import inspect
import sys
from pathlib import Path

import pytest

from espnet3_compiler.signature.library import Library, open_library
from espnet3_compiler.signature.locate import search_path
from espnet3_compiler.signature.read import read
from espnet3_compiler.signature.result import Missing, NotAnalyzable, NotCallable, Signature
from tests.compiler.signature_kit import FORWARDS, NAMES, SHAPES, names, readings
from tests.compiler.target_kit import write

KINDS = {
    inspect.Parameter.POSITIONAL_ONLY: "positional",
    inspect.Parameter.POSITIONAL_OR_KEYWORD: "both",
    inspect.Parameter.KEYWORD_ONLY: "keyword",
}


def shapes(root: Path) -> None:
    write(root, {"shapes_pkg/__init__.py": "", "shapes_pkg/shapes.py": SHAPES})


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    root = tmp_path_factory.mktemp("shapes")
    shapes(root)
    sys.path.insert(0, str(root))
    yield open_library(root)
    sys.path.remove(str(root))


def expected(found: object) -> tuple[list[tuple[str, str, bool]], bool]:
    every = inspect.signature(found).parameters.values()
    listed = [(p.name, KINDS[p.kind], p.default is p.empty) for p in every if p.kind in KINDS]
    return listed, any(p.kind is p.VAR_POSITIONAL for p in every)


def found(signature: Signature) -> tuple[list[tuple[str, str, bool]], bool]:
    listed = [(p.name, p.kind, p.required) for p in signature.parameters]
    return listed, signature.more_positional


@pytest.mark.parametrize("name", NAMES)
def test_as_python_says(library: Library, name: str) -> None:
    reading = read(library, f"shapes_pkg.shapes.{name}")
    assert isinstance(reading, Signature), reading
    real: object = importlib.import_module("shapes_pkg.shapes")
    for part in name.split("."):
        real = getattr(real, part)
    if name == "third":  # what a partial has by name can be given again by name only
        reading_names = {p.name: p.required for p in reading.parameters}
        assert reading_names == {"a": True, "b": False, "c": True, "d": False}
        return
    assert found(reading) == expected(real)


@pytest.mark.parametrize(
    ("name", "wanted", "is_open"),
    [
        ("Open", [], True),
        ("Child", ["own", "size", "act="], False),
        ("Grand", ["own", "size", "extra=", "act="], False),
        ("Popper", ["size=", "depth=", "act=", "flag="], False),
        ("Explicit", ["depth=", "act="], False),
        ("Setter", ["rate="], False),
        ("Maybe", ["size=", "depth=", "act="], False),
        ("Swallows", ["a"], True),
        ("Mixed", ["mixed=", "size", "depth=", "act="], False),
        ("caller", ["z", "y="], False),
        ("build", ["size", "depth=", "act="], False),
        ("Loop", [], True),
    ],
)
def test_keyword_arguments_are_followed(tmp_path, name, wanted, is_open):
    text = inspect.cleandoc(FORWARDS["src/base.py"])
    (reading,) = readings(tmp_path, {"src/base.py": text}, f"src.base.{name}")
    got = names(reading)
    if name == "Grand":
        assert sorted(got) == sorted(wanted)
    else:
        assert got == wanted
    assert isinstance(reading, Signature)
    assert reading.more_keywords == is_open


def test_of_new_and_init_in_one_class_init_says_the_arguments(tmp_path):
    text = """
        class Both:
            def __new__(cls, *args, **kwargs): ...
            def __init__(self, size, depth=1): ...
        class Below(Both):
            def __new__(cls, a): ...
        class Unlike:
            def __new__(cls, a): ...
            def __init__(self, a): ...
    """
    paths = ("src.base.Both", "src.base.Below", "src.base.Unlike")
    both, below, unlike = readings(tmp_path, {"src/base.py": inspect.cleandoc(text)}, *paths)
    assert isinstance(both, Signature)
    assert (names(both), both.more_keywords) == (["size", "depth="], False)
    assert names(below) == ["a"]
    assert unlike == NotAnalyzable("Unlike has __new__ and __init__")


def test_the_result_of_a_property_is_not_known(tmp_path):
    text = "class Holder:\n    @property\n    def made(self): ...\n"
    (made,) = readings(tmp_path, {"src/base.py": text}, "src.base.Holder.made")
    assert isinstance(made, NotAnalyzable)
    assert made.reason.endswith("made is a property")


MODULES = {
    "src/__init__.py": """
        from .model import *
        from .tools import helper as tool, late
        from src import deep
        import src.deep.inner as inner
        try:
            from .fast import Thing
        except ImportError:
            from .model import Slow as Thing
        if FLAG:
            def either(a): ...
        else:
            def either(b): ...
        try:
            from fast_package import Other
        except ImportError:
            from .model import Slow as Other
        NUMBER = 3
        WORDS = ["a"]
        made = make()
    """,
    "src/model.py": """
        import sys
        __all__ = ["Net", "Slow"]
        class Net:
            def __init__(self, size): ...
        class Slow:
            def __init__(self, slow): ...
        class Hidden: ...
        if sys.version_info >= (3, 9):
            def version(new): ...
        else:
            def version(old): ...
    """,
    "src/tools.py": """
        def helper(x): ...
        def __getattr__(name): ...
    """,
    "src/deep/__init__.py": "from .inner import inner",
    "src/deep/inner.py": "def inner(q): ...\ndef other(r): ...",
    "src/broken.py": "def broken(:",
    "src/circle.py": "from src.circle2 import Thing",
    "src/circle2.py": "from src.circle import Thing",
    "src/patched.py": "class P:\n    def __init__(self, a): ...\nP.__init__ = print\nP.more = 3\n"
    "class S:\n    def __init__(self, a): ...\nsetattr(S, '__init__', print)\n",
    "src/late.py": "from src import deep\ndeep.added = 3\n",
    "src/meta.py": """
        class Meta(type):
            def __call__(cls, anything): ...
        class Quiet(type):
            def __new__(cls, *args): ...
        class Made(metaclass=Meta):
            def __init__(self, a): ...
        class Fine(metaclass=Quiet):
            def __init__(self, a): ...
        class Computed(make_base()):
            pass
        @register("x")
        class Registered:
            def __init__(self, a): ...
        @wrap
        def wrapped(a): ...
        class Words(dict):
            pass
        class Foreign(missing_package.Base):
            pass
        class OwnForeign(missing_package.Base):
            def __init__(self, a, **kwargs):
                super().__init__(**kwargs)
    """,
    "names/space/mod.py": "def f(a): ...",
}


def tree(tmp_path: Path) -> Library:
    write(tmp_path, {name: inspect.cleandoc(text) + "\n" for name, text in MODULES.items()})
    return Library(search_path(tmp_path))


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("src.Net", ["size"]),
        ("src.tool", ["x"]),
        ("src.Thing", ["slow"]),
        ("src.deep.inner", ["q"]),
        ("src.deep.inner.other", ["r"]),
        ("src.model.version", ["new"]),
        ("names.space.mod.f", ["a"]),
        ("src.meta.Fine", ["a"]),
        ("src.meta.OwnForeign", ["a"]),
    ],
)
def test_paths_that_lead_somewhere(tmp_path, path, wanted):
    assert names(read(tree(tmp_path), path)) == wanted


@pytest.mark.parametrize(
    ("path", "prefix", "part"),
    [
        ("nowhere.Net", "", "nowhere"),
        ("src.modle.Net", "src", "modle"),
        ("src.model.Nett", "src.model", "Nett"),
        ("src.Hidden", "src", "Hidden"),
        ("src.model.Net.build", "src.model.Net", "build"),
        ("names.spce.mod.f", "names", "spce"),
        ("src.deep.inner.nothing", "src.deep.inner", "nothing"),
        ("builtins.dikt", "builtins", "dikt"),
    ],
)
def test_paths_that_lead_nowhere(tmp_path, path, prefix, part):
    reading = read(tree(tmp_path), path)
    assert isinstance(reading, Missing), reading
    assert (reading.prefix, reading.part) == (prefix, part)


@pytest.mark.parametrize("path", ["src", "src.model", "src.NUMBER", "src.WORDS"])
def test_what_cannot_be_called(tmp_path, path):
    assert isinstance(read(tree(tmp_path), path), NotCallable)


@pytest.mark.parametrize(
    "path",
    [
        "src.either",
        "src.Other",
        "src.made",
        "src.late",
        "src.tools.anything",
        "src.broken.broken",
        "src.circle.Thing",
        "src.patched.P",
        "src.patched.S",
        "src.patched.P.more",
        "src.deep.added",
        "src.meta.Made",
        "src.meta.Computed",
        "src.meta.Registered",
        "src.meta.wrapped",
        "src.meta.Words",
        "src.meta.Foreign",
        "builtins.dict",
        "math.sqrt",
    ],
)
def test_paths_that_are_not_analyzable(tmp_path, path):
    reading = read(tree(tmp_path), path)
    assert isinstance(reading, NotAnalyzable), reading
    assert reading.reason


def test_a_name_that_another_module_sets(tmp_path):
    files = {
        "src/__init__.py": "",
        "src/old.py": "import sys, src\nsetattr(src, 'Legacy', 1)\nsys.modules['src.gone'] = src\n",
    }
    legacy, gone, other = readings(tmp_path, files, "src.Legacy", "src.gone.X", "src.Legacies")
    assert isinstance(legacy, NotAnalyzable)
    assert isinstance(gone, NotAnalyzable)
    assert isinstance(other, Missing)


def test_the_recipe_comes_before_the_path(tmp_path):
    files = {
        "src/model.py": "def f(mine): ...",
        "other/src/model.py": "def f(theirs): ...",
        "other/lib/__init__.py": "def g(theirs): ...",
        "lib/only.py": "def h(mine): ...",
    }
    mine, theirs = readings(tmp_path, files, "src.model.f", "lib.g")
    assert names(mine) == ["mine"]
    assert names(theirs) == ["theirs"]  # a package goes before a folder without __init__.py


def test_nothing_is_imported(tmp_path):
    write(tmp_path, {"src/boom.py": "raise SystemExit('imported')\nclass A:\n    pass\n"})
    before = set(sys.modules)
    assert names(read(Library(search_path(tmp_path)), "src.boom.A")) == []
    heavy = [name for name in set(sys.modules) - before if name.startswith(("src", "torch"))]
    assert heavy == []


def test_editable_installs_are_found(tmp_path, monkeypatch):
    import types

    write(tmp_path, {"checkout/mylib/__init__.py": "def f(a): ..."})
    finder_module = types.ModuleType("__editable___mylib_finder")
    finder_module.MAPPING = {"mylib": str(tmp_path / "checkout" / "mylib")}  # type: ignore[attr-defined]
    finder = type("_EditableFinder", (), {"__module__": "__editable___mylib_finder"})
    finder.find_spec = staticmethod(lambda *_: None)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "__editable___mylib_finder", finder_module)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, finder])
    library = Library(search_path(tmp_path / "recipe", []))
    assert names(read(library, "mylib.f")) == ["a"]
