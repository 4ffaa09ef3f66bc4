"""The contract of a System class."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from espnet3_runtime.config import ConfigView
from espnet3_runtime.errors import UserError
from espnet3_runtime.stage import Outputs, StageContext, StageSpec
from espnet3_runtime.system import StageContractError, System
from espnet3_runtime.systems.asr import ASRSystem
from espnet3_runtime.systems.base import BaseSystem
from espnet3_schemas import systems
from tests.recipes.recipe_runs import run
from tests.runtime.inference_kit import make_context


def define(*specs: StageSpec) -> type[System]:
    def method(self: System, context: StageContext) -> Outputs:
        return {}

    members: dict[str, Any] = {"stages": specs, "one": method, "two": method}
    return type("Sample", (System,), members)


def test_a_good_table() -> None:
    define()
    define(StageSpec(name="one", run="x"), StageSpec(name="two", call="a.b", needs=("one",)))


ONE = StageSpec(name="one", run="x")
NOT_ONE = 'stage "one" must have one of "run" and "call"'


@pytest.mark.parametrize(
    ("specs", "message"),
    [
        ([ONE, ONE], 'two stages are called "one"'),
        ([StageSpec(name="one")], NOT_ONE),
        ([StageSpec(name="one", run="x", call="y")], NOT_ONE),
        ([StageSpec(name="three", run="x")], 'stage "three" has no method "three(self, context)"'),
        ([StageSpec(name="stages", run="x")], 'stage "stages" has no method "stages(self, cont'),
        (
            [ONE, StageSpec(name="two", run="x", needs=("one", "two", "three"))],
            'stage "two" needs "two", which is not before it',
        ),
        (
            [StageSpec(name="one", run="x", needs=("two",)), StageSpec(name="two", run="x")],
            'stage "one" needs "two", which is not before it',
        ),
    ],
)
def test_wrong_tables(specs: list[StageSpec], message: str) -> None:
    with pytest.raises(StageContractError, match=re.escape(f"Sample: {message}")):
        define(*specs)


def test_the_systems_have_a_method_for_every_kind_of_the_table() -> None:
    for name, cls in (("base", BaseSystem), ("asr", ASRSystem)):
        entry = systems()["systems"][name]
        assert entry["class"] == f"{cls.__module__}.{cls.__qualname__}"
        for kind in entry["kinds"]:
            assert callable(getattr(cls, kind))


def test_every_kind_has_its_module() -> None:
    from importlib.util import find_spec

    for kind in systems()["kinds"]:
        assert find_spec(f"espnet3_runtime.stages.{kind}") is not None, kind


def test_importing_the_systems_is_light() -> None:
    import subprocess
    import sys

    code = (
        "import sys, espnet3_runtime.systems.asr, espnet3_runtime.launch\n"
        "heavy = {'torch', 'numpy', 'lightning', 'tqdm', 'dask'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


BUILDS = """
version: 1
recipe: toy/call
system: base
models: {m: {_target_: src.code.Box, x: 3}}
stages:
  - name: dump
    call: src.code.dump
    with:
      path: "${exp_dir}/seen.txt"
      one: {_target_: src.code.Box, x: [{_target_: src.code.Box, x: 2}, 5]}
      several: [1, {_target_: src.code.Box.make, x: {a: 1}}]
      deeper: {key: {_target_: src.code.Box, x: null}, plain: {b: [1, null]}}
      later: {_target_: src.code.Box, _partial_: true, x: 4}
      raw: {_target_: src.code.Box, _recursive_: false, x: {_target_: src.code.Box}}
      model: ${models.m}
      nothing: null
    outputs: {seen: "${exp_dir}/seen.txt"}
"""
CODE = """
from pathlib import Path
class Box:
    def __init__(self, x): self.x = x
    def __repr__(self): return f"Box({self.x})"
    @classmethod
    def make(cls, x): return cls(x)
def dump(path, later, **values):
    Path(path).write_text("".join(f"{k} {v}\\n" for k, v in {**values, "later": later()}.items()))
"""


def test_a_target_among_the_arguments_of_a_call_is_built(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(BUILDS)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "code.py").write_text(CODE)
    compiled = run("-m", "espnet3_compiler", "recipe.yaml", folder=tmp_path)
    assert compiled.returncode == 0, compiled.stderr
    done = run("build/run.py", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "exp/recipe/seen.txt").read_text().splitlines() == [
        "one Box([Box(2), 5])",
        "several [1, Box({'a': 1})]",
        "deeper {'key': Box(None), 'plain': {'b': [1, None]}}",
        "raw Box({'_target_': 'src.code.Box'})",
        "model Box(3)",
        "nothing None",
        "later Box(4)",
    ]
    code = tmp_path / "src" / "code.py"
    code.write_text(CODE.replace("self.x = x", "self.x = 1 / x"))
    failed = run("build/run.py", folder=tmp_path)
    assert failed.returncode == 1
    assert 'stage "dump" failed: src.code.Box failed: TypeError' in failed.stderr
    assert "config: stages.dump.with.one\n" in failed.stderr


@pytest.fixture
def called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a module ``called_code`` that stages may call."""
    (tmp_path / "called_code.py").write_text(
        "seen = []\n"
        "def plain(x, y=2): seen.append((x, y))\n"
        "def asks(x, context): seen.append((x, context.spec.name))\n"
        "def gives(made): return made\n"
        "none = dict\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "called_code", raising=False)
    return tmp_path


def call(folder: Path, name: str, arguments: dict[str, Any], **outputs: Path) -> Outputs:
    system = System(configs={})
    context = make_context(folder, "dump", configs={}, arguments=arguments, outputs=outputs)
    return system.call(f"called_code.{name}", context)


def test_a_system_has_its_configs() -> None:
    configs = {"training": ConfigView({"a": 1}, "training")}
    system = System(configs=configs)
    assert system.configs == configs
    assert system.configs is not configs


def test_the_context_is_given_to_what_asks_for_it(called: Path) -> None:
    assert call(called, "plain", {"x": 1}) == {}
    call(called, "asks", {"x": 1})
    assert sys.modules["called_code"].seen == [(1, 2), (1, "dump")]


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("plain", {}, "\"called_code.plain\": missing a required argument: 'x'"),
        (
            "plain",
            {"x": 1, "z": 2},
            "\"called_code.plain\": got an unexpected keyword argument 'z'",
        ),
        ("asks", {"y": 1}, "\"called_code.asks\": missing a required argument: 'x'"),
    ],
)
def test_arguments_that_do_not_fit(called: Path, name, arguments, message) -> None:
    with pytest.raises(UserError, match=re.escape(message)) as error:
        call(called, name, arguments)
    assert error.value.where == "stages.dump.with"


def test_a_function_that_is_not_there(called: Path) -> None:
    with pytest.raises(UserError, match="plian") as error:
        call(called, "plian", {})
    assert type(error.value) is UserError
    assert error.value.where == "stages.dump.call"
    assert error.value.hint == 'did you mean "plain"?'


@pytest.mark.parametrize("made", [None, 3, "a", {}])
def test_what_is_no_mapping_leaves_the_declared_outputs(called: Path, made: Any) -> None:
    assert call(called, "gives", {"made": made}, seen=called / "s") == {"seen": called / "s"}


def test_outputs_that_a_stage_returns(called: Path) -> None:
    assert call(called, "gives", {"made": {"new": "a/b"}}) == {"new": Path("a/b")}
    declared = {"seen": called / "s"}
    found = call(called, "gives", {"made": {"seen": "other"}}, **declared)
    assert found == declared
    made = {"new": "a", "seen": "b", "more": "c"}
    with pytest.raises(UserError, match="does not declare") as error:
        call(called, "gives", {"made": made}, **declared)
    assert error.value.message == 'it returned "new", "more", which the stage does not declare'
    assert error.value.where == "stages.dump.outputs"


def test_the_last_stage_of_a_kind_gives_its_output(tmp_path: Path) -> None:
    context = make_context(
        tmp_path,
        "infer",
        configs={},
        upstream={
            "a.best": Path("a"),
            "b.best": Path("b"),
            "c.other": Path("c"),
            "d.best": Path("d"),
        },
        upstream_kinds={"a": "train", "b": "train", "c": "train", "d": "infer"},
    )
    assert context.find("train", "best") == Path("b")
    assert context.find("train", "other") == Path("c")
    assert context.find("infer", "best") == Path("d")
    assert context.find("train", "none") is None
    assert context.find("measure", "best") is None
