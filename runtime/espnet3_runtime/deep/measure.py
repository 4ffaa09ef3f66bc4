"""Try a ``measure`` stage: its metrics on what ``infer`` gave for the first items."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from espnet3_runtime.config import ConfigView
from espnet3_runtime.deep.fake_artifacts import InferredItems
from espnet3_runtime.deep.stage_probe import StageProbe
from espnet3_runtime.errors import did_you_mean
from espnet3_runtime.inference.outputs import SCALARS, as_scalar
from espnet3_runtime.metrics.score import Metric, make_metric, score_test_set
from espnet3_runtime.preflight.origin.code_place import place_of_return
from espnet3_runtime.preflight.origin.error_origin import FAILURES, raise_unprobed
from espnet3_runtime.preflight.protocol import RecipeLocation, UnprobedError
from espnet3_schemas import TARGET

_COLUMN = "dataset:"
_OF_THE_CODE = (TypeError, AttributeError, NameError, ImportError)
_NO_NUMBER = "not a number"


def probe_measure(probe: StageProbe) -> None:
    """Report R903 for a metric that cannot be constructed, R922 for one that scores nothing.

    Raises:
        UnprobedError: Something cannot be tried.
    """
    config = probe.config()
    inferred = probe.artifacts.inferred.get(probe.stage.configs.get("inference", ""))
    for entry in config["metrics"]:
        metric = _construct_metric(probe, entry)
        if metric and inferred and not _lacks_column(probe, metric, inferred):
            _try_metric(probe, metric, inferred)


def _construct_metric(probe: StageProbe, entry: ConfigView) -> Metric | None:
    location = probe.locate(entry["metric"].where)
    if probe.answers.is_wrong(location.owner, location.path):
        return None
    probe.answers.step(location, f"constructing {entry['metric'][TARGET]}")
    try:
        return make_metric(entry)
    except FAILURES as error:
        try:
            probe.construction_failure(error, location)
        except UnprobedError as why:
            probe.answers.note(str(why))
    return None


def _lacks_column(probe: StageProbe, metric: Metric, inferred: InferredItems) -> bool:
    """Report a ``dataset:COLUMN`` that the data do not have, and an output that is no text."""
    fields = [] if inferred.has_more_columns else list(inferred.samples[0][1])
    for name, source in metric.inputs.items():
        if source in inferred.by_value:
            value = next(result[source] for result in inferred.results if source in result)
            probe.answers.report_finding(
                "R922",
                probe.locate(f"{metric.where}.inputs.{name}"),
                f'"{source}" is no text and no number: the runner gives {type(value).__name__}',
                help_=["let the runner give a text or a number, for example .item() of a tensor"],
            )
            return True
        column = source.removeprefix(_COLUMN)
        right = column == source or column in fields or probe.answers.mentions(column)
        if not fields or right:
            continue
        found = probe.locate(f"{metric.where}.inputs.{name}")
        hint = did_you_mean(column, fields)
        probe.answers.report_finding(
            "R922",
            found,
            f'the data set has no "{column}"; an item has {", ".join(fields)}',
            help_=[hint] if hint else (),
        )
        return True
    return False


def _try_metric(probe: StageProbe, metric: Metric, inferred: InferredItems) -> None:
    columns = _columns_of(metric, inferred)
    if columns is None:
        return
    location = probe.locate(f"{metric.where}.metric")
    probe.answers.step(location, f'the metric "{metric.name}"')
    utt_ids = [utt_id for utt_id, _ in inferred.samples]
    folder = probe.artifacts.folder
    error = _failure_of(metric, utt_ids, columns, folder)
    if error is None:
        return
    # weights that learned nothing give answers that no trained model would give
    real = [name for name, source in metric.inputs.items() if source.startswith(_COLUMN)]
    right = dict.fromkeys(columns, columns[(real or list(columns))[0]])
    if not (_is_certain(error) and _is_certain(_failure_of(metric, utt_ids, right, folder))):
        probe.answers.note(f"{probe.answers.current_step}: {probe.origin(error).text}")
        return
    raise_unprobed(error, probe.answers)
    found = probe.origin(error)
    function: Any = metric.function
    place = found.place or place_of_return(vars(type(function)).get("__call__", function))
    path = (*location.path, TARGET)
    location = RecipeLocation(location.owner, path, probe.stage.name)
    probe.answers.report_finding(
        "R922",
        location,
        found.text,
        help_=["a metric returns a number, or a mapping from names to numbers"],
        place=place,
    )


def _failure_of(
    metric: Metric, utt_ids: Sequence[str], columns: Mapping[str, list[str]], folder: Path
) -> BaseException | None:
    try:
        score_test_set(metric, utt_ids, dict(columns), Path(mkdtemp(dir=folder)) / metric.name)
    except FAILURES as error:
        return error
    return None


def _is_certain(error: BaseException | None) -> bool:
    """Return whether a metric would fail on more items, too."""
    if error is None:
        return False
    return isinstance(error.__cause__, _OF_THE_CODE) or str(error.args[0]).endswith(_NO_NUMBER)


def _columns_of(metric: Metric, inferred: InferredItems) -> dict[str, list[str]] | None:
    """Return the texts and numbers for each input; None where one is neither."""
    columns = {}
    for name, source in metric.inputs.items():
        column = source.removeprefix(_COLUMN)
        rows = inferred.results if column == source else [sample for _, sample in inferred.samples]
        values = [as_scalar(row.get(column)) for row in rows]
        if not all(isinstance(value, SCALARS) for value in values):
            return None
        columns[name] = [str(value) for value in values]
    return columns
