"""What loggers are told of a training: settings, its end, its continuation; and its scores."""

import csv
import importlib.util
import json
import time
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import api_pb2, metadata

from espnet3_runtime.errors import Stopped, UserError
from espnet3_runtime.incremental.receipts import OutputRecord, Receipt, write_receipt
from espnet3_runtime.stages.train import train
from espnet3_runtime.trackers.run_records import TrackedRun, read_training_record
from espnet3_runtime.trackers.send_scores import send_scores
from espnet3_runtime.weights import weights_digest
from espnet3_schemas import LOCK
from tests.runtime.report_kit import make_build
from tests.runtime.training_kit import POLLS_PER_EPOCH, bad_model, stop_after, train_context

LOGGERS = "lightning.pytorch.loggers"
TENSORBOARD = {"_target_": f"{LOGGERS}.TensorBoardLogger", "save_dir": "logs"}
CSV = {"_target_": f"{LOGGERS}.CSVLogger", "save_dir": "tables"}
WANDB = {"_target_": f"{LOGGERS}.WandbLogger", "save_dir": "logs", "offline": True}
MLFLOW = {"_target_": f"{LOGGERS}.MLFlowLogger", "save_dir": "mlruns", "run_name": "mine"}
HAS = {name: importlib.util.find_spec(name) is not None for name in ("wandb", "mlflow")}
CALLBACK = """import lightning.pytorch as pl
class Upload(pl.Callback):
    def __init__(self, api_key):
        self.api_key = api_key
"""


def session(directory) -> dict[str, Any]:
    """Return what the HParams tab reads: hyper-parameters, and how the session ended."""
    events = EventAccumulator(str(directory))
    events.Reload()
    found = events.summary_metadata
    start = metadata.parse_session_start_info_plugin_data(
        found[metadata.SESSION_START_INFO_TAG].plugin_data.content
    )
    end = found.get(metadata.SESSION_END_INFO_TAG)
    return {
        "values": {key: value.string_value or value.number_value or value.bool_value
                   for key, value in start.hparams.items()},
        "end": end and metadata.parse_session_end_info_plugin_data(end.plugin_data.content).status,
        "scalars": {tag: events.Scalars(tag)[-1].value for tag in events.Tags()["scalars"]},
    }  # fmt: skip


def rows_of(path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def score(context, outputs, **changes) -> None:
    """Send scores as a measure stage does whose ``infer`` used these weights."""
    made = {
        name: OutputRecord(
            path.relative_to(context.recipe_dir).as_posix(), weights_digest(path), "", 1, 1
        )
        for name, path in outputs.items()
        if path.suffix == ".ckpt"
    }
    receipt = Receipt("train", "done", "2026-01-01", inputs={"what": "train"}, outputs=made)
    write_receipt(context.exp_dir, receipt)
    best = made["best_checkpoint"]
    report = {
        "checkpoint": {"path": best.path, "sha256": best.sha256},
        "metrics": {"wer": {"test": {"wer": 12.5, "words": 8}, "other": {"wer": 50.0}}},
        "about": {"wer": {"headline": "wer"}},
        **changes,
    }
    stage = changes.get("stage", "measure")
    spec = SimpleNamespace(name=stage, run="measure")
    places = {name: getattr(context, name) for name in ("recipe_dir", "exp_dir", "build", "log")}
    send_scores(SimpleNamespace(spec=spec, **places), report)  # type: ignore[arg-type]
    (context.exp_dir / stage).mkdir(exist_ok=True)
    (context.exp_dir / stage / "metrics.json").write_text(json.dumps(report))


def test_files_of_tensorboard_and_csv(recipe):
    loggers = [TENSORBOARD, {**CSV, "name": "own"}]
    changes = {
        "trainer": {"logger": loggers},
        "optimizer": {"_target_": "torch.optim.SGD", "lr": 0.05},
    }
    first = train_context(recipe, stop=stop_after(POLLS_PER_EPOCH + 2), **changes)
    with pytest.raises(Stopped):
        train(first)
    runs = first.recipe_dir / "logs" / first.exp_tag / "train" / "version_0"
    table = first.recipe_dir / "tables" / "own" / "version_0"
    assert session(runs)["end"] is None  # it goes on
    context = train_context(recipe, resume=True, **changes)
    outputs = train(context)

    found = session(runs)
    assert found["end"] == api_pb2.STATUS_SUCCESS
    expected = {"recipe": context.recipe, "exp_tag": context.exp_tag, "stage": "train",
                "training.optimizer.lr": 0.05, "training.dataset.train.0.data_src_args.size": 42,
                "model._target_": "src.model.Classifier", "parameters": 76}  # fmt: skip
    assert found["values"].items() >= expected.items()
    assert yaml.safe_load((runs / "hparams.yaml").read_text()).items() >= expected.items()
    assert yaml.safe_load((table / "hparams.yaml").read_text()).items() >= expected.items()
    record = read_training_record(context.directory)
    assert record is not None
    assert record.hyperparameters.items() >= expected.items()
    assert record.runs == (
        TrackedRun("TensorBoardLogger", f"{context.exp_tag}/train", "0",
                   f"logs/{context.exp_tag}/train/version_0"),
        TrackedRun("CSVLogger", "own", "0", "tables/own/version_0"),
    )  # fmt: skip
    steps = [row["step"] for row in rows_of(table / "metrics.csv") if row["train/loss"]]
    assert steps == ["5", "11", "17"]  # each epoch once, the first before the stop

    for _ in range(2):  # a second measurement takes the place of the first
        score(context, outputs)
    assert {"test/wer": 12.5, "other/wer": 50.0}.items() <= session(runs)["scalars"].items()
    last = [row for row in rows_of(table / "metrics.csv") if row.get("test/wer")]
    assert [(row["test/wer"], row["other/wer"], row["step"]) for row in last] == [
        ("12.5", "50.0", "")
    ]
    lock = json.loads((make_build(recipe / "other")[1] / LOCK).read_text())
    lock["stages"].append({**lock["stages"][4], "name": "beam"})
    context.build.mkdir()
    (context.build / LOCK).write_text(json.dumps(lock))
    score(context, outputs, stage="beam")
    assert session(runs)["scalars"]["beam/test/wer"] == 12.5
    score(context, outputs)
    assert "measure/test/wer" not in session(runs)["scalars"]
    before = session(runs)
    stale = {"path": "exp/none/best.ckpt", "sha256": "0"}
    score(context, outputs, checkpoint=stale, stage="never")
    score(context, outputs, checkpoint=None, stage="never")
    assert session(runs) == before


def test_a_failed_training_and_secrets(recipe):
    secret = "the-secret-of-the-user"
    (recipe / "src" / "extra.py").write_text(CALLBACK)
    trainer = {
        "logger": [{**TENSORBOARD, "name": "own"}],
        "callbacks": [{"_target_": "src.extra.Upload", "api_key": secret}],
    }
    bad = {**bad_model(recipe), "hidden": 4}
    context = train_context(recipe, model=bad, trainer=trainer, nan_policy="error")
    with pytest.raises(UserError, match="not finite"):
        train(context)
    (file,) = context.recipe_dir.glob("logs/**/hparams.yaml")
    assert "model.hidden: 4" in file.read_text()
    record = (context.directory / "tracked_runs.json").read_text()
    assert json.loads(record)["runs"][0]["name"] == "own"
    assert secret not in file.read_text() + record
    assert session(file.parent)["end"] == api_pb2.STATUS_FAILURE
    train(train_context(recipe, resume=True, trainer=trainer))  # no checkpoint, but the same run
    assert list(context.recipe_dir.glob("logs/**/hparams.yaml")) == [file]
    assert session(file.parent)["end"] == api_pb2.STATUS_SUCCESS


@pytest.mark.skipif(not HAS["wandb"], reason="wandb is not installed; make espnet2 installs it")
def test_weights_and_biases_offline(recipe, monkeypatch):
    monkeypatch.setenv("WANDB_SILENT", "true")
    context = train_context(recipe, stop=stop_after(9), trainer={"logger": [WANDB]})
    with pytest.raises(Stopped):
        train(context)
    outputs = train(train_context(recipe, resume=True, trainer={"logger": [WANDB]}))
    score(context, outputs)
    record = read_training_record(context.directory)
    assert record is not None
    (run,) = record.runs
    assert (run.name, run.reopen["group"], run.url) == ("train", context.exp_tag, "")
    parts = sorted(context.recipe_dir.glob(f"logs/wandb/offline-run-*-{run.run_id}/*.wandb"))
    assert len(parts) == 3  # until the stop, after it, the scores
    assert b"training.trainer.max_epochs" in parts[0].read_bytes()
    end = time.monotonic() + 20  # W&B's own process writes it
    while b"test/wer" not in parts[2].read_bytes() and time.monotonic() < end:
        time.sleep(0.1)
    assert b"test/wer" in parts[2].read_bytes()
    import wandb

    assert wandb.run is None


@pytest.mark.skipif(not HAS["mlflow"], reason="mlflow is not installed; make espnet2 installs it")
def test_the_local_store_of_mlflow(recipe, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    changes = {"trainer": {"logger": [MLFLOW]}}
    context = train_context(recipe, stop=stop_after(9), **changes)
    with pytest.raises(Stopped):
        train(context)
    from mlflow.tracking import MlflowClient

    client = MlflowClient("file:./mlruns")
    (run,) = client.search_runs(
        [client.get_experiment_by_name(f"{context.recipe}/{context.exp_tag}").experiment_id]
    )
    assert run.info.status == "KILLED"
    outputs = train(train_context(recipe, resume=True, **changes))
    score(context, outputs)
    run = client.get_run(run.info.run_id)
    assert (run.info.status, run.info.run_name) == ("FINISHED", "mine")
    assert run.data.params["training.trainer.max_epochs"] == "3"
    assert run.data.metrics["test/wer"] == 12.5
    fails = train_context(recipe, model=bad_model(recipe), nan_policy="error", **changes)
    with pytest.raises(UserError, match="not finite"):
        train(fails)
    states = [one.info.status for one in client.search_runs([run.info.experiment_id])]
    assert sorted(states) == ["FAILED", "FINISHED"]
