"""A recipe of toy steps that has code to change, and ways of changing it."""

from collections.abc import Callable
from pathlib import Path

from espnet3_runtime.build.lock import load_build
from espnet3_runtime.incremental.experiment import Experiment
from espnet3_runtime.incremental.plan import plan_stages
from tests.runtime.toy import Toy

LIBRARY = '''"""Shared things."""
import json

from src.deep import constant

LIMIT = 5
UNUSED = 7


def helper(value):
    return min(value, LIMIT) + constant()


def uncalled(value):
    return value


class Model:
    """A class."""

    scale = 2

    def apply(self, value):
        return helper(value) * self.scale
'''


DEEP = """NUMBER = 1


def constant():
    return NUMBER
"""


STEPS = """import os
from pathlib import Path

from src import library
from src.library import Model


def prepare(path, context):
    size = context.configs["settings"]["size"]
    words = Path("lists/words.txt").read_text().split()
    Path(path).write_text(f"{size} {len(words)}")


def fit(path, source, context, seed=0):
    text = Path(source).read_text()
    Path(path).write_text(f"{Model().apply(len(text))} {context.configs['settings']['rate']}")


def score(path, source, home=None):
    Path(path).write_text(f"{library.helper(len(Path(source).read_text()))}")
"""


def build_recipe(directory: Path) -> Toy:
    recipe = Toy(directory)
    recipe.file("src/__init__.py", "")
    recipe.file("src/library.py", LIBRARY)
    recipe.file("src/deep.py", DEEP)
    recipe.file("src/steps.py", STEPS)
    recipe.file("src/unrelated.py", "x = 1\n")
    recipe.file("lists/words.txt", "a b c\n")
    recipe.file("lists/other.txt", "a b c\n")
    recipe.configs["settings"] = {"size": 3, "rate": 0.5, "nested": {"a": [1, 2], "b": None}}
    recipe.configs["other"] = {"x": 1}
    exp = "exp/toy"
    recipe.call(
        "prepare",
        "src.steps.prepare",
        {"path": f"{exp}/prepare/data.txt"},
        {"data": "data.txt"},
        config={"settings": "other_settings"},
    )
    recipe.configs["other_settings"] = {"size": 4}
    recipe.call(
        "fit",
        "src.steps.fit",
        {"path": f"{exp}/fit/model.txt", "source": "${stages.prepare.data}", "seed": 1},
        {"model": "model.txt"},
        config={"settings": "settings"},
    )
    recipe.call(
        "score",
        "src.steps.score",
        {
            "path": f"{exp}/score/score.txt",
            "source": "${stages.fit.model}",
            "home": "${oc.env:TOY_HOME,nowhere}",
        },
        {"score": "score.txt"},
    )
    return recipe.write()


def actions(recipe: Toy) -> dict[str, tuple[str, tuple[str, ...]]]:
    build = load_build(recipe.build)
    verdicts = plan_stages(build, Experiment(build), [stage.name for stage in build.stages])
    return {verdict.stage.name: (verdict.action, verdict.reasons) for verdict in verdicts}


def edit(path: str, old: str, new: str) -> Callable[[Toy], None]:
    def change(recipe: Toy) -> None:
        file = recipe.directory / path
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))

    change.__name__ = f"{path}: {old.strip()!r} -> {new.strip()!r}"
    return change


def setting(config: str, key: str, value: object) -> Callable[[Toy], None]:
    def change(recipe: Toy) -> None:
        recipe.configs[config][key] = value
        recipe.write()

    change.__name__ = f"{config}.{key} = {value!r}"
    return change


def argument(stage: str, key: str, value: object) -> Callable[[Toy], None]:
    def change(recipe: Toy) -> None:
        recipe.stage(stage)["with"][key] = value
        recipe.write()

    change.__name__ = f"{stage}.with.{key} = {value!r}"
    return change
