"""The runtime benchmark's own reading of data, and its table; nothing here is timed."""

import ast
import random
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.memory.__main__ import main as memory
from benchmarks.runtime.bare import collate
from benchmarks.runtime.timing import Goal, Lap, in_turns, standings, table, verdict
from espnet3_compiler.pipeline import compile_manifest
from espnet3_runtime.data.collate import CommonCollateFn
from evaluation.recipes import GENERATED, RECIPES
from evaluation.shapes.__main__ import choose


def test_the_bare_batches_are_ours() -> None:
    rng = np.random.default_rng(0)
    items = [
        (f"u{n}", {"speech": rng.normal(size=n).astype(np.float32), "text": np.arange(n // 2)})
        for n in (5, 9, 3)
    ]
    ids, batch = CommonCollateFn()(items)
    bare_ids, bare = collate([{"utt_id": utt_id, **sample} for utt_id, sample in items])
    assert ids == bare_ids
    assert batch.keys() == bare.keys()
    assert all(torch.equal(batch[name], bare[name]) for name in batch)


def test_ways_take_turns_and_the_first_round_does_not_count() -> None:
    called: list[str] = []

    def way(name: str) -> Lap:
        called.append(name)
        return Lap(cpu=float(len(called)), wall=2.0)

    laps = in_turns({name: lambda name=name: way(name) for name in "ab"}, 2)
    assert called == ["b", "a", "a", "b", "b", "a"]
    assert [lap.cpu for lap in laps["a"]] == [3.0, 6.0]


@pytest.mark.parametrize(("ours", "met"), [(1.0, True), (1.2, False)])
def test_a_goal_is_judged_by_the_median_of_the_rounds(ours: float, met: bool) -> None:
    laps = {
        "a": [Lap(9.0, 9.0), Lap(ours, 9.0), Lap(1.0, 1.0)],
        "b": [Lap(1.0, 1.0), Lap(1.0, 1.0), Lap(8.0, 1.0)],
    }
    found = verdict("part", laps, Goal("a", "b", 1.10))
    assert (found.value, found.met) == (ours, met)
    assert found.spread == pytest.approx(((ours + 0.125) / 2, (ours + 9) / 2))
    assert ("MISSED" in standings([found])) is not met
    assert "1000.00" in table(laps, "utt")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    code = memory(["--rows", "2000", "--workers", "1", "--batches", "5"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("2,000 rows, 1 workers, ")
    table, objects = (line.split()[-3:] for line in lines[3:5])
    assert all(float(row[1]) > 0 for row in (table, objects))  # of the main process
    assert ("MISSED" in lines[-1]) == bool(code)


@pytest.mark.parametrize("name", ["digits/asr", "digits/keywords", "librispeech_100/asr"])
def test_mistakes_in_sizes_leave_code_and_manifests_legible(tmp_path: Path, name: str) -> None:
    every = choose([RECIPES / name], random.Random(1), 8)
    assert len({mistake.kind for _, mistake in every}) >= 2
    for number, (recipe, mistake) in enumerate(every):
        copy = tmp_path / str(number) / recipe.name
        shutil.copytree(recipe, copy, ignore=GENERATED)
        mistake.plant(copy)
        text = (copy / mistake.file).read_text(encoding="utf-8")
        assert text != (recipe / mistake.file).read_text(encoding="utf-8")
        if mistake.file.endswith(".py"):
            ast.parse(text)
        found = compile_manifest(copy / "recipe.yaml").diagnostics
        codes = {one.code for one in found}
        # names, fields, vocabularies and layers need no look; a data set lies beside the keywords
        assert codes <= {
            "R431",
            "R434",
            "R442",
            "R522",
            "R523",
            "R524",
            *(["R501"] if name == "digits/keywords" else []),
        }
