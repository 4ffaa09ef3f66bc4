"""Targets are imported and bound to their arguments, and what fails is told in full."""

import io
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from espnet3_runtime.config import ConfigView
from espnet3_runtime.errors import InstantiateError, UserError
from espnet3_runtime.preflight.find_targets import Target, call_targets, model_targets
from espnet3_runtime.preflight.no_effects import Network
from espnet3_runtime.preflight.protocol import Answers, RecipeLocation, UnprobedError
from espnet3_runtime.preflight.request import Request
from espnet3_runtime.preflight.targets import probe_targets
from espnet3_runtime.preflight.tried_stage import check_installed

CODE = """import functools


def plain(size, width=1): ...


def anything(size, **more): ...


def given(batch, width, rank=0): ...


def stage(context, size): ...


def adds(function):
    @functools.wraps(function)
    def call(*args, **kwargs):
        return function(*args, rate=1, **kwargs)

    return call


@adds
def wrapped(seconds, rate): ...


def narrow(function):
    @functools.wraps(function)
    def call(seconds):
        return function(seconds, 1)

    return call


@narrow
def narrowed(seconds, rate): ...


class PreTrainedConfig:
    def __init__(self, width=3, **more): ...


class Kept(PreTrainedConfig):
    def __init__(self, width=3, depth=4): ...


class NoSignature:
    __signature__ = 3


VALUE = 3
"""
HERE = "probed_code"


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    before = set(sys.modules)
    (tmp_path / f"{HERE}.py").write_text(CODE)
    (tmp_path / "probed_broken.py").write_text("x = 1\nraise ValueError('size 8 is odd')\n")
    (tmp_path / "probed_first.py").write_text("import probed_broken\n")
    (tmp_path / "probed_lacking.py").write_text("import no_such_package\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def request_of(recipe: Path, models: Mapping[str, Any], calls: Mapping[str, Any]) -> Request:
    return Request(
        recipe_dir=recipe,
        data_dir=recipe / "data",
        configs={},
        roles={},
        models={name: ConfigView(node, f"models.{name}") for name, node in models.items()},
        calls={name: ConfigView(block, f"stages.{name}") for name, block in calls.items()},
        stages=(),
        late={},
    )


def probe(recipe: Path, *nodes: dict[str, Any], packages: bool = True) -> list[dict[str, Any]]:
    """Return what is said about models."""
    models = {f"m{number}": node for number, node in enumerate(nodes)}
    targets = [one for name, node in models.items() for one in model_targets(name, node)]
    return said(request_of(recipe, models, {}), targets, packages=packages)


def said(request: Request, targets: list[Target], *, packages: bool = True) -> list[dict[str, Any]]:
    file = io.StringIO()
    answers = Answers(file, Network(), needs_packages=packages)
    probe_targets(request, answers, targets)
    lines = [json.loads(line) for line in file.getvalue().splitlines()]
    steps = [line for line in lines if line["kind"] == "step"]
    assert [line["what"] for line in steps] == [f"importing {one.name}" for one in targets]
    return [line for line in lines if line["kind"] != "step"]


FITS = [
    {"_target_": f"{HERE}.plain", "size": 3},
    {"_target_": f"{HERE}.plain", "_args_": [3]},
    {"_target_": f"{HERE}.plain", "_args_": [3], "width": 2, "_recursive_": False},
    {"_target_": f"{HERE}.plain", "_partial_": True},
    {"_target_": f"{HERE}.plain", "_partial_": True, "width": 2, "_convert_": "all"},
    {"_target_": f"{HERE}.anything", "size": 1, "else": 2},
    {"_target_": f"{HERE}.wrapped", "seconds": 2},
    {"_target_": f"{HERE}.VALUE", "size": 3},
    {"_target_": f"{HERE}.NoSignature", "size": 3},
    {"_target_": f"{HERE}.PreTrainedConfig", "other": 3},
    {"_target_": "builtins.dict", "a": 3},
]


@pytest.mark.parametrize("node", FITS)
def test_what_fits(node: dict[str, Any], recipe: Path) -> None:
    assert probe(recipe, node) == []


@pytest.mark.parametrize(
    ("node", "message", "key", "help_", "names"),
    [
        ({}, "missing a required argument: 'size'", "_target_", [], "size, width"),
        (
            {"size": 1, "widht": 2},
            "got an unexpected keyword argument 'widht'",
            "widht",
            ['did you mean "width"?'],
            "size, width",
        ),
        (
            {"size": 1, "zzz": 2, "yyy": 3},
            "got an unexpected keyword argument 'zzz'",
            "zzz",
            [],
            "size, width",
        ),
        (
            {"size": 1, "width": 1, "widht": 2},
            "got an unexpected keyword argument 'widht'",
            "widht",
            [],
            "size, width",
        ),
        (
            {"size": 1, "_args_": [1]},
            "multiple values for argument 'size'",
            "size",
            [],
            "size, width",
        ),
        ({"_args_": [1, 2, 3]}, "too many positional arguments", "_target_", [], "size, width"),
        (
            {"_partial_": True, "widht": 2},
            "got an unexpected keyword argument 'widht'",
            "widht",
            ['did you mean "width"?'],
            "size, width",
        ),
        (
            {"_partial_": False},
            "missing a required argument: 'size'",
            "_target_",
            [],
            "size, width",
        ),
        (
            {"_target_": f"{HERE}.anything", "other": 1},
            "missing a required argument: 'size'",
            "_target_",
            [],
            "size, more",
        ),
        (
            {"_target_": f"{HERE}.narrowed", "seconds": 1, "speed": 2},
            "got an unexpected keyword argument 'speed'",
            "speed",
            [],
            "seconds, rate",
        ),
    ],
)
def test_what_does_not_fit(
    node: dict[str, Any], message: str, key: str, help_: list[str], names: str, recipe: Path
) -> None:
    node = {"_target_": f"{HERE}.plain", **node}
    (found,) = probe(recipe, node)
    assert found == {
        "kind": "finding",
        "code": "R902",
        "message": f"{node['_target_']} cannot be called so: {message}",
        "label": "",
        "help": help_,
        "notes": [f"its arguments are {names}"],
        "numbers": [],
        "place": None,
        "in_code": False,
        "warns": False,
        "owner": ["models", "m0"],
        "path": [key],
        "stage": None,
    }


@pytest.mark.parametrize(
    ("more", "fits"),
    [
        ({}, False),
        ({"positional": 1}, False),
        ({"positional": 2}, True),
        ({"supplied": ("batch", "width")}, True),
        ({"supplied": ("batch",), "offered": ("width", "no_such")}, True),
        ({"positional": 1, "offered": ("width", "rank")}, True),
        ({"positional": 4}, False),
        ({"judged": False}, True),
    ],
)
def test_what_the_runtime_passes_counts(more: dict[str, Any], fits: bool, recipe: Path) -> None:
    request = request_of(recipe, {"m": {"_target_": f"{HERE}.given"}}, {})
    target = Target(f"{HERE}.given", RecipeLocation(("models", "m")), **more)
    assert (said(request, [target]) == []) == fits


@pytest.mark.parametrize(
    ("block", "path", "help_"),
    [
        ({"with": {"size": 3}}, None, []),
        ({"with": {"size": 3, "_args_": 3}}, ["with", "_args_"], []),
        ({"with": {"szie": 3}}, ["with", "szie"], ['did you mean "size"?']),
        ({"with": {}}, ["call"], []),
        ({}, ["call"], []),
    ],
)
def test_the_function_of_a_stage_gets_its_context(
    block: dict[str, Any], path: list[str] | None, help_: list[str], recipe: Path
) -> None:
    request = request_of(recipe, {}, {"use": block})
    found = said(request, list(call_targets("use", f"{HERE}.stage", {})))
    assert [(one["path"], one["help"]) for one in found] == ([(path, help_)] if path else [])
    assert {tuple(one["owner"]) for one in found} <= {("stages", "use")}


def test_settings_that_are_kept_without_effect(recipe: Path) -> None:
    node = {"_target_": f"{HERE}.Kept", "width": 3, "dpeth": 4, "zzz": 5}
    text = f"is no setting that {HERE}.Kept declares; it is kept without effect"
    finding, note = probe(recipe, node)
    assert (finding["code"], finding["path"], finding["warns"]) == ("R923", ["dpeth"], True)
    assert finding["message"] == f'"dpeth" {text}'
    assert finding["help"] == ['did you mean "depth"?']
    assert note == {"kind": "note", "text": f'"zzz" {text}'}
    too_many = {"_target_": f"{HERE}.Kept", "_args_": [1, 2, 3]}
    assert [one["code"] for one in probe(recipe, too_many)] == ["R902"]


def test_what_cannot_be_imported(recipe: Path) -> None:
    found = probe(
        recipe,
        {"_target_": "probed_broken.A"},
        {"_target_": "probed_first.B"},
        {"_target_": "probed_lacking.C"},
        {"_target_": f"{HERE}.plane"},
        {"_target_": f"{HERE}.plane"},
    )
    summary = [(one["message"], one["owner"][1], one["help"], one["numbers"]) for one in found]
    assert summary[0] == (
        "importing probed_broken.A fails: ValueError: size 8 is odd",
        "m0",
        [],
        [8],
    )
    assert [one[1] for one in summary] == ["m0", "m2", "m3"]
    assert summary[2][0].startswith(f"importing {HERE}.plane fails: ")
    assert 'did you mean "plain"?' in summary[2][2]
    assert {one["code"] for one in found} == {"R901"}
    assert {tuple(one["path"]) for one in found} == {("_target_",)}
    assert all(one["in_code"] for one in found)
    lines = [
        one["place"] and (Path(one["place"]["file"]).name, one["place"]["line"]) for one in found
    ]
    assert lines == [("probed_broken.py", 2), ("probed_lacking.py", 1), None]


@pytest.mark.parametrize(("packages", "kind"), [(True, "finding"), (False, "note")])
def test_a_package_that_need_not_be_here(packages: bool, kind: str, recipe: Path) -> None:
    (one,) = probe(recipe, {"_target_": "no_such_package.Net"}, packages=packages)
    assert one["kind"] == kind
    if kind == "note":
        assert one["text"] == 'no_such_package.Net: the package "no_such_package" is not installed'
    (one,) = probe(recipe, {"_target_": "probed_lacking.Net"}, packages=packages)
    assert one["kind"] == "finding"


@pytest.mark.parametrize(
    ("error", "excused"),
    [
        (ModuleNotFoundError("no", name="package"), True),
        (ModuleNotFoundError("no", name="package.inner"), False),
        (ImportError("no", name="package"), False),
        (UserError("no"), False),
    ],
)
def test_what_is_excused(error: Exception, excused: bool) -> None:
    outer = InstantiateError("cannot import")
    outer.__cause__ = error
    needed = Answers(io.StringIO(), Network(), needs_packages=True)
    for one in (error, outer):
        check_installed(one, "package.inner.Net", needed)
        if excused:
            text = '^package.inner.Net: the package "package" is not installed$'
            with pytest.raises(UnprobedError, match=text):
                check_installed(one, "package.inner.Net", Answers(io.StringIO(), Network()))
        else:
            check_installed(one, "package.inner.Net", Answers(io.StringIO(), Network()))
