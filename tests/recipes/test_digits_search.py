"""digits/search: Optuna's search goes on after a cut, and its best is what is trained."""

import json
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from espnet3_runtime.errors import Stopped, UserError
from espnet3_runtime.process.progress import Bars
from tests.recipes.recipe_runs import RECIPES, copy_recipes, run, run_all

pytest.importorskip("optuna")

SMALL = (
    "training.create_dataset.sizes={train: 24, valid: 6, test: 6}",
    "training.trainer.max_epochs=1",
)
SPACE = {
    "lr": {"low": 1e-4, "high": 1e-1, "log": True},
    "width": [2, 4],
    "depth": {"low": 1, "high": 3},
}


@pytest.fixture
def src(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Import ``src.search`` as its stage does, and forget it afterwards."""
    monkeypatch.syspath_prepend(str(RECIPES / "digits" / "search"))
    before = {name: sys.modules.pop(name) for name in list(sys.modules) if _is_src(name)}
    import src.search

    yield src
    for name in [name for name in sys.modules if _is_src(name)]:
        del sys.modules[name]
    sys.modules.update(before)


def _is_src(name: str) -> bool:
    return name.partition(".")[0] == "src"


class Search:
    """Searches in a folder, with a model of a few weights and noise for speech."""

    def __init__(self, src: ModuleType, folder: Path) -> None:
        self.src, self.folder = src, folder
        self.started = 0
        self.results: dict[str, str] = {}
        self.last = 10**9

    def make_model(self, width: int, depth: int) -> Any:
        from torch import nn

        self.started += 1
        self.context.stop_requested = self.started >= self.last

        class Tiny(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.layers = nn.Sequential(
                    nn.Linear(1, width * depth), nn.Linear(width * depth, 10)
                )

            def forward(self, speech: Any, speech_lengths: Any, label: Any) -> dict[str, Any]:
                scores = self.layers(speech.mean(1, keepdim=True))
                right = (scores.argmax(-1) == label).float().mean()
                return {"loss": nn.functional.cross_entropy(scores, label), "acc": right}

        return Tiny()

    def __call__(self, trials: int, space: Any = SPACE, study: str = "first") -> dict[str, Any]:
        import numpy as np

        rng = np.random.default_rng(1)
        samples = [
            {
                "utt_id": str(n),
                "speech": rng.normal(n % 3, 1, 40 + n).astype("float32"),
                "text": word,
            }
            for n, word in enumerate(["zero", "one", "two"] * 8)
        ]
        self.started = 0
        self.context = SimpleNamespace(
            progress=Bars(quiet=True),
            result=self.results.__setitem__,
            stop=SimpleNamespace(gracefully=nullcontext),
            stop_requested=False,
            upstream_hashes={},
        )
        self.src.search.search(
            make_model=self.make_model,
            train=samples,
            valid=samples[:9],
            space=space,
            storage=str(self.folder / "study.db"),
            best=str(self.folder / "best.json"),
            context=self.context,
            study=study,
            trials=trials,
            epochs=2,
        )
        return json.loads((self.folder / "best.json").read_text())


def test_a_search_that_was_cut_off_ends_as_one_that_was_not(
    src: ModuleType, tmp_path: Path
) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "cut").mkdir()
    whole, cut = Search(src, tmp_path / "whole"), Search(src, tmp_path / "cut")
    best = whole(6)
    assert (whole.started, set(best["settings"])) == (6, {"lr", "width", "depth"})
    cut.last = 2
    with pytest.raises(Stopped):
        cut(6)
    assert not (tmp_path / "cut" / "best.json").exists()
    with sqlite3.connect(tmp_path / "cut" / "study.db") as file:  # as a kill leaves a trial
        file.execute("update trials set state='RUNNING' where number=1")
    cut.last = 10**9
    assert cut(6) == best
    assert cut.started == 5
    assert whole(8)["settings"].keys() == best["settings"].keys()
    assert whole.started == 2
    assert whole.results["best valid/acc"].endswith(" of 8)")


def test_trials_of_different_searches_are_not_mixed(src: ModuleType, tmp_path: Path) -> None:
    search = Search(src, tmp_path)
    search(1)
    other = {**SPACE, "width": [8]}
    with pytest.raises(UserError, match='the study "first" in the storage searched something else'):
        search(1, other)
    assert search(1, other, "second")["settings"]["width"] == 8


@pytest.mark.timeout(900)
def test_the_best_settings_are_trained_and_the_product_is_planned(tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader")
    folder = copy_recipes(tmp_path) / "digits" / "search"
    recipe = folder / "recipe.yaml"
    recipe.write_text(
        recipe.read_text().replace("trials: 16", "trials: 2").replace("epochs: 4", "epochs: 1")
    )
    said = run_all(folder, SMALL)
    best = json.loads((folder / "exp" / "recipe" / "search" / "best.json").read_text())
    assert f"channels {best['settings']['channels']}" in said
    sizes = {16: "9,226", 32: "23,562", 64: "67,594"}
    assert f": {sizes[best['settings']['channels']]} parameters" in said
    swept = run("-m", "espnet3_compiler", "--strict", "sweep.yaml", folder=folder)
    assert swept.returncode == 0, swept.stderr
    planned = run("build/run.py", "--dry_run", folder=folder)
    for row in ("lr1e_3_channels32", "lr4e_3_channels16", "lr4e_3_channels32"):
        assert f"measure_{row} " in planned.stdout
    assert "lr1e_3_channels16" not in planned.stdout
