"""Compiled functions that stubs describe, and functions of any arguments that overloads describe.

The packages are made up, with the mechanisms of torch.
"""

from inspect import cleandoc
from pathlib import Path

import pytest

from espnet3_compiler.signature.result import Missing, NotAnalyzable, Signature
from tests.compiler.signature_kit import installed_package, names, world_readings

STUBS = {
    "__init__.py": """
        from typing import TYPE_CHECKING
        from torch._C import *
        from torch._C import _add_docstr
        if TYPE_CHECKING:
            from torch._C._functions import *
        for name in dir(_C._functions):
            globals()[name] = getattr(_C._functions, name)
        told = _add_docstr(full, "What full does.")
    """,
    "_C.abi3.so": "",
    "_C/__init__.pyi": """
        from typing import Any, overload
        from torch._functions import *
        float32: dtype = ...
        class dtype:
            itemsize: int
        class Generator:
            def __init__(self, device: str | None = None) -> None: ...
        def _add_docstr(f, text): ...
    """,
    "_C/_functions.pyi": """
        from typing import Any, overload
        __all__ = ["full", "zeros", "steps"]
        def full(size: list[int], value: float, *, names: Any = None) -> Any: ...
        @overload
        def zeros(size: list[int], *, out: Any = None) -> Any: ...
        @overload
        def zeros(*size: int, out: Any = None, names: Any = ...) -> Any: ...
        @overload
        def steps(start: int, end: int, step: int = 1) -> Any: ...
        @overload
        def steps(end: int, *, dtype: Any = None) -> Any: ...
    """,
}


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("Generator", ["device="]),
        ("full", ["size", "value", "names="]),
        ("told", ["size", "value", "names="]),
        ("zeros", ["size=", "out=", "names="]),
        ("steps", ["start=", "end=", "step=", "dtype="]),
        ("dtype", "dtype is compiled"),
        ("Any", "torch makes names while it runs"),
        ("Unlisted", "torch makes names while it runs"),
        ("fulll", "full"),
    ],
)
def test_compiled_functions_by_their_stubs(tmp_path: Path, name: str, wanted: object) -> None:
    (found,) = world_readings(tmp_path, installed_package("torch", STUBS), f"torch.{name}")
    if isinstance(found, Missing):
        assert wanted in found.near
    elif isinstance(found, NotAnalyzable):
        assert found.reason == wanted
    else:
        assert names(found) == wanted


OVERLOADS = """
    from typing import overload
    class Base:
        def __init__(self, mode, size, hidden, layers=1, proj=0): ...
    class Net(Base):
        @overload
        def __init__(self, size: int, hidden: int, layers: int = 1) -> None: ...
        @overload
        def __init__(self, *args, **kwargs) -> None: ...
        def __init__(self, *args, **kwargs):
            if "proj" in kwargs:
                raise ValueError
            super().__init__("net", *args, **kwargs)
    class Chain:
        @overload
        def __init__(self, *parts: object) -> None: ...
        @overload
        def __init__(self, parts_by_name: dict) -> None: ...
        def __init__(self, *args): ...
    @overload
    def either(a: int) -> int: ...
    @overload
    def either(a: str, b: int) -> str: ...
    def either(a, b=None, c=None): ...
"""


def test_overloads_say_what_a_function_of_any_arguments_needs(tmp_path: Path) -> None:
    files = {"recipe/src/nets.py": cleandoc(OVERLOADS)}
    net, chain, either = world_readings(
        tmp_path, files, *(f"src.nets.{n}" for n in ("Net", "Chain", "either"))
    )
    assert names(net) == ["size", "hidden", "layers=", "proj="]
    assert names(chain) == ["parts_by_name="]
    assert isinstance(chain, Signature)
    assert chain.more_positional
    assert names(either) == ["a", "b=", "c="]
