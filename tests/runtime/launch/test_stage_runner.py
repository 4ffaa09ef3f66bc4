"""What a stage is given, and what is checked of what it returns."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from espnet3_runtime.build.lock import load_build
from espnet3_runtime.errors import UserError
from espnet3_runtime.incremental.experiment import Experiment
from espnet3_runtime.launch.stage_runner import StageRunner
from espnet3_runtime.process.interrupts import Interrupts
from espnet3_runtime.stage import Outputs, StageContext, StageSpec
from espnet3_runtime.system import System
from tests.runtime.launched_kit import launched
from tests.runtime.toy import Toy, chain


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    toy = chain(tmp_path_factory.mktemp("runner") / "recipe")
    assert launched(toy, "--no_preflight", "--stages", "first").returncode == 0
    return toy


def runner_of(toy: Toy, work: Any, rank: int = 0, label: str = "") -> StageRunner:
    """Return a runner of a System whose stages do some work."""
    build = load_build(toy.build)
    specs = tuple(
        StageSpec(name=one.name, run=one.run, call=one.call, init_from=one.init_from)
        for one in build.stages
    )
    methods = {spec.name: lambda self, context: work(context) for spec in specs}

    class Sample(System):
        stages = specs
        locals().update(methods)

    return StageRunner(build, Sample(configs={}), Experiment(build), Interrupts(), rank, label)


def run(toy: Toy, name: str, work: Any, **more: Any) -> Outputs:
    runner = runner_of(toy, work, **more)
    return runner.run(runner.build.stage(name), resume=False)


def test_the_context_of_a_stage(finished: Toy) -> None:
    seen: list[StageContext] = []

    def work(context: StageContext) -> Outputs:
        seen.append(context)
        assert context.directory.is_dir()
        context.result("a", 1)
        return dict(context.outputs)

    made = run(finished, "second", work)
    (context,) = seen
    exp = finished.exp
    assert made == context.outputs == {"number": exp / "second" / "number.txt"}
    assert (context.recipe, context.exp_tag) == ("toy/task", "toy")
    assert (context.recipe_dir, context.exp_dir) == (finished.directory, exp)
    assert context.data_dir == finished.directory / "data"
    assert (context.directory, context.build) == (exp / "second", finished.build)
    assert context.upstream == {"first.number": exp / "first" / "number.txt"}
    hashes = finished.receipt("first")["outputs"]["number"]["sha256"]
    assert context.upstream_hashes == {"first.number": hashes}
    assert context.upstream_kinds == {"first": ""}
    assert context.arguments == {
        "path": "exp/toy/second/number.txt",
        "source": "exp/toy/first/number.txt",
        "more": 1,
    }
    assert (context.seed, context.resume, context.rank) == (0, False, 0)
    assert (context.configs, context.model, context.composed_model) == ({}, None, None)
    assert context.log.name == "espnet3.second"
    assert not context.stop_requested


def test_a_stage_sees_the_outputs_that_it_names(tmp_path: Path) -> None:
    toy = chain(tmp_path / "recipe")
    toy.stage("first")["outputs"]["path"] = "${exp_dir}/first/more.txt"
    toy.file("exp/toy/first/more.txt", "")
    toy.stage("third")["needs"] = ["first"]
    toy.write()
    assert launched(toy, "--no_preflight", "--stages", "first", "second").returncode == 0
    seen: list[list[str]] = []
    for name in ("second", "third"):
        run(toy, name, lambda context: seen.append(sorted(context.upstream)) or {})
    assert seen == [["first.number"], ["first.number", "first.path", "second.number"]]


def test_the_kinds_of_earlier_stages(finished: Toy) -> None:
    seen: list[StageContext] = []
    runner = runner_of(finished, lambda context: seen.append(context) or {})
    build = runner.build
    first = replace(build.stages[0], run="train", call=None)
    build = replace(build, stages=(first, *build.stages[1:]))
    runner = replace(runner, build=build, experiment=Experiment(build))
    runner.run(build.stage("second"), resume=True)
    assert seen[0].upstream_kinds == {"first": "train"}
    assert seen[0].find("train", "number") == finished.exp / "first" / "number.txt"
    assert seen[0].resume


@pytest.mark.parametrize(("resume", "rank"), [(True, 0), (False, 0), (False, 1)])
def test_the_mark_of_files_that_must_not_be_continued(
    resume: bool, rank: int, finished: Toy
) -> None:
    mark = finished.exp / "first" / ".afresh"
    mark.touch()
    runner = runner_of(finished, lambda context: {}, rank)
    runner.run(runner.build.stage("first"), resume=resume)
    assert mark.exists() == (rank > 0)
    mark.unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("rank", "label", "name"),
    [
        (0, "", "second.log"),
        (0, "node1", "second.log"),
        (1, "", "second_rank1.log"),
        (2, "node1_rank2", "second_node1_rank2.log"),
    ],
)
def test_the_log_of_each_process(rank: int, label: str, name: str, finished: Toy) -> None:
    left = finished.file("exp/toy/second/.x.tmp-1-a", "")
    runner = runner_of(finished, lambda context: {}, rank, label)
    runner.run(runner.build.stage("second"), resume=False)
    assert left.exists() == (rank > 0)
    text = (finished.exp / "second" / name).read_text()
    assert text.splitlines()[-1].endswith("INFO    espnet3: the stage has finished")
    assert (finished.exp / "second" / name) == runner.log_path(runner.build.stage("second"))


def test_warnings_of_rank_0_alone_are_shown(
    finished: Toy, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(context: StageContext) -> Outputs:
        context.log.warning("beware")
        with context.progress("counting", 1) as bar:
            bar.advance()
        return {}

    for rank, shown in ((0, ["  WARNING: beware", "  counting: 1/1 (100%)"]), (1, [])):
        run(finished, "first", work, rank=rank)
        said = capsys.readouterr().err.splitlines()
        assert [line.partition(",")[0] for line in said] == shown


def test_an_error_is_in_the_log(finished: Toy) -> None:
    def work(context: StageContext) -> Outputs:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(finished, "second", work)
    text = (finished.exp / "second" / "second.log").read_text()
    assert "ERROR   espnet3: the stage did not finish\nTraceback " in text
    assert "the stage has finished" not in text


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (None, 'stage "first" returned None, not its outputs'),
        ({"other": "x"}, 'stage "first" returned an undeclared output "other"'),
        ({"number": "x"}, 'stage "first" made "number" at x instead of '),
    ],
)
def test_outputs_that_are_not_those_of_the_lock(made: Any, message: str, finished: Toy) -> None:
    with pytest.raises((UserError, ValueError), match=f"^{message}"):
        run(finished, "first", lambda context: made)


def test_a_stage_that_declares_none_may_return_any(tmp_path: Path) -> None:
    toy = chain(tmp_path / "recipe")
    del toy.stages[1:]
    del toy.stages[0]["outputs"]
    toy.write()
    path = toy.directory / "any.txt"
    link = toy.directory / "link.txt"
    link.symlink_to(path)
    assert run(toy, "first", lambda context: {"a": path, "b": link}) == {"a": path, "b": link}


def test_an_output_that_was_not_made_is_named(tmp_path: Path) -> None:
    toy = chain(tmp_path / "recipe")
    with pytest.raises(UserError) as caught:
        run(toy, "second", lambda context: {})
    assert str(caught.value) == (
        'stage "first" made no output "number"\n'
        "  config: stages.second.with.source\n"
        "  help: its settings may switch it off; its outputs are listed in stages/first.json"
    )


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        *((1, 1), (0, 0), (-2.5, -2.5), ("4.1 %", "4.1 %"), (True, "True"), (None, "None")),
        *((float("inf"), "inf"), (float("-inf"), "-inf"), (float("nan"), "nan")),
    ],
)
def test_a_result(value: Any, kept: object, finished: Toy) -> None:
    def work(context: StageContext) -> Outputs:
        context.result("a", value)
        return {}

    runner = runner_of(finished, work)
    runner.run(runner.build.stage("first"), resume=False)
    assert runner.results == {"a": kept}
    assert type(runner.results["a"]) is type(kept)


def test_the_locks_of_shared_outputs(tmp_path: Path) -> None:
    toy = chain(tmp_path / "recipe")
    del toy.stages[1:]
    toy.stages[0]["outputs"] = {"file": "shared/a.txt", "own": "${exp_dir}/first/b.txt"}
    toy.stages[0]["outputs"]["folder"] = "shared_folder"
    toy.write()
    held: list[str] = []

    def work(context: StageContext) -> Outputs:
        held.extend(
            sorted(str(path.relative_to(toy.directory)) for path in toy.directory.rglob("*.lock"))
        )
        return {}

    run(toy, "first", work, rank=1)
    assert held == []
    assert run(toy, "first", work) == {}
    assert held == [".shared_folder.lock", "shared/.a.txt.lock"]


SECRETS = {
    "token": "abcd",
    "password": "abc",
    "plain": "ordinary",
    "login": "${oc.env:MY_TOKEN,of-default}",
    "api_key": "${oc.env:MY_PLACE,xyz}",
    "place": "${oc.env:MY_OTHER,other-default}",
}


def test_the_secrets_of_a_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy = chain(tmp_path / "recipe")
    del toy.stages[1:]
    toy.file("src/steps.py", "def make(path, number, login, api_key, place, **more): ...\n")
    toy.stages[0]["with"] |= SECRETS
    toy.write()
    monkeypatch.setenv("MY_TOKEN", "of-env")
    monkeypatch.setenv("MY_PLACE", "w")
    monkeypatch.setenv("MY_OTHER", "no-secret")
    monkeypatch.setenv("YOUR_TOKEN", "elsewhere")
    runner = runner_of(toy, lambda context: {})
    secrets = set(runner.stage_secrets(runner.build.stage("first")))
    assert {"abcd", "of-default", "of-env", "w", "elsewhere"} <= secrets
    assert not {"abc", "ordinary", "xyz", "no-secret", "other-default", ""} & secrets
