"""Findings about targets: what is told, at which place, with which fix; what stays silent."""

import inspect

import pytest

from tests.compiler.net_kit import SOURCES, model, training
from tests.compiler.target_kit import shown


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
            "R506 'hidden_size': \"hidden_size\" of src.model.Net is given by position and by name",
        ),
        (
            "{_target_: src.model.Net, _args_: [3, 4, 5]}",
            "R502 '5': src.model.Net takes at most 2 arguments by position, not 3",
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
    assert shown(found) == [expected]


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
        ("{_target_: src.model.Typed, s: 1}", ("1", '"1"'), False),
        ("{_target_: src.model.Typed, b: 'yes'}", ("'yes'", "true"), True),
        ("{_target_: src.model.Typed, lit: quik}", ("quik", "quick"), True),
        ("{_target_: src.model.Typed, i: 2.0}", ("2.0", "2"), True),
        ("{_target_: src.model.Typed, i: x}", None, False),
        ("{_target_: src.model.Typed, li: 10}", ("10", "[10]"), True),
        ("{_target_: src.model.Typed, many: 3}", ("3", "[3]"), True),
        ("{_target_: src.model.Typed, i: 1_000}", ("1_000", "1000"), True),
        ("{_target_: src.model.Typed, i: 8 16}", None, False),
        ("{_target_: src.model.NetT, hidden_size: 3}", ("NetT", "Net"), False),
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
