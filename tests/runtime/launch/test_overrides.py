"""A build is refused that does not fit its sources, its code, its System, its command line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from espnet3_compiler.recompile import recompose
from espnet3_runtime.build.lock import Build, load_build
from espnet3_runtime.errors import BuildError, UsageError
from espnet3_runtime.launch.arguments import read_arguments
from espnet3_runtime.launch.overrides import (
    apply_overrides,
    check_code,
    check_sources,
    check_system,
)
from espnet3_runtime.stage import Outputs, StageContext, StageSpec
from espnet3_runtime.system import System
from tests.runtime.toy import Toy, chain


@pytest.fixture
def recipe(tmp_path: Path) -> Toy:
    toy = chain(tmp_path / "recipe")
    toy.configs = {"settings": {"more": 1}}
    toy.stage("second")["with"]["more"] = "${configs.settings.more}"
    return toy.write()


def test_a_build_of_now(recipe: Toy) -> None:
    build = load_build(recipe.build)
    check_sources(build)
    check_code(build)
    assert sorted(build.code) == ["run.py", "system.py"]


@pytest.mark.parametrize("name", ["run.py", "system.py"])
def test_changed_code(name: str, recipe: Toy) -> None:
    build = load_build(recipe.build)
    recipe.file(f"build/{name}", "# mine\n")
    with pytest.raises(BuildError) as caught:
        check_code(build)
    assert str(caught.value) == (
        f'"{name}" of the build was changed by hand\n'
        "  help: change the manifest, then run: espnet3-compile recipe.yaml"
    )


def test_changed_sources(recipe: Toy) -> None:
    build = load_build(recipe.build)
    recipe.file("recipe.yaml", "version: 1\n")
    with pytest.raises(BuildError) as caught:
        check_sources(build)
    again = "\n  help: run: espnet3-compile recipe.yaml"
    assert str(caught.value) == f'"recipe.yaml" changed since it was compiled{again}'
    (recipe.directory / "recipe.yaml").unlink()
    with pytest.raises(BuildError) as caught:
        check_sources(build)
    assert str(caught.value) == f'"recipe.yaml", which was compiled, cannot be read{again}'


@dataclass
class Loader:
    """Notes what it is asked for."""

    ok: bool = True
    report: str = "error: one\n\n"
    files: Mapping[str, str] = field(default_factory=dict)
    asked: list[object] = field(default_factory=list)

    def __call__(self, build: Path, files: Mapping[str, Path], sets: Sequence[str]) -> "Loader":
        self.asked += [build, dict(files), tuple(sets)]
        return self


def test_nothing_is_composed_when_nothing_is_given(recipe: Toy) -> None:
    build, loader = load_build(recipe.build), Loader(ok=False)
    nothing = read_arguments(build, [], recipe.directory)
    assert apply_overrides(build, nothing, loader) is build
    assert apply_overrides(build, nothing, None) is build
    assert loader.asked == []


def test_what_the_loader_is_asked_for(recipe: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    build = load_build(recipe.build)
    mine = recipe.file("mine.yaml", "more: 2\n")
    for words, asked in (
        (["--settings_config", "mine.yaml"], [{"settings": mine}, ()]),
        (["--set", "settings.more=3"], [{}, ("settings.more=3",)]),
    ):
        given = read_arguments(build, words, recipe.directory)
        with pytest.raises(UsageError, match=r"^this run\.py takes no configs or values; compile"):
            apply_overrides(build, given, None)
        loader = Loader(ok=False)
        with pytest.raises(SystemExit, match=r"^1$"):
            apply_overrides(build, given, loader)
        assert loader.asked == [build.directory, *asked]
        assert capsys.readouterr() == ("", "error: one\n")


def test_a_value_given_on_the_command_line(recipe: Toy) -> None:
    build = load_build(recipe.build)
    given = read_arguments(build, ["--set", "settings.more=3"], recipe.directory)
    changed = apply_overrides(build, given, recompose)
    assert changed.config("settings").plain() == {"more": 3}
    assert changed.arguments(changed.stage("second")).plain()["more"] == 3
    assert build.config("settings").plain() == {"more": 1}
    assert changed.directory == build.directory


def system_of(build: Build, **changes: object) -> type[System]:
    def method(self: System, context: StageContext) -> Outputs:
        return {}

    specs = [StageSpec(name=one.name, run=one.run, call=one.call) for one in build.stages]
    specs[1] = replace(specs[1], **changes)
    methods = {spec.name: method for spec in specs}
    return type("Sample", (System,), {"stages": tuple(specs), **methods})


def test_a_system_of_the_same_build(recipe: Toy) -> None:
    build = load_build(recipe.build)
    check_system(system_of(build), build)
    for changes in ({"name": "other"}, {"call": "src.steps.make"}, {"run": "train", "call": None}):
        with pytest.raises(BuildError) as caught:
            check_system(system_of(build, **changes), build)
        assert str(caught.value) == (
            "system.py and recipe.lock.json are not of one build\n"
            "  help: run: espnet3-compile recipe.yaml"
        )
