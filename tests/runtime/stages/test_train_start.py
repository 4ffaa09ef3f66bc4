"""What train does before the first step: what it refuses, and which files it keeps."""

import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from espnet3_runtime.errors import UserError
from espnet3_runtime.stage import StageSpec
from espnet3_runtime.stages.train import make_model, train
from tests.runtime.training_kit import CLASSIFIER, SETS, recipe_in, stage_context, training


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with recipe_in(tmp_path_factory.mktemp("start") / "recipe") as directory:
        yield directory


@pytest.fixture
def recipe(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(place)
    return place


def context(recipe: Path, model: Any = CLASSIFIER, **changes: Any) -> Any:
    given = {
        key: changes.pop(key)
        for key in ("resume", "rank", "spec", "cleared", "log") & changes.keys()
    }
    return stage_context(recipe, "train", training(**changes), model=model, **given)


def refusal(recipe: Path, **changes: Any) -> str:
    with pytest.raises(UserError) as caught:
        train(context(recipe, **changes))
    return str(caught.value)


NO_VALID = {**SETS, "valid": []}
WATCHED = (
    '"valid/loss" is watched, and there is no validation\n'
    "  config: {}\n"
    "  help: give dataset.valid, let the trainer validate, or watch train/loss"
)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"dataset": {**SETS, "train": []}},
            "there is no training set\n  config: training.dataset.train",
        ),
        *(
            (
                {"trainer": {limit: 0}},
                f"there is nothing to train: {limit} is 0\n  config: training.trainer.{limit}",
            )
            for limit in ("max_epochs", "max_steps", "limit_train_batches")
        ),
        (
            {"dataset": NO_VALID, "early_stopping": {"monitor": "valid/loss"}},
            WATCHED.format("training.early_stopping.monitor"),
        ),
        (
            {"dataset": NO_VALID, "scheduler_monitor": "valid/loss"},
            WATCHED.format("training.scheduler_monitor"),
        ),
        (
            {"trainer": {"limit_val_batches": 0}, "early_stopping": {"monitor": "valid/loss"}},
            WATCHED.format("training.early_stopping.monitor"),
        ),
    ],
)
def test_refusals(changes: dict[str, Any], told: str, recipe: Path) -> None:
    given = {"best_model_criterion": [["train/loss", 1, "min"]], **changes}
    assert refusal(recipe, **given) == told


def test_a_checkpoint_that_is_not_there(recipe: Path) -> None:
    assert refusal(recipe, fit={"ckpt_path": "no.ckpt"}) == (
        f'there is no checkpoint "{recipe}/no.ckpt"\n  config: training.fit.ckpt_path'
    )


@pytest.mark.parametrize(
    ("node", "told"),
    [
        (None, "the stage has no model\n  config: train"),
        (
            {"_target_": "collections.Counter"},
            (
                '"collections.Counter" is Counter, and a model is a torch.nn.Module\n'
                "  config: models.tiny"
            ),
        ),
    ],
)
def test_what_is_no_model(node: Any, told: str, recipe: Path) -> None:
    with pytest.raises(UserError) as caught:
        make_model(context(recipe, model=node))
    assert str(caught.value) == told


def test_a_model_and_its_name(recipe: Path) -> None:
    model, name = make_model(context(recipe))
    assert name == "src.model.Classifier"
    assert type(model).__name__ == "Classifier"


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def listed(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


FILES = ("last.ckpt", "epoch1.ckpt", "curves.jsonl", "train.log", "words/list.txt", "tensorboard/e")


def start(recipe: Path, **changes: Any) -> tuple[Path, list[str]]:
    """Let a training end at its model, which is none; return its directory and when it cleared."""
    cleared: list[str] = []
    given = context(recipe, None, cleared=lambda: cleared.append("now"), **changes)
    with pytest.raises(UserError, match=r"^the stage has no model"):
        train(given)
    return given.directory, cleared


@pytest.fixture
def own(recipe: Path) -> Any:
    """A directory of a training of its own."""
    folder = recipe / "exp/tiny/train"
    shutil.rmtree(folder, ignore_errors=True)
    write(folder, *FILES)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_an_earlier_training_is_set_aside(
    own: Path, recipe: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert start(recipe) == (own, ["now"])
    assert listed(own) == [
        *("previous/curves.jsonl", "previous/epoch1.ckpt", "previous/last.ckpt"),
        *("previous/tensorboard/e", "previous/words/list.txt", "train.log"),
    ]
    assert "files of an earlier training are in previous/" in caplog.text
    caplog.clear()
    assert start(recipe) == (own, ["now"])
    assert "earlier training" not in caplog.text


def test_other_ranks_move_nothing(own: Path, recipe: Path) -> None:
    assert start(recipe, rank=1) == (own, [])
    assert listed(own) == sorted(FILES)


def test_an_interrupted_training_goes_on(own: Path, recipe: Path, capsys: Any) -> None:
    assert start(recipe, resume=True) == (own, [])
    assert listed(own) == sorted(FILES)
    assert "resuming from exp/tiny/train/last.ckpt" in capsys.readouterr().err


def test_an_attempt_that_saved_nothing_is_cleared(own: Path, recipe: Path) -> None:
    (own / "last.ckpt").unlink()
    write(own, "previous/last.ckpt")
    assert start(recipe, resume=True) == (own, ["now"])
    assert listed(own) == ["previous/last.ckpt", "train.log"]


def test_files_that_settings_name_stay(own: Path, recipe: Path) -> None:
    named = "exp/tiny/train/words/list.txt"
    transform = {"_target_": "src.features.Drop", "keys": [named]}
    dataset = {**SETS, "preprocessor": transform}
    assert start(recipe, dataset=dataset) == (own, ["now"])
    assert "words/list.txt" in listed(own)
    assert "previous/curves.jsonl" in listed(own)


@pytest.mark.parametrize(
    ("name", "make"),
    [("epoch1.ckpt", False), ("previous/words.txt", True), ("curves.jsonl", False)],
)
def test_files_that_would_be_moved_are_refused(
    name: str, make: bool, own: Path, recipe: Path
) -> None:
    if make:
        write(own, name)
    named = f"exp/tiny/train/{name}"
    dataset = {**SETS, "preprocessor": {"_target_": "src.features.Drop", "keys": [named]}}
    told = (
        f'"{named}" lies in the directory that this stage clears\n'
        "  config: training.dataset.preprocessor.keys.0\n"
        "  help: move it out of the experiment, and name it there"
    )
    assert refusal(recipe, dataset=dataset) == told
    assert (own / name).exists()


def test_weights_of_the_directory_that_is_cleared_are_refused(own: Path, recipe: Path) -> None:
    spec = StageSpec(name="train", run="train", init_from=str(own / "epoch1.ckpt"))
    assert refusal(recipe, spec=spec) == (
        f'"{own}/epoch1.ckpt" lies in the directory that this stage clears\n'
        "  config: init_from\n"
        "  help: move it out of the experiment, and name it there"
    )


def test_a_damaged_last_checkpoint(own: Path, recipe: Path) -> None:
    hint = "\n  help: run.py --force --stages train trains from the start"
    assert refusal(recipe, resume=True).endswith(hint)
    torch.save({"state_dict": {}}, own / "last.ckpt")
    assert refusal(recipe, resume=True) == (
        f'"{own}/last.ckpt" is damaged, or was written by an earlier version{hint}'
    )
