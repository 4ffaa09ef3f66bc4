"""Findings about targets: what is told, at which place, with which fix; what stays silent."""

import inspect
import textwrap
from pathlib import Path

import pytest
from target_kit import judged, shown, write

from espnet3_compiler.checks.targets import TargetCounts
from espnet3_compiler.diagnostic import Diagnostic
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import search_path

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


@pytest.mark.parametrize(
    "node",
    [
        "{_target_: src.model.Net, hidden_size: 3}",
        "{_target_: src.model.Net, _args_: [3, 4]}",
        "{_target_: src.model.Net, _partial_: true}",
        "{_target_: src.model.Net, hidden_size: '${oc.env:X}'}",
        "{_target_: src.model.Net, hidden_size: 'a${oc.env:X}'}",
        "{_target_: src.model.Net, hidden_size: '???'}",
        "{_target_: src.model.Net, _convert_: all, _recursive_: true, hidden_size: 3}",
        "{_target_: src.model.Wrapper, net: {_target_: src.model.Net, hidden_size: 3}, scale: 2}",
        "{_target_: src.model.Wrapper.load, path: x}",
        "{_target_: src.model.anything, _args_: [1, 2], a: 3}",
        "{_target_: src.model.place_only, _args_: [1], b: 2}",
        "{_target_: torchaudio.transforms.Nothing, x: 3}",
        "{_target_: '${oc.env:MODEL}', x: 3}",
    ],
)
def test_silent(tmp_path, node):
    assert shown(model(tmp_path, node)) == []


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (
            "{_target_: src.model.Net, hiden_size: 3}",
            """R502 'hiden_size': src.model.Net has no argument "hiden_size\"""",
        ),
        (
            "{_target_: src.model.Net}",
            """R503 'src.model.Net': src.model.Net needs the argument "hidden_size\"""",
        ),
        (
            "{_target_: src.model.Step}",
            'R503 \'src.model.Step\': src.model.Step needs the arguments "optimizer", "step_size"',
        ),
        ("{_target_: src.modle.Net}", """R501 'modle': "src" has no "modle\""""),
        ("{_target_: src.model.Nett}", """R501 'Nett': "src.model" has no "Nett\""""),
        ('{_target_: "src.model.Nett"}', """R501 'Nett': "src.model" has no "Nett\""""),
        ("{_target_: scr.model.Net}", """R501 'scr': there is no package "scr\""""),
        ("{_target_: torhc.nn.Linear}", """R501 'torhc': there is no package "torhc\""""),
        (
            "{_target_: src.model.HIDDEN}",
            "R505 'src.model.HIDDEN': \"src.model.HIDDEN\" is a number, not a class or function",
        ),
        (
            "{_target_: src.model}",
            "R505 'src.model': \"src.model\" is a module, not a class or function",
        ),
        (
            "{_target_: src.model.Net, _args_: [3], hidden_size: 4}",
            "R506 'hidden_size': \"hidden_size\" of src.model.Net is given by place and by name",
        ),
        (
            "{_target_: src.model.Net, _args_: [3, 4, 5]}",
            "R502 '5': src.model.Net takes at most 2 arguments by place, not 3",
        ),
        (
            "{_target_: src.model.Wrapper, net: {_target_: src.model.Net, hidden_sizes: 3}}",
            """R502 'hidden_sizes': src.model.Net has no argument "hidden_sizes\"""",
        ),
        (
            "{_target_: src.model.Net, hidden_size: 3, _partail_: true}",
            """R502 '_partail_': src.model.Net has no argument "_partail_\"""",
        ),
        (
            "{_target_: src.model.place_only, a: 1, b: 2}",
            """R502 'a': src.model.place_only has no argument "a\"""",
        ),
        (
            "{_target_: src.model.Wrapper, net: [{_target_: Net}]}",
            "R501 'Net': \"Net\" is not the dotted path of a class or function",
        ),
    ],
)
def test_one_mistake_one_finding(tmp_path, node, expected):
    found = model(tmp_path, node)
    rows = shown(found)
    if "place_only" in node:
        rows = rows[1:] if rows[0].startswith("R503") else rows
    assert rows == [expected]


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("i", ["1", "-3"], ["1.5", "'1'", "true", "null", "[1]", "{a: 1}"]),
        ("f", ["1", "1.5", "1e-3"], ["'1e-3'", "true", "x", "[1.0]"]),
        ("s", ["x", "'1'"], ["1", "1.5", "false", "null", "[a]"]),
        ("b", ["true", "false"], ["1", "0", "'yes'", "null"]),
        ("li", ["[]", "[1, 2]"], ["[a]", "[1, 1.5]", "3", "{a: 1}"]),
        ("d", ["{}", "{a: 1}"], ["{a: x}", "[1]", "3"]),
        ("t", ["[1, 2]", "[1, 0.5]"], ["[1]", "[1, 2, 3]", "[0.5, 1]", "1"]),
        ("many", ["[]", "[1, 2, 3]"], ["[a]", "1"]),
        ("seq", ["[a, b]", "ab"], ["[1]", "3"]),
        ("lit", ["a", "quick", "3"], ["c", "4", "null", "[a]"]),
        ("opt", ["1", "null"], ["x", "1.5"]),
        ("un", ["1", "x"], ["1.5", "null", "[1]"]),
        ("p", ["a/b"], ["1", "true", "[a]"]),
        ("e", ["FAST", "quick", "Slow", "neither"], []),
        ("c", ["{_target_: src.model.anything, _partial_: true}"], ["relu", "3", "[a]"]),
        ("thing", ["{_target_: src.model.Thing}", "{a: 1}"], ["3", "x", "null"]),
        ("like", ["3", "x"], []),
        ("size", ["1", "[1, 2]"], ["x", "[1]", "[1, a]"]),
        ("lie", ["1", "auto"], ["1.5", "[a]"]),
        ("none", ["1", "null"], ["x"]),
        ("free", ["1", "x", "[a]", "null"], []),
        ("bad", ["1", "x", "[a]"], []),
        ("nested", ["[{a: 1.0}, {b: 2}]"], ["[{a: x}]", "[1]"]),
        ("late", ["1", "null"], ["x"]),
    ],
)
def test_types_of_literals(tmp_path, key, good, bad):
    for value in good:
        found = model(tmp_path, f"{{_target_: src.model.Typed, {key}: {value}}}")
        assert shown(found) == [], value
    for value in bad:
        found = model(tmp_path, f"{{_target_: src.model.Typed, {key}: {value}}}")
        assert [item.code for item in found] == ["R504"], value
        assert found[0].primary.span.text in value


@pytest.mark.parametrize(
    ("node", "fix", "certain"),
    [
        ("{_target_: src.model.Net, hiden_size: 3}", ("hiden_size", "hidden_size"), True),
        ("{_target_: src.modle.Net, hidden_size: 3}", ("modle", "model"), True),
        ("{_target_: src.model.Typed, f: '1e-3'}", ("'1e-3'", "1e-3"), True),
        ("{_target_: src.model.Typed, s: 1}", ("1", '"1"'), True),
        ("{_target_: src.model.Typed, b: 'yes'}", ("'yes'", "true"), True),
        ("{_target_: src.model.Typed, lit: quik}", ("quik", "quick"), True),
        ("{_target_: src.model.Typed, i: 2.0}", ("2.0", "2"), True),
        ("{_target_: src.model.Typed, i: x}", None, False),
    ],
)
def test_fixes(tmp_path, node, fix, certain):
    (found,) = model(tmp_path, node)
    if fix is None:
        assert found.fix is None
        return
    assert found.fix
    (edit,) = found.fix.edits
    assert (edit.span.text, edit.text) == fix
    assert found.fix.certain is certain


def test_the_part_that_is_wrong(tmp_path):
    found = model(tmp_path, "{_target_: src.model.Typed, nested: [{a: 1}, {b: 2, c: x}]}")
    assert shown(found) == [
        'R504 \'x\': "nested[1].c" of src.model.Typed must be float, not the text "x"'
    ]


def test_the_slip_is_not_missing_too(tmp_path):
    found = model(tmp_path, "{_target_: src.model.Step, optimiser: 1, step_sise: 2, latest: 3}")
    assert [item.help for item in found if item.code == "R502"] == [
        ('did you mean "optimizer"?',),
        ('did you mean "step_size"?',),
        ('did you mean "last"?',),
    ]
    assert len(found) == 3


def test_a_name_that_stands_in_another_module(tmp_path):
    (found,) = model(tmp_path, "{_target_: src.model.to_onnx}")
    assert found.help == ('did you mean "src.export.to_onnx"?',)
    assert found.fix
    assert [(e.span.text, e.text) for e in found.fix.edits] == [
        ("src.model.to_onnx", "src.export.to_onnx")
    ]
    (found,) = model(tmp_path, "{_target_: src.Step}")
    assert found.help == ('did you mean "src.model.Step"?',)


def test_where_it_is_defined(tmp_path):
    (found,) = model(tmp_path, "{_target_: src.model.Net, hidden_size: 3, x: 1}")
    line = inspect.cleandoc(SOURCES["src/model.py"]).split("class Net:")[0].count("\n") + 2
    assert found.notes == (f"defined at src/model.py:{line}",)


def test_positions_in_long_texts(tmp_path):
    found = training(
        tmp_path,
        """
        collect_stats:
          features:
            _target_: >-
              src.modle.Net
            hidden_size: 3
        """,
    )
    assert shown(found) == ["""R501 'modle': "src" has no "modle\""""]


class TestSlots:
    def test_what_the_runtime_passes(self, tmp_path):
        text = """
        optimizer: {_target_: src.model.Sgd, lr: 0.1}
        scheduler: {_target_: src.model.Step, step_size: 3}
        """
        assert shown(training(tmp_path, text)) == []

    def test_offered_arguments(self, tmp_path):
        for node in ("{_target_: src.model.Total}", "{_target_: src.model.Total, total_steps: 3}"):
            assert shown(training(tmp_path, f"scheduler: {node}")) == []

    def test_given_twice(self, tmp_path):
        text = """
        optimizer: {_target_: src.model.Sgd, lr: 0.1, params: x}
        scheduler: {_target_: src.model.Step, step_size: 3, optimizer: x}
        """
        assert shown(training(tmp_path, text)) == [
            "R506 'params': the runtime passes \"params\" to src.model.Sgd itself",
            "R506 'optimizer': the runtime passes \"optimizer\" to src.model.Step itself",
        ]

    def test_places_are_taken(self, tmp_path):
        found = training(tmp_path, "optimizer: {_target_: src.model.Sgd, _args_: [1], lr: 0.1}")
        assert [item.code for item in found] == ["R506"]

    def test_what_does_not_take_it(self, tmp_path):
        text = """
        optimizer: {_target_: src.model.NoPlace, lr: 0.1}
        scheduler: {_target_: src.model.NoOptimizer, step_size: 3}
        """
        first, second = shown(training(tmp_path, text))
        assert first == (
            "R502 'src.model.NoPlace': src.model.NoPlace cannot be used here: "
            "the runtime passes 1 argument by place"
        )
        assert second == (
            "R502 'src.model.NoOptimizer': src.model.NoOptimizer cannot be used here: "
            'it has no argument "optimizer"'
        )

    def test_leftovers_of_another_target(self, tmp_path):
        found = training(tmp_path, "scheduler: {_target_: src.model.Step, warmup_steps: 3}")
        assert [item.code for item in found] == ["R503", "R502"] or [
            item.code for item in found
        ] == ["R502", "R503"]

    def test_lists_and_nodes_inside(self, tmp_path):
        text = """
        trainer:
          callbacks:
            - {_target_: src.model.Net, hidden_size: 3}
            - {_target_: src.model.Net, hidden: 3}
        """
        assert shown(training(tmp_path, text)) == [
            """R502 'hidden': src.model.Net has no argument "hidden\""""
        ]


class TestCalls:
    @pytest.mark.parametrize(
        ("call", "given"),
        [
            ("src.export.to_onnx", "{checkpoint: a, path: b}"),
            ("src.export.to_onnx", "{checkpoint: '${stages.train.best_checkpoint}', path: b}"),
            ("src.export.with_context", "{path: b}"),
            ("src.export.swallow", "{anything: 3}"),
        ],
    )
    def test_silent(self, tmp_path, call, given):
        stage = f"stages:\n  - {{name: export, call: {call}, with: {given}}}\n"
        assert shown(check(tmp_path, stage)[0]) == []

    @pytest.mark.parametrize(
        ("call", "given", "expected"),
        [
            ("src.export.to_onnx", "{checkpont: a, path: b}", ["R502 'checkpont'"]),
            ("src.export.to_onnx", "{checkpoint: a}", ["R503 'src.export.to_onnx'"]),
            ("src.export.to_onnx", "{checkpoint: a, path: b, opset: x}", ["R504 'x'"]),
            ("src.export.with_context", "{path: b, context: 3}", ["R506 'context'"]),
            ("src.export.to_onx", "{path: b}", ["R501 'to_onx'"]),
            ("src.export", "{path: b}", ["R505 'src.export'"]),
        ],
    )
    def test_mistakes(self, tmp_path, call, given, expected):
        stage = f"stages:\n  - {{name: export, call: {call}, with: {given}}}\n"
        rows = shown(check(tmp_path, stage)[0])
        assert [row.split(":")[0] for row in rows] == expected

    def test_without_arguments(self, tmp_path):
        stage = "stages:\n  - {name: export, call: src.export.to_onnx}\n"
        assert [item.code for item in check(tmp_path, stage)[0]] == ["R503"]


class TestCounts:
    def test_each_target_once(self, tmp_path):
        text = """
        models:
          a: {_target_: src.model.Wrapper, net: {_target_: src.model.Net, hidden_size: 3}}
          b: {_target_: torchaudio.models.Conformer, x: 3}
          c:
            _target_: src.model.Net
            _recursive_: false
            hidden_size: 3
            vocab_size: {_target_: a.b}
        stages:
          - {name: export, call: src.export.to_onnx, with: {checkpoint: a, path: b}}
        """
        found, counts = check(tmp_path, text)
        assert found == []
        assert (counts.checked, counts.not_checked) == (4, 2)
        assert counts.reasons == (
            ("torchaudio.models.Conformer", "torchaudio is not installed"),
            ("a.b", "it stands below _recursive_: false"),
        )

    def test_a_broken_file_is_told_once(self, tmp_path):
        text = """
        models:
          a: {_target_: src.broken.f}
          b: {_target_: src.broken.g, x: 3}
        stages: [create_dataset]
        """
        found, counts = check(tmp_path, text)
        assert shown(found) == [
            "R501 'src.broken.f': \"src.broken.f\" cannot be imported: src/broken.py is not Python"
        ]
        assert "src/broken.py:1" in found[0].primary.text
        assert counts.not_checked == 2

    def test_an_alias_is_told_once(self, tmp_path):
        text = """
        models:
          a: &m {_target_: src.model.Net, hiden_size: 3}
          b: *m
        stages: [create_dataset]
        """
        assert [item.code for item in check(tmp_path, text)[0]] == ["R502"]


def test_an_unknown_package_where_torch_is_not(tmp_path):
    """Without torch on the path this is not where the recipe runs: a package may be absent."""
    _, counts = check(tmp_path, "models: {m: {_target_: company_models.Big}}\n" + STAGES)
    assert counts.reasons == (("company_models.Big", "company_models is not installed"),)


def test_an_unknown_package_where_torch_is(tmp_path):
    write(tmp_path, {"lib/torch/__init__.py": ""})
    write(tmp_path, {name: inspect.cleandoc(text) for name, text in SOURCES.items()})
    found, _ = judged(
        tmp_path,
        HEAD + "models: {m: {_target_: company_models.Big}}\n" + STAGES,
        Library(search_path(tmp_path, [str(tmp_path / "lib")])),
    )
    assert shown(found) == ["""R501 'company_models': there is no package "company_models\""""]
