"""A recipe with a model and a few modules, whose targets tests get wrong."""

import inspect
import textwrap
from pathlib import Path

from espnet3_compiler.checks.targets.check import TargetCounts
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import search_path
from tests.compiler.target_kit import judged, write

SOURCES = {
    "src/__init__.py": "",
    "src/model.py": """
        import enum
        from collections.abc import Callable, Sequence
        from pathlib import Path
        from typing import Literal, Optional, Protocol, TypeVar, Union

        T = TypeVar("T")
        Pair = Union[T, tuple[T, T]]
        Size = Pair[int]
        HIDDEN = 3

        class Mode(enum.Enum):
            FAST = "quick"
            SLOW = "slow"

        class Thing: ...
        class Like(Protocol): ...

        class Net:
            def __init__(self, hidden_size: int, vocab_size: int = 3): ...

        class Wrapper:
            def __init__(self, net: "Net", *, scale: float = 1.0): ...
            @classmethod
            def load(cls, path: str): ...

        class Typed:
            def __init__(
                self, i: int = 1, f: float = 1.0, s: str = "", b: bool = False,
                li: list[int] = (), d: dict[str, int] = {}, t: tuple[int, float] = (1, 1.0),
                many: tuple[int, ...] = (), seq: Sequence[str] = (),
                lit: Literal["a", "quick", 3] = "a",
                opt: Optional[int] = 1, un: int | str = 1, p: Path = ".", e: Mode = Mode.FAST,
                c: Callable = print, thing: Thing = Thing(), like: Like = None, size: Size = 1,
                lie: int = "auto", none: int = None, free=1, bad: "Missing" = 1,
                nested: list[dict[str, float]] = (), late: "int | None" = 1,
            ): ...

        class Step:
            def __init__(self, optimizer, step_size: int, last=-1): ...
        class Total:
            def __init__(self, optimizer, total_steps: int): ...
        class NoOptimizer:
            def __init__(self, step_size: int): ...
        class Sgd:
            def __init__(self, params, lr: float): ...
        class NoPlace:
            def __init__(self, *, lr: float): ...
        def place_only(a, /, b): ...
        def anything(*args, **kwargs): ...
    """,
    "src/export.py": """
        def to_onnx(checkpoint, path: str, opset: int = 17): ...
        def with_context(context, path: str): ...
        def swallow(**kwargs): ...
        class Exporter:
            def __init__(self, path): ...
    """,
    "src/broken.py": "def f(:\n    pass\n",
}


HEAD = "version: 1\nrecipe: digits/asr\nsystem: base\n"


STAGES = "stages: [create_dataset]\n"


def library(root: Path) -> Library:
    return Library(search_path(root, []))


def check(root: Path, manifest: str) -> tuple[list[Diagnostic], TargetCounts]:
    write(root, {name: inspect.cleandoc(text) + "\n" for name, text in SOURCES.items()})
    return judged(root, HEAD + textwrap.dedent(manifest), library(root))


def model(root: Path, node: str) -> list[Diagnostic]:
    return check(root, f"models:\n  m: {node}\n{STAGES}")[0]


def training(root: Path, text: str) -> list[Diagnostic]:
    inner = textwrap.indent(textwrap.dedent(text), "    ")
    return check(root, f"configs:\n  training:\n{inner}\nstages: [create_dataset]\n")[0]
