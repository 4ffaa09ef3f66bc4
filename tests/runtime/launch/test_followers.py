"""Processes that join a training of rank 0, and on how many machines they are."""

from pathlib import Path
from typing import Any

import pytest

from espnet3_runtime.build.lock import load_build
from espnet3_runtime.errors import UserError
from espnet3_runtime.launch.run import largest_node_count, run_as_follower
from espnet3_runtime.process.ranks import Order, Rank
from espnet3_runtime.stage import Outputs, StageContext, StageSpec
from espnet3_runtime.system import System
from tests.runtime.launched_kit import launched
from tests.runtime.toy import Toy, chain


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    toy = chain(tmp_path_factory.mktemp("followers") / "recipe")
    assert launched(toy, "--no_preflight", "--stages", "first").returncode == 0
    return toy


def training_toy(directory: Path, **trainers: Any) -> Toy:
    toy = chain(directory)
    toy.configs = {name: {"trainer": trainer} for name, trainer in trainers.items()}
    return toy.write()


@pytest.mark.parametrize(
    ("trainers", "count"),
    [
        ({}, 1),
        ({"a": {"num_nodes": 3}, "b": {"num_nodes": 2}}, 3),
        ({"a": {"num_nodes": "auto"}, "b": {}, "c": [1], "d": {"num_nodes": 2}}, 2),
    ],
)
def test_the_largest_number_of_machines(
    trainers: dict[str, Any], count: int, tmp_path: Path
) -> None:
    toy = training_toy(tmp_path / "recipe", **trainers)
    assert largest_node_count(load_build(toy.build)) == count


class Follows(System):
    """Does what the test says."""

    work: Any = None

    def __init__(self, **configs: Any) -> None:
        super().__init__(configs=configs)

    def first(self, context: StageContext) -> Outputs:
        return self.work(context)

    second = third = first


def follow(toy: Toy, work: Any, **rank: Any) -> int:
    class Mine(Follows):
        stages = (StageSpec(name="first", call="src.steps.make"),)

    Mine.work = staticmethod(work)
    order = Order("first", resume=True)
    return run_as_follower(Mine, load_build(toy.build), Rank(order=order, **rank), toy.directory)


def test_a_process_that_joins_a_training(finished: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[Any] = []

    def work(context: StageContext) -> Outputs:
        seen.extend([context.rank, context.resume])
        return {}

    assert follow(finished, work, number=2) == 0
    assert seen == [2, True]
    assert capsys.readouterr() == ("", "")
    assert finished.receipt("first")["status"] == "done"


@pytest.mark.parametrize(
    ("rank", "error", "code", "said"),
    [
        (
            {"number": 1},
            ValueError("of its own\nand more"),
            1,
            "error: rank 1 failed: ValueError: of its own  (log: exp/toy/first/first_rank1.log)\n",
        ),
        (
            {"number": 3, "node": 1, "local": 2},
            UserError("it is wrong", hint="x"),
            1,
            (
                "error: node 1, rank 2 failed: it is wrong  "
                "(log: exp/toy/first/first_node1_rank2.log)\n"
            ),
        ),
        ({"number": 1}, RuntimeError("gloo: Connection reset by peer"), 1, ""),
        ({"number": 1}, KeyboardInterrupt(), 143, ""),
    ],
)
def test_a_process_that_fails(
    rank: dict[str, int],
    error: BaseException,
    code: int,
    said: str,
    finished: Toy,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def work(context: StageContext) -> Outputs:
        raise error

    assert follow(finished, work, **rank) == code
    assert capsys.readouterr() == ("", said)
