"""What stages write down and tell, whole."""

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

import pytest
import torch

from espnet3_runtime.errors import UserError
from espnet3_runtime.incremental.hashing import iter_files
from espnet3_runtime.stages.create_dataset import create_dataset
from espnet3_runtime.stages.infer import infer
from espnet3_runtime.stages.measure import measure
from espnet3_runtime.stages.pack_model import pack_model
from tests.runtime.bundle_kit import FACTS
from tests.runtime.infer_kit import MODEL, config
from tests.runtime.inference_kit import in_recipe, make_context

SETS = [
    {"name": "small", "data_src_args": {"size": 4}},
    {"name": "other", "data_src_args": {"size": 2, "prefix": "o"}},
]
WER = {
    "metric": {"_target_": "espnet3_runtime.metrics.wer.WER"},
    "inputs": {"ref": "dataset:text", "hyp": "text"},
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A recipe after infer."""
    with in_recipe(tmp_path_factory.mktemp("records") / "recipe") as directory:
        torch.save({"scale": torch.ones(1)}, directory / "best.ckpt")
        infer(context(directory, "infer"))
        yield directory


@pytest.fixture
def recipe(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(place)
    return place


def context(recipe: Path, stage: str, **changes: Any) -> Any:
    inference = config(dataset={"test": SETS}, **changes.pop("inference", {}))
    configs = {"inference": inference, **changes.pop("configs", {})}
    model = None if stage == "measure" else MODEL
    return make_context(recipe, stage, configs=configs, **{"model": model, **changes})


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def about(items: int, samples: int) -> dict[str, Any]:
    seconds = samples / 16000
    return {
        "items": items,
        "outputs": ["text"],
        "by_value": [],
        "columns": ["speaker", "text"],
        "audio_seconds": round(seconds, 3),
    }


def test_the_record_of_infer(recipe: Path, caplog: pytest.LogCaptureFixture) -> None:
    found: dict[str, object] = {}
    caplog.set_level(logging.INFO)
    given = context(recipe, "infer", result=found.__setitem__)
    (recipe / "exp/tiny/infer/small").mkdir(parents=True, exist_ok=True)
    assert infer(given) == {"inference_dir": given.directory}
    record = json.loads((given.directory / "inference.json").read_text())
    rates = {name: record["tests"][name].pop("rtf") for name in record["tests"]}
    assert record == {
        "schema_version": 1,
        "checkpoint": {"path": "best.ckpt", "sha256": sha256(recipe / "best.ckpt")},
        "tests": {"small": about(4, 7 * 160), "other": about(2, 3 * 160)},
    }
    assert set(found) == {"RTF small", "RTF other"}
    for name, rate in rates.items():
        assert rate > 0
        assert rate == round(rate, 6)
        assert found[f"RTF {name}"] == pytest.approx(rate, abs=1e-4)
        assert found[f"RTF {name}"] == round(found[f"RTF {name}"], 4)
    assert "small: 4 items" in caplog.messages
    assert given.progress.totals == given.progress.done == {"infer small": 4, "infer other": 2}
    assert sorted(path.name for path in given.directory.iterdir()) == [
        *("inference.json", "other", "small"),
    ]


def test_results_of_sets_that_are_no_more_named_go(recipe: Path) -> None:
    given = context(recipe, "infer")
    (given.directory / "mine").mkdir(exist_ok=True)
    before = json.loads((given.directory / "inference.json").read_text())
    fewer = make_context(
        recipe,
        "infer",
        configs={"inference": config(dataset={"test": SETS[:1]})},
        model=MODEL,
    )
    infer(fewer)
    names = {path.name for path in given.directory.iterdir()}
    assert names == {"inference.json", "mine", "small"}
    infer(given)
    after = json.loads((given.directory / "inference.json").read_text())
    assert list(after["tests"]) == list(before["tests"]) == ["other", "small"]
    (given.directory / "mine").rmdir()


@pytest.mark.parametrize(
    ("tests", "told"),
    [
        ([], "there is no test set\n  config: inference.dataset.test\n  help: list at least one"),
        (
            [{"name": "a"}, {"name": "a"}],
            'two test sets are called "a"\n  config: inference.dataset.test',
        ),
        (
            [{"name": "a"}, {"name": "work"}],
            'a test set cannot be called "work"\n  config: inference.dataset.test',
        ),
    ],
)
def test_names_of_test_sets(tests: list[Any], told: str, recipe: Path) -> None:
    given = make_context(
        recipe, "infer", configs={"inference": config(dataset={"test": tests})}, model=MODEL
    )
    with pytest.raises(UserError) as caught:
        infer(given)
    assert str(caught.value) == told


def measured(recipe: Path, metrics: list[Any], **changes: Any) -> Any:
    upstream = {"decode.inference_dir": recipe / "exp/tiny/infer"}
    kinds = {"decode": "infer"}
    given = context(
        recipe,
        "measure",
        configs={"metrics": {"metrics": metrics, **changes.pop("settings", {})}},
        **{"upstream": upstream, "upstream_kinds": kinds, **changes},
    )
    return given, measure(given)


def test_the_record_of_measure(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results: dict[str, object] = {}
    strict = {**WER, "name": "strict"}
    given, made = measured(recipe, [WER, strict], result=results.__setitem__)
    assert made == {"metrics": given.directory / "metrics.json"}
    text = made["metrics"].read_text()
    record = json.loads(text)
    assert text == json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    entry = {
        "target": "espnet3_runtime.metrics.wer.WER",
        "inputs": {"ref": "dataset:text", "hyp": "text"},
        "unit": "%",
        "higher_is_better": False,
        "headline": "wer",
    }
    scores = record.pop("metrics")
    assert record == {
        "schema_version": 1,
        "recipe": "tiny/asr",
        "exp_tag": "tiny",
        "checkpoint": {"path": "best.ckpt", "sha256": sha256(recipe / "best.ckpt")},
        "about": {"wer": entry, "strict": entry},
    }
    assert list(scores) == ["wer", "strict"]
    assert list(scores["wer"]) == ["other", "small"]
    assert results == {f"{m} {t}": "0.00 %" for t in ("small", "other") for m in ("wer", "strict")}
    assert list(results) == ["wer other", "strict other", "wer small", "strict small"]
    assert given.progress.totals == given.progress.done == {"measure": 4}
    table = capsys.readouterr().err.splitlines()
    assert all(line.startswith("  ") for line in table)
    assert [line.split() for line in table[2:]] == [
        ["other", "0.00", "%", "0.00", "%"],
        ["small", "0.00", "%", "0.00", "%"],
    ]


@pytest.mark.parametrize(
    ("dataset", "names"),
    [
        (None, ["other", "small"]),
        ({"test": []}, ["other", "small"]),
        ({"test": [{"name": "other"}]}, ["other"]),
    ],
)
def test_which_sets_are_measured(dataset: Any, names: list[str], recipe: Path) -> None:
    _, made = measured(recipe, [WER], settings={"dataset": dataset})
    assert list(json.loads(made["metrics"].read_text())["metrics"]["wer"]) == names


def test_a_set_that_was_not_decoded(recipe: Path) -> None:
    with pytest.raises(UserError) as caught:
        measured(recipe, [WER], settings={"dataset": {"test": [{"name": "smal"}]}})
    assert str(caught.value) == (
        'infer has no results for the test set "smal"\n'
        "  config: metrics.dataset.test\n"
        '  help: did you mean "small"?'
    )


def test_nothing_to_measure(recipe: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        measured(recipe, [WER], upstream={}, upstream_kinds={})
    assert str(caught.value) == (
        "there are no results to score\n  help: run a stage infer before measure"
    )
    for text in (None, "{"):
        if text:
            (tmp_path / "inference.json").write_text(text)
        with pytest.raises(UserError) as caught:
            measured(recipe, [WER], upstream={"decode.inference_dir": tmp_path})
        assert caught.value.message.startswith(f"{tmp_path}/inference.json cannot be read: ")
        assert caught.value.hint == "run the stage infer"


def test_the_record_of_create_dataset(recipe: Path) -> None:
    given = make_context(
        recipe,
        "create_dataset",
        configs={
            "training": {
                "dataset": {
                    "train": [{"builder_args": {"b": 1, "a": 2}}, {"builder_args": {}}],
                    "valid": [{"builder_args": {"a": 2, "b": 1}}],
                }
            }
        },
    )
    data = given.data_dir
    data.mkdir(exist_ok=True)
    for name, size in (("z.txt", 3), ("deep/a.txt", 4)):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text("x" * size)
    made = create_dataset(given)
    assert made == {"summary": given.outputs["summary"], "data_dir": data}
    assert len(list(iter_files(data))) == 2
    row = {"builder": "dataset.DatasetBuilder", "data_src": None}
    listing = b"deep/a.txt\x004\nz.txt\x003\n"
    assert json.loads(made["summary"].read_text()) == {
        "builders": [
            {**row, "builder_args": {"a": 2, "b": 1}},
            {**row, "builder_args": {}},
        ],
        "data": {"files": 2, "bytes": 7, "listing_sha256": hashlib.sha256(listing).hexdigest()},
    }
    assert given.progress.totals == given.progress.done == {"create_dataset": 2}


def test_a_packed_model(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("espnet3_runtime.publication.pack.load_elsewhere", lambda _: FACTS)
    results: dict[str, object] = {}
    publication = {"publication": {"pack_model": {}}}
    given = context(recipe, "pack_model", configs=publication, result=results.__setitem__)
    bundle = pack_model(given)["bundle"]
    assert bundle == given.directory / "bundle"
    sizes = sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file())
    assert results == {"bundle": f"{sizes / 1000:.1f} kB"}
    assert caplog.messages == ["nothing was measured: the model card has no results"]
    caplog.clear()
    (recipe / "metrics.json").write_text('{"metrics": {}, "about": {}}')
    told = {"upstream": {"m.metrics": recipe / "metrics.json"}, "upstream_kinds": {"m": "measure"}}
    pack_model(context(recipe, "pack_model", configs=publication, **told))
    assert caplog.messages == []
    assert (bundle / "metrics.json").is_file()


def test_no_model_to_pack(recipe: Path) -> None:
    given = context(recipe, "pack_model", configs={"publication": {}}, model=None)
    with pytest.raises(UserError) as caught:
        pack_model(given)
    assert str(caught.value) == (
        "there is no model to pack\n  help: give the stage a model: {name: …, model: NAME}"
    )
