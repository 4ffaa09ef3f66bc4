"""The contract of a System class."""

from pathlib import Path
from typing import Any

import pytest

from espnet3_runtime.stage import Outputs, StageContext, StageSpec
from espnet3_runtime.system import StageContractError, System
from espnet3_runtime.systems.asr import ASRSystem
from espnet3_runtime.systems.base import BaseSystem
from espnet3_schemas import systems
from tests.recipes.recipe_runs import run


def define(*specs: StageSpec) -> type[System]:
    def method(self: System, context: StageContext) -> Outputs:
        return {}

    members: dict[str, Any] = {"stages": specs, "one": method, "two": method}
    return type("Sample", (System,), members)


def test_a_good_table() -> None:
    define(StageSpec(name="one", run="x"), StageSpec(name="two", call="a.b", needs=("one",)))


@pytest.mark.parametrize(
    ("specs", "message"),
    [
        ([StageSpec(name="one", run="x"), StageSpec(name="one", run="x")], "two stages are called"),
        ([StageSpec(name="one")], 'must have one of "run" and "call"'),
        ([StageSpec(name="one", run="x", call="y")], 'must have one of "run" and "call"'),
        ([StageSpec(name="three", run="x")], 'has no method "three'),
        ([StageSpec(name="one", run="x", needs=("two",))], "which is not before it"),
    ],
)
def test_wrong_tables(specs: list[StageSpec], message: str) -> None:
    with pytest.raises(StageContractError, match=message):
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
