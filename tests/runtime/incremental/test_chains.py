"""What runs again after a stage two levels up changed, and after one of several outputs did."""

from pathlib import Path

import pytest

from tests.runtime.edit_kit import actions
from tests.runtime.toy import Toy, chain

CHECKPOINTS = ("averaged", "best", "last")
STEPS = """from pathlib import Path


def train(folder, context):
    for name, text in context.configs["texts"].items():
        Path(folder, f"{name}.ckpt").write_text(text)


def read(context, start=None):
    (context.directory / "o.txt").write_text("read")
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    """Three checkpoints and what reads one, by settings or by arguments."""
    toy = Toy(tmp_path_factory.mktemp("trained") / "recipe")
    toy.file("src/steps.py", STEPS)
    toy.configs["texts"] = dict.fromkeys(CHECKPOINTS, "a")
    made = {f"{name}_checkpoint": f"{name}.ckpt" for name in CHECKPOINTS}
    own = {"config": {"texts": "texts"}}
    toy.call("train", "src.steps.train", {"folder": "exp/toy/train"}, made, **own)
    for name in CHECKPOINTS:
        reference = f"${{stages.train.{name}_checkpoint}}"
        toy.configs[f"decode_{name}"] = {"checkpoint": reference}
        config = {"decode": f"decode_{name}"}
        toy.call(f"decode_{name}", "src.steps.read", outputs={"o": "o.txt"}, config=config)
        toy.call(f"tune_{name}", "src.steps.read", {"start": reference}, {"o": "o.txt"})
    toy.write()
    done = toy.python()
    assert done.returncode == 0, done.stderr
    return toy


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_what_reads_a_checkpoint_follows_that_one_only(name: str, trained: Toy) -> None:
    trained.configs["texts"][name] += "b"
    trained.write()
    done = trained.python("--stages", "train")
    assert done.returncode == 0, done.stderr
    found = actions(trained)
    again = {f"decode_{name}", f"tune_{name}"}
    assert {stage for stage, (action, _) in found.items() if action == "run"} == again
    assert {stage for stage, (action, _) in found.items() if action == "maybe"} == set()
    reason = f"upstream train changed ({name}_checkpoint)"
    assert [found[stage][1][-1] for stage in again] == [reason, reason]
    done = trained.python()
    assert done.returncode == 0, done.stderr
    assert {action for action, _ in actions(trained).values()} == {"skip"}


@pytest.fixture
def recipe(tmp_path: Path) -> Toy:
    """A chain of three stages that has run."""
    toy = chain(tmp_path / "recipe")
    assert toy.python().returncode == 0
    return toy


def change(recipe: Toy, stage: str, key: str, value: int) -> None:
    recipe.stage(stage)["with"][key] = value
    recipe.write()


def acts(recipe: Toy) -> list[str]:
    return [action for action, _ in actions(recipe).values()]


STALE = 'warning: stage "first" is out of date (with number changed (3 -> 30))'


def test_a_change_two_levels_up_is_told_and_goes_through_whatever_ran_between(recipe: Toy) -> None:
    change(recipe, "first", "number", 30)
    change(recipe, "third", "more", 5)
    done = recipe.python("--stages", "third")  # the stage between is up to date
    assert (done.returncode, STALE in done.stderr) == (0, True), done.stderr
    assert acts(recipe) == ["run", "maybe", "maybe"]
    change(recipe, "second", "more", 2)
    done = recipe.python("--stages", "second")  # of the old number
    assert (done.returncode, STALE in done.stderr) == (0, True), done.stderr
    assert acts(recipe) == ["run", "maybe", "maybe"]
    assert recipe.python("--stages", "first").returncode == 0
    assert acts(recipe) == ["skip", "run", "maybe"]
    assert recipe.python("--stages", "second").returncode == 0
    assert acts(recipe) == ["skip", "skip", "run"]
    assert recipe.python().returncode == 0
    assert (recipe.exp / "third" / "number.txt").read_text() == "67\n"
    assert acts(recipe) == ["skip", "skip", "skip"]


def test_an_equal_output_between_ends_the_change(recipe: Toy) -> None:
    change(recipe, "first", "number", 4)  # 8 in place of 6
    change(recipe, "second", "more", -1)  # 7 again
    assert acts(recipe) == ["run", "run", "maybe"]
    assert recipe.python("--stages", "first").returncode == 0
    assert acts(recipe) == ["skip", "run", "maybe"]
    assert recipe.python("--stages", "second").returncode == 0
    assert acts(recipe) == ["skip", "skip", "skip"]
