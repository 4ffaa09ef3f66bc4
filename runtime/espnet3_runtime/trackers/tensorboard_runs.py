"""Runs in TensorBoard: its HParams tab, and scores beside the curves."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from espnet3_runtime.incremental.experiment import ADDED_SCORES
from espnet3_runtime.trackers.care import End, RunNames, log_all, run_directory, version_of
from espnet3_runtime.trackers.run_records import TrackedRun

_END_SUFFIX = ".end"


def open_arguments(names: RunNames) -> Mapping[str, Any]:
    """Return ``<experiment>/<stage>`` as name, below which Lightning counts versions."""
    return {"name": f"{names.exp_tag}/{names.stage}", "default_hp_metric": False}


def continue_arguments(run: TrackedRun, step: int) -> Mapping[str, Any]:
    """Return the version of a run, without what it will measure again after so many steps."""
    return {"version": version_of(run), "purge_step": step + 1}


def begin_run(logger: Any, values: Mapping[str, Any], done: int | None) -> None:
    """Write ``hparams.yaml`` and the session that the HParams tab shows.

    Lightning writes a session only together with a metric, which it draws as a curve; and always
    as one that has succeeded.

    Args:
        logger: The logger.
        values: The hyper-parameters.
        done: The steps done of a continued run.
    """
    log_all(logger, values)
    if logger._default_hp_metric:  # noqa: SLF001 - then Lightning has written one
        return
    from torch.utils.tensorboard.summary import hparams

    if done is not None:
        for file in Path(logger.log_dir).glob(f"events.*{_END_SUFFIX}"):
            file.unlink()
    shown = {key: _as_hparam(value) for key, value in values.items()}
    _, session, _ = hparams(shown, {})  # type: ignore[no-untyped-call]
    logger.experiment._get_file_writer().add_summary(session)  # noqa: SLF001 - as Lightning does
    logger.experiment.flush()


def _as_hparam(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str) else str(value)


def run_of(logger: Any) -> TrackedRun:
    """Return the run: its directory."""
    return TrackedRun(
        "TensorBoardLogger", str(logger.name or ""), str(logger.version), logger.log_dir
    )


def end_run(logger: Any, end: End) -> None:
    """Say in the HParams tab how a training ended; an interrupted one is still running."""
    logger.experiment.close()
    if end == "interrupted" or logger._default_hp_metric:  # noqa: SLF001
        return
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    status = api_pb2.STATUS_SUCCESS if end == "finished" else api_pb2.STATUS_FAILURE
    info = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=time.time())
    data = plugin_data_pb2.HParamsPluginData(session_end_info=info)
    described = metadata.create_summary_metadata(data)
    value = {"tag": metadata.SESSION_END_INFO_TAG, "metadata": described}
    _write_events(Path(logger.log_dir), _END_SUFFIX, [{**value, "tensor": metadata.NULL_TENSOR}])


def write_scores(
    run: TrackedRun, scores: Mapping[str, float], recipe_dir: Path, sender: str
) -> None:
    """Write scores as scalars, in a file of their own that takes the place of an earlier one.

    Args:
        run: The run.
        scores: By name.
        recipe_dir: The recipe.
        sender: The stage that measured them.
    """
    directory, suffix = run_directory(run, recipe_dir), f".{sender}{ADDED_SCORES}"
    for file in directory.glob(f"events.*{suffix}"):
        file.unlink()
    _write_events(
        directory, suffix, [{"tag": name, "simple_value": value} for name, value in scores.items()]
    )


def _write_events(directory: Path, suffix: str, values: list[dict[str, Any]]) -> None:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    writer = EventFileWriter(str(directory), filename_suffix=suffix)
    summary = Summary(value=[Summary.Value(**value) for value in values])
    writer.add_event(Event(wall_time=time.time(), summary=summary))
    writer.close()
