"""Build the metrics of a config, and call them.

A metric is any callable that takes its inputs as keyword arguments, each a list of strings in one
order, and returns a mapping from names to numbers, of which the first is the headline.  A list in
place of a number has one for each item: the number is their mean.  If its signature has them, it
also gets ``utt_ids`` (the ids in the same order), ``directory`` (a directory of its own for files)
and ``item_scores``, to which it adds what it says of single items.  An attribute ``unit``, for
example ``%``, follows the headline; ``higher_is_better`` says which of two headlines is the better
one, as in torchmetrics.  With ``texts_only = True`` it gets no paths of files; with ``reads_audio =
True`` it gets paths, of ``.npy`` files for arrays that the config makes no files; with
``reads_segments = True`` texts or paths, of ``.json`` files for lists.
"""

import inspect
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from espnet3_runtime.build.instantiate import instantiate
from espnet3_runtime.config import ConfigView
from espnet3_runtime.errors import UserError, did_you_mean
from espnet3_runtime.metrics.item_scores import ItemScores
from espnet3_schemas import TARGET

_OFFERED = ("utt_ids", "directory", "item_scores")
_FILE_TYPES = {"reads_audio": "npy", "reads_segments": "json"}
"""What a metric says that it reads, and the files of values of the data set that are no texts."""


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
        """Return the unit of its headline number, or an empty text."""
        return str(getattr(self.function, "unit", ""))

    @property
    def texts_only(self) -> bool:
        """Say whether it compares texts, and so takes no paths of files."""
        return bool(getattr(self.function, "texts_only", False))

    @property
    def file_type(self) -> str:
        """Return the type of the files that it reads; empty where it does not say it."""
        said = (name for name in _FILE_TYPES if getattr(self.function, name, False))
        return _FILE_TYPES.get(next(said, ""), "")

    @property
    def reads_audio(self) -> bool:
        """Say whether its inputs are recordings."""
        return bool(getattr(self.function, "reads_audio", False))

    @property
    def higher_is_better(self) -> bool | None:
        """Say which of two headline numbers is better; None where the metric does not say it."""
        found = getattr(self.function, "higher_is_better", None)
        return found if isinstance(found, bool) else None


def make_metrics(config: ConfigView) -> list[Metric]:
    """Construct the entries of a metrics config, and check that their inputs fit.

    Raises:
        UserError: There are none, two have one name, or a metric cannot be called like this.
    """
    metrics = [make_metric(entry) for entry in config["metrics"]]
    where = f"{config.where}.metrics"
    if not metrics:
        raise UserError("there are no metrics", where=where)
    names = [metric.name for metric in metrics]
    for name in names:
        if names.count(name) > 1:
            hint = "give each a name of its own: {name: …, metric: …}"
            raise UserError(f'two metrics are called "{name}"', where=where, hint=hint)
    return metrics


def make_metric(entry: ConfigView) -> Metric:
    """Construct an entry of a metrics config, and check that its inputs fit.

    Raises:
        UserError: It cannot be constructed, or called with its inputs.
    """
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
    metric: Metric,
    utt_ids: Sequence[str],
    columns: Mapping[str, list[str]],
    directory: Path,
    *,
    texts: Collection[str] = (),
) -> dict[str, float]:
    """Return the numbers of a metric for one test set, and write what it says of its items.

    Args:
        metric: The metric.
        utt_ids: Ids of the utterances.
        columns: A list of values for each input, in the order of the ids.
        directory: Created for a metric that writes files, or has a number for each item.
        texts: The inputs that are texts and are shown with the items.

    Raises:
        UserError: The metric failed, or did not return finite numbers.
    """
    parameters = _parameter_names(metric.function)
    if "directory" in parameters:
        directory.mkdir(parents=True)
    items = ItemScores(
        utt_ids,
        higher_is_better=metric.higher_is_better,
        unit=metric.unit,
        texts={name: columns[name] for name in texts},
    )
    offered = {"utt_ids": list(utt_ids), "directory": directory, "item_scores": items}
    extra = {name: value for name, value in offered.items() if name in parameters}
    try:
        numbers = _read_numbers(metric, metric.function(**columns, **extra), items)
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f'the metric "{metric.name}" failed: {type(error).__name__}: {error}',
            where=metric.where,
        ) from error
    items.write(directory)
    return numbers


def _read_numbers(metric: Metric, result: Any, items: ItemScores) -> dict[str, float]:
    values = result if isinstance(result, Mapping) else {metric.name: result}
    numbers = {
        str(key): _read_number(metric, key, _mean_of_items(str(key), value, items))
        for key, value in values.items()
    }
    if not numbers:
        raise UserError(f'the metric "{metric.name}" gave no numbers', where=metric.where)
    return numbers


def _mean_of_items(name: str, value: Any, items: ItemScores) -> Any:
    """Return a number as it is, and the mean of a list, which is added to the scores of items."""
    if not isinstance(value, list | tuple) and getattr(value, "ndim", None) != 1:
        return value
    items.add(name, value)
    known = [number for number in items.scores[-1].values if number is not None]
    return round(fmean(known), 6) if known else math.nan


def _read_number(metric: Metric, key: object, value: Any) -> float:
    scalar = value.item() if getattr(value, "ndim", None) == 0 else value
    if isinstance(scalar, bool) or not isinstance(scalar, int | float):
        problem = f"{type(value).__name__}, not a number"
    elif not math.isfinite(scalar):
        problem = str(scalar)
    else:
        return scalar
    raise UserError(f'"{key}" of the metric "{metric.name}" is {problem}', where=metric.where)
