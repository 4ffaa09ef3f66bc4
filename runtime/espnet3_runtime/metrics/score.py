"""Calls a metric.

A metric is any callable that takes its inputs as keyword arguments, each a list of strings in one
order, and returns a mapping from names to numbers; the first is the headline.  Where its signature
has them, it is also given ``utt_ids`` (the ids in the same order) and ``directory`` (a directory of
its own for files).  An attribute ``unit``, for example ``%``, is shown behind the headline.
"""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espnet3_runtime.build.instantiate import instantiate
from espnet3_runtime.config import ConfigView
from espnet3_runtime.errors import UserError, did_you_mean
from espnet3_schemas import TARGET

_OFFERED = ("utt_ids", "directory")


@dataclass(frozen=True)
class Metric:
    """An entry of ``metrics``, ready to be called.

    Attributes:
        name: Its name in ``metrics.json``.
        target: Its import path.
        inputs: Source of each input.
        function: The metric itself.
        where: Its key path.
    """

    name: str
    target: str
    inputs: Mapping[str, str]
    function: Callable[..., Any]
    where: str

    @property
    def unit(self) -> str:
        """Return what stands behind its headline number."""
        return str(getattr(self.function, "unit", ""))


def make_metrics(config: ConfigView) -> list[Metric]:
    """Construct the entries of a metrics config, and check that their inputs fit.

    Raises:
        UserError: There are none, two have one name, or a metric cannot be called like this.
    """
    metrics = [_make_metric(entry) for entry in config["metrics"]]
    where = f"{config.where}.metrics"
    if not metrics:
        raise UserError("there are no metrics", where=where)
    names = [metric.name for metric in metrics]
    for name in names:
        if names.count(name) > 1:
            hint = "give each a name of its own: {name: …, metric: …}"
            raise UserError(f'two metrics are called "{name}"', where=where, hint=hint)
    return metrics


def _make_metric(entry: ConfigView) -> Metric:
    node = entry["metric"]
    function = instantiate(node)
    name = entry.get("name") or node[TARGET].rpartition(".")[2].lower()
    metric = Metric(name, node[TARGET], dict(entry["inputs"]), function, entry.where)
    if not name.replace("-", "_").isidentifier() or name in ("dataset", "audio"):
        raise UserError(f'"{name}" is no name for a metric', where=f"{entry.where}.name")
    _check_inputs(metric)
    return metric


def _check_inputs(metric: Metric) -> None:
    if not metric.inputs:
        raise UserError(f'"{metric.name}" has no inputs', where=f"{metric.where}.inputs")
    parameters = _parameter_names(metric.function)
    try:
        offered = {name: None for name in _OFFERED if name in parameters}
        inspect.signature(metric.function).bind(**dict.fromkeys(metric.inputs), **offered)
    except TypeError as error:
        wanted = [name for name in parameters if name not in _OFFERED]
        unknown = [name for name in metric.inputs if name not in wanted]
        raise UserError(
            f'the inputs of "{metric.name}" do not fit {metric.target}: {error}',
            where=f"{metric.where}.inputs",
            hint=did_you_mean(unknown[0], wanted) if unknown else f"it takes {', '.join(wanted)}",
        ) from None
    except ValueError:  # a callable without a signature is called as it is
        return


def _parameter_names(function: Callable[..., Any]) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except ValueError:
        return []


def score_test_set(
    metric: Metric, utt_ids: Sequence[str], columns: Mapping[str, list[str]], directory: Path
) -> dict[str, float]:
    """Return what a metric gives for one test set.

    Args:
        metric: The metric.
        utt_ids: Ids of the utterances.
        columns: A list of values for each input, in the order of the ids.
        directory: Given to a metric that writes files; made for it.

    Raises:
        UserError: The metric failed, or gave something else than finite numbers.
    """
    offered: dict[str, Any] = {}
    parameters = _parameter_names(metric.function)
    if "utt_ids" in parameters:
        offered["utt_ids"] = list(utt_ids)
    if "directory" in parameters:
        directory.mkdir(parents=True)
        offered["directory"] = directory
    try:
        result = metric.function(**columns, **offered)
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f'the metric "{metric.name}" failed: {type(error).__name__}: {error}',
            where=metric.where,
        ) from error
    return _read_numbers(metric, result)


def _read_numbers(metric: Metric, result: Any) -> dict[str, float]:
    values = result if isinstance(result, Mapping) else {metric.name: result}
    numbers = {str(key): _read_number(metric, key, value) for key, value in values.items()}
    if not numbers:
        raise UserError(f'the metric "{metric.name}" gave no numbers', where=metric.where)
    return numbers


def _read_number(metric: Metric, key: object, value: Any) -> float:
    scalar = value.item() if getattr(value, "ndim", None) == 0 else value
    if isinstance(scalar, bool) or not isinstance(scalar, int | float):
        what = f'"{key}" of the metric "{metric.name}" is {type(value).__name__}, not a number'
        raise UserError(what, where=metric.where)
    if not math.isfinite(scalar):
        raise UserError(f'"{key}" of the metric "{metric.name}" is {scalar}', where=metric.where)
    return scalar
