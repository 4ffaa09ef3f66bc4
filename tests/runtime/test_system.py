"""The contract of a System class."""

from typing import Any

import pytest

from espnet3_runtime.stage import Outputs, StageContext, StageSpec
from espnet3_runtime.system import StageContractError, System
from espnet3_runtime.systems.asr import ASRSystem
from espnet3_runtime.systems.base import BaseSystem
from espnet3_schemas import systems


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
