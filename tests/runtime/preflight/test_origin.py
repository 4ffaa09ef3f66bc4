"""From an exception to its sentence, its line of code and the argument that it is about."""

import io
import re
import sys
from collections.abc import Callable, Mapping
from enum import Enum, StrEnum
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from espnet3_runtime.errors import InstantiateError, UserError
from espnet3_runtime.preflight.no_effects import Network
from espnet3_runtime.preflight.origin import code_place
from espnet3_runtime.preflight.origin.argument import (
    argument_at_fault,
    blame_argument,
    class_wanted,
)
from espnet3_runtime.preflight.origin.error_origin import (
    ErrorOrigin,
    find_origin,
    needs_memory,
    raise_unprobed,
)
from espnet3_runtime.preflight.protocol import Answers, CodePlace, RecipeLocation, UnprobedError

CODE = '''"""Ä module."""
import functools


def shown(function):
    @functools.wraps(function)
    def call(*given):
        return function(*given)

    return call


class Net:
    """A class."""

    def forward(self, x, *, width=1):
        ä = [x]; return ä[width]

    @shown
    def two(self, x): return x if x else self.inner(
        x
    )

    def inner(self, height):
        def deeper():
            return 3
        if height:
            return 1
        return deeper()

    def none(self):
        pass

    def fails(self):
        raise ValueError("size 8 and 16x300 of 3, 8, a9, v2.5 and 1200")

    def long(self):
        return int(
            "a"
        )


def through(function):
    return function()
'''


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpora") / "corpus" / "task"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "net.py").write_text(CODE, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def net(recipe: Path) -> Any:
    module = ModuleType("net_of_the_recipe")
    path = recipe / "src" / "net.py"
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    exec(compile(CODE, str(path), "exec"), vars(module))
    yield module
    del sys.modules[module.__name__]


def caught(function: Callable[[], object]) -> BaseException:
    try:
        function()
    except Exception as error:  # noqa: BLE001 - any
        return error
    raise AssertionError


def of(place: CodePlace | None) -> tuple[int, int, int, str] | None:
    return place and (place.line, place.column, place.end_column, place.name)


def test_where_an_exception_was_raised(net: Any, recipe: Path) -> None:
    path = str(recipe / "src" / "net.py")
    error = caught(lambda: net.Net().forward([]))
    assert code_place.place_of_error(error, recipe) == CodePlace(path, 17, 25, 33, "forward")
    # the innermost line of the recipe, though another library raised it
    error = caught(lambda: net.through(lambda: Path("/nowhere/at/all").read_text()))
    assert of(code_place.place_of_error(error, recipe)) == (44, 12, 22, "through")
    error = caught(lambda: net.through(lambda: 1 / 0))
    assert code_place.place_of_error(error, recipe / "elsewhere") is None
    assert code_place.recipe_files(error, recipe) == {path}
    assert code_place.recipe_files(error, recipe / "elsewhere") == set()


def test_a_line_that_goes_on_ends_where_it_does(net: Any, recipe: Path) -> None:
    error = caught(net.Net().long)
    assert of(code_place.place_of_error(error, recipe)) == (38, 16, 20, "long")
    error = caught(lambda: net.Net.two(object(), 0))
    assert of(code_place.place_of_error(error, recipe)) == (20, 42, 52, "two")


def test_the_line_of_a_syntax_error(recipe: Path) -> None:
    error = caught(lambda: compile("x = 1\ny = (\n", "/r/bad.py", "exec"))
    assert code_place.place_of_error(error, recipe) == CodePlace("/r/bad.py", 2, 5, 6, "<module>")
    error = SyntaxError("no offset", ("/r/bad.py", 3, None, ""))
    assert of(code_place.place_of_error(error, recipe)) == (3, 1, 2, "<module>")
    assert code_place.place_of_error(SyntaxError("nothing"), recipe) is None


@pytest.mark.parametrize(
    ("file", "ours"),
    [
        ("corpus/task/src/net.py", True),
        ("corpus/task/.venv/lib/site-packages/x.py", False),
        ("corpus/task/lib/dist-packages/x.py", False),
        ("corpus/other/src/net.py", False),
        ("corpus/other/dataset/x.py", True),
        ("more/other/dataset/x.py", True),
        ("more/other/dataset/deep/x.py", False),
        ("../dataset/x.py", False),
    ],
)
def test_code_of_the_recipe_or_of_the_data_beside_it(file: str, ours: bool, recipe: Path) -> None:
    path = Path(recipe.parents[1], file).resolve()
    assert code_place.is_recipe_file(str(path), recipe) == ours
    assert not code_place.is_recipe_file("src/net.py", recipe)


def test_places_of_definitions(net: Any, recipe: Path) -> None:
    cls = net.Net
    assert of(code_place.place_of_parameter(cls.forward, "x")) == (16, 23, 24, "forward")
    assert of(code_place.place_of_parameter(cls.forward, "width")) == (16, 29, 34, "forward")
    assert code_place.place_of_parameter(cls.forward, "ä") is None
    assert of(code_place.place_of_definition(cls.forward)) == (16, 5, 8, "forward")
    assert of(code_place.place_of_definition(cls().two)) == (20, 5, 8, "two")
    assert of(code_place.place_of_return(cls.forward)) == (17, 18, 24, "forward")
    assert of(code_place.place_of_return(cls.two)) == (20, 23, 29, "two")
    assert of(code_place.place_of_return(cls.inner)) == (24, 5, 8, "inner")
    assert of(code_place.place_of_return(cls.none)) == (31, 5, 8, "none")
    assert of(code_place.place_of_method(cls, "two")) == (20, 9, 12, "two")
    assert of(code_place.place_of_class(cls)) == (13, 1, 6, "Net")
    for nothing in (len, int, 3):
        assert code_place.place_of_return(nothing) is None  # type: ignore[arg-type]
        assert code_place.place_of_parameter(nothing, "x") is None  # type: ignore[arg-type]
        assert code_place.place_of_definition(nothing) is None  # type: ignore[arg-type]
    assert code_place.place_of_class(int) is None
    assert code_place.place_of_method(cls, "no") is None


# What went wrong.


def test_an_exception_of_user_code(net: Any, recipe: Path) -> None:
    found = find_origin(caught(net.Net().fails), recipe)
    assert found.text == "ValueError: size 8 and 16x300 of 3, 8, a9, v2.5 and 1200"
    assert found.numbers == (8, 16, 300, 1200)
    assert of(found.place) == (35, 9, 73, "fails")
    assert (found.help, found.where) == ((), "")


def chained(*errors: BaseException) -> BaseException:
    for outer, inner in pairwise(errors):
        outer.__cause__ = inner
    return errors[0]


@pytest.mark.parametrize(
    ("error", "text", "where", "hint"),
    [
        (ValueError(), "ValueError", "", ()),
        (ValueError("a\n  b: "), "ValueError: a b", "", ()),
        (UserError("no such", where="a.b", hint="do"), "no such", "a.b", ("do",)),
        (
            chained(UserError("outer", where="a"), ValueError("inner")),
            "outer",
            "a",
            (),
        ),
        (
            chained(InstantiateError("outer", where="a", hint="do"), ValueError("inner")),
            "ValueError: inner",
            "a",
            ("do",),
        ),
        (
            chained(InstantiateError("o", where="a", hint="do"), UserError("i", where="b")),
            "i",
            "b",
            ("do",),
        ),
        (
            chained(InstantiateError("o", where="a"), UserError("i", hint="so")),
            "i",
            "a",
            ("so",),
        ),
        (InstantiateError("alone", where="a"), "alone", "a", ()),
        (ValueError("x" * 400), f"ValueError: {'x' * 300}", "", ()),
    ],
)
def test_one_sentence_for_every_exception(
    error: BaseException, text: str, where: str, hint: tuple[str, ...]
) -> None:
    assert find_origin(error, Path("/r")) == ErrorOrigin(text, None, hint, where, ())


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("3 4 5", (4, 5)),
        ("4x5x6", (4, 5, 6)),
        ("mat1 and mat2 shapes (8x16 and 32x16)", (8, 16, 32)),
        ("12abc 7.5 1e9 a12 .5", ()),
        ("of 12.", (12,)),
    ],
)
def test_sizes_in_a_message(text: str, numbers: tuple[int, ...]) -> None:
    assert find_origin(ValueError(text), Path("/r")).numbers == numbers


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (UnprobedError("said"), "said"),
        (RuntimeError("HF_HUB_OFFLINE is set"), "a step: it needs the network"),
        (type("OfflineModeIsEnabled", (Exception,), {})(), "a step: it needs the network"),
        (OSError("couldn't connect to 'https://hub"), "a step: it needs the network"),
        (chained(KeyError(1), OSError("offline mode")), "a step: it needs the network"),
        (KeyError("excused"), "a step: excused"),
        (MemoryError(), "a step: it needs more memory than is allowed"),
        (
            chained(RuntimeError("x"), OSError("Cannot allocate memory")),
            "a step: it needs more memory than is allowed",
        ),
        (ValueError("wrong"), None),
    ],
)
def test_failures_that_say_nothing_about_the_recipe(error: Exception, text: str | None) -> None:
    def excuse(error: BaseException) -> str:
        return "excused" if "excused" in str(error) else ""

    answers = Answers(io.StringIO(), Network(), excuse=excuse)
    answers.step(RecipeLocation(("models", "net")), "a step")
    if text is None:
        raise_unprobed(error, answers)
        answers.network.refused += 1
        text = "a step: it needs the network"
    with pytest.raises(UnprobedError, match=re.escape(text)) as caught:
        raise_unprobed(error, answers)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("error", "needed"),
    [
        (MemoryError(), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (RuntimeError("not enough memory: you tried"), True),
        (chained(KeyError("a"), MemoryError()), True),
        (RuntimeError("memory"), False),
    ],
)
def test_what_fails_for_lack_of_memory(error: Exception, needed: bool) -> None:
    assert needs_memory(error) == needed


# Arguments.


@pytest.mark.parametrize(
    ("node", "message", "key"),
    [
        ({"num_layers": 3}, "num_layers must be even", "num_layers"),
        ({"num_layers": 3}, "NUM_LAYERS must be even", "num_layers"),
        ({"numlayers": 3}, "numlayers must be even", "numlayers"),
        ({"dropout": 3}, "bad dropout", "dropout"),
        ({"layers": 3}, "bad layers", None),
        ({"layers": 3}, "bad layers, got 3", "layers"),
        ({"layers": 1}, "bad layers, got 1", None),
        ({"kind": "rnn"}, "no 'rnn' here", "kind"),
        ({"kind": "rnn", "other": "rnn"}, "no 'rnn' here", None),
        ({"kind": "rnn", "other": "rnn"}, "no 'rnn' of this kind", "kind"),
        ({"size": 8}, "8.5 and 1e-8 and -8 and 88", None),
        ({"size": 8}, "of 8.", "size"),
        ({"sizes": [3, 5]}, "got 5", "sizes"),
        ({"sizes": []}, "got 5", None),
        ({"options": {"a": 7}}, "got 7", None),
        ({"_target_": "rnn", "_args_": [3], "_partial_": True}, "rnn 3 True", None),
        ("rnn", "rnn", None),
        ({}, "rnn", None),
    ],
)
def test_the_argument_that_a_message_means(node: Any, message: str, key: str | None) -> None:
    assert argument_at_fault(node, message) == key


class Inner: ...


class Kind(Enum):
    SMALL = "small"
    LARGE = "large"


class Word(StrEnum):
    YES = "yes"


def takes(
    inner: Inner,
    kind: Kind,
    word: Word,
    plain: dict[str, int],
    table: Mapping,  # type: ignore[type-arg]
    size: int,
) -> None: ...


class Taker:
    def __init__(self, inner: Inner) -> None: ...


def oddly(inner: "NoSuchName") -> None: ...  # type: ignore[name-defined] # noqa: F821


HERE = __name__


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch) -> str:
    module = ModuleType("some_targets")
    for one in (Inner, Kind, Word, takes, Taker, oddly):
        setattr(module, one.__name__, one)
    monkeypatch.setitem(sys.modules, "some_targets", module)
    return "some_targets"


@pytest.mark.parametrize(
    ("target", "node", "wanted"),
    [
        ("takes", {"inner": {"size": 3}}, ("inner", f"{{_target_: {HERE}.Inner, …}}")),
        ("takes", {"size": 3, "inner": {}}, ("inner", f"{{_target_: {HERE}.Inner, …}}")),
        ("Taker", {"inner": {}}, ("inner", f"{{_target_: {HERE}.Inner, …}}")),
        ("takes", {"inner": {"_target_": "a.B"}}, None),
        ("takes", {"inner": 3}, None),
        ("takes", {"kind": "large"}, ("kind", f"{{_target_: {HERE}.Kind, _args_: [large]}}")),
        ("takes", {"kind": "huge"}, ("kind", f"{{_target_: {HERE}.Kind, _args_: [small]}}")),
        ("takes", {"kind": 3}, None),
        ("takes", {"word": "yes"}, None),
        ("takes", {"plain": {"a": 1}, "table": {}, "size": {}}, None),
        ("takes", {"return": {}}, None),
        ("oddly", {"inner": {}}, None),
        ("missing", {"inner": {}}, None),
        ("takes", 3, None),
    ],
)
def test_an_object_that_is_wanted(
    target: str, node: Any, wanted: tuple[str, str] | None, importable: str
) -> None:
    assert class_wanted(f"{importable}.{target}", node) == wanted


def test_who_is_blamed(importable: str) -> None:
    node = {"_target_": f"{importable}.Taker", "inner": {}, "num_layers": 3}
    advice = [f"inner is an object; did you mean {{_target_: {HERE}.Inner, …}}?"]
    assert blame_argument(node, ValueError("num_layers")) == ("inner", advice)
    node["inner"] = 3
    outer = chained(InstantiateError("about inner 3"), ValueError("num_layers is odd"))
    assert blame_argument(node, outer) == ("num_layers", [])
    assert blame_argument(node, ValueError("odd")) == ("_target_", [])
    task = {"task": "a.Task", "max_epoch": 3}
    assert blame_argument(task, ValueError("odd")) == ("task", [])
    assert blame_argument(task, ValueError("max_epoch")) == ("max_epoch", [])
