"""Python of every shape whose signatures are read, and how tests read them."""

import sys
from inspect import cleandoc
from pathlib import Path

from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import search_path
from espnet3_compiler.signature.read import read
from espnet3_compiler.signature.result import Signature
from tests.compiler.target_kit import write

SHAPES = """
import abc, functools
import dataclasses as dc
from dataclasses import KW_ONLY, InitVar, dataclass, field
from typing import ClassVar, Generic, NamedTuple, Protocol, TypeVar

T = TypeVar("T")

class Plain: ...

class Own:
    def __init__(self, a, /, b: int, *args, c, d=1, **kwargs): ...

class Inherits(Own): ...

class First:
    def __init__(self, x): ...

class Second:
    def __init__(self, y): ...

class Both(First, Second): ...

class Middle(First):
    pass

class Diamond(Middle, Second): ...

class New:
    def __new__(cls, a, b=2): return super().__new__(cls)

class Abstract(abc.ABC):
    @abc.abstractmethod
    def run(self, n): ...
    def __init__(self, k=1): ...

class Typed(Generic[T]):
    def __init__(self, value: T, *, name: str = ""): ...

class Interface(Protocol):
    def __init__(self, a): ...

@dataclass
class Point:
    x: int
    y: int = 0
    shared: ClassVar[int] = 3
    log: list = field(default_factory=list)
    hidden: int = field(default=1, init=False)
    seed: InitVar[int] = 7

@dc.dataclass(order=True)
class Point3(Point):
    z: float = 1.0
    _: KW_ONLY
    label: str = ""

@dataclass(kw_only=True)
class Named:
    a: int
    b: int = field(kw_only=False, default=3)

@dataclass(init=False)
class NoInit:
    a: int

@dataclass
class OwnInit:
    a: int
    def __init__(self, q): ...

class Row(NamedTuple):
    a: int
    b: str = "x"

def function(a, b=1, *, c): ...
async def later(a): ...
alias = function
Renamed = Own
half = functools.partial(function, 3, c=1)
third = functools.partial(Own, b=1)

class Holder:
    @classmethod
    def build(cls, path, strict=True): ...
    @staticmethod
    def tool(x): ...
    def method(self, y): ...
    class Inner:
        def __init__(self, deep): ...

@functools.lru_cache(maxsize=None)
def cached(a): ...

def passes(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        return function(*args, **kwargs)
    return inner

@passes
def decorated(a, b): ...

def again(a): ...
def again(a, b): ...

if True:
    def conditional(a): ...
"""


NAMES = [
    *("Plain", "Own", "Inherits", "Both", "Diamond", "New", "Abstract", "Typed", "Interface"),
    *("Point", "Point3", "Named", "NoInit", "OwnInit", "Row", "function", "later"),
    *("alias", "Renamed", "half", "third", "Holder.build", "Holder.tool", "Holder.method"),
    *("Holder.Inner", "cached", "decorated", "again", "conditional"),
]


def readings(root: Path, files: dict[str, str], *paths: str) -> list[object]:
    write(root, files)
    library = Library(search_path(root, [root / "other", *sys.path]))
    return [read(library, path) for path in paths]


def world_readings(root: Path, files: dict[str, str], *paths: str) -> list[object]:
    """Read paths with files below ``site``, where packages are installed, or in the recipe."""
    write(root, files)
    library = Library(search_path(root / "recipe", [str(root / "site")]))
    return [read(library, path) for path in paths]


def installed_package(name: str, *parts: dict[str, str]) -> dict[str, str]:
    """Return the files of a package for :func:`world_readings`."""
    files = {file: text for part in parts for file, text in part.items()}
    return {f"site/{name}/{file}": cleandoc(text) for file, text in files.items()}


def names(reading: object) -> list[str]:
    assert isinstance(reading, Signature), reading
    return [p.name + ("" if p.required else "=") for p in reading.parameters]


FORWARDS = {
    "src/base.py": """
        class Base:
            def __init__(self, size, depth=2, *, act="relu"): ...
            def setup(self, rate=1): ...
        class Open(Base):
            def __init__(self, **kwargs):
                print(kwargs)
                super().__init__(**kwargs)
        class Child(Base):
            def __init__(self, own, **kwargs):
                super().__init__(depth=3, **kwargs)
        class Grand(Child):
            def __init__(self, *args, extra=1, **kwargs):
                super().__init__(*args, **kwargs)
        class Popper(Base):
            def __init__(self, **kwargs):
                self.flag = kwargs.pop("flag", None)
                super().__init__(**kwargs)
        class Explicit(Base):
            def __init__(self, **kwargs):
                Base.__init__(self, 1, **kwargs)
        class Setter(Base):
            def __init__(self, **kwargs):
                super().__init__(1)
                self.setup(**kwargs)
        class Maybe(Base):
            def __init__(self, **kwargs):
                if kwargs["size"]:
                    super().__init__(**kwargs)
        class Swallows(Base):
            def __init__(self, a, **kwargs): ...
        class Mixin:
            def __init__(self, mixed=1, **kwargs):
                super().__init__(**kwargs)
        class Mixed(Mixin, Base): ...
        def helper(x, y=1): ...
        def caller(z, **kwargs):
            return helper(x=z, **kwargs)
        def build(**kwargs):
            return Base(**kwargs)
        class Loop:
            def __init__(self, **kwargs):
                self.again(**kwargs)
            def again(self, **kwargs):
                self.other(**kwargs)
            def other(self, **kwargs):
                self.again(**kwargs)
    """
}
