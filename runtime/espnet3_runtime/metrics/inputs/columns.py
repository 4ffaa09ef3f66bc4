"""The inputs of a metric: hypotheses from SCP files, references from the data set."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from espnet3_runtime.data.dataset_entries import DatasetDirectories, DatasetEntry
from espnet3_runtime.data.split_dataset import SplitDataset, load_split
from espnet3_runtime.errors import UserError, did_you_mean
from espnet3_runtime.inference.outputs import SCALARS, OutputFormat, as_scalar, write_output
from espnet3_runtime.inference.scp import read_scp

_SHOWN = 5
_COLUMN = "dataset:"


@dataclass(frozen=True)
class TestResults:
    """The results of one test set.

    Attributes:
        name: Its name.
        directory: The results of ``infer``.
        scratch: Where files of columns are written.
        entry: Its entry in the inference config, where the stage has one.
        dataset: The ``dataset`` block of the inference config.
        directories: The recipe's directory and that of its data.
        formats: How columns that are neither text nor number become files.
        by_value: Outputs that became files because they are neither, and not by the config.
    """

    name: str
    directory: Path
    scratch: Path
    entry: DatasetEntry | None
    dataset: Mapping[str, Any]
    directories: DatasetDirectories
    formats: Mapping[str, OutputFormat]
    by_value: Sequence[str] = ()

    @cached_property
    def loaded(self) -> SplitDataset | None:
        """The data set without transform and preprocessor; None without its entry."""
        if self.entry is None:
            return None
        return load_split(
            self.dataset,
            "test",
            self.directories,
            entries=[self.entry],
            transform=False,
            preprocess=False,
        )


def read_columns(
    results: TestResults,
    inputs: Mapping[str, str],
    where: str,
    *,
    texts_only: bool = False,
    file_type: str = "",
) -> tuple[list[str], dict[str, list[str]]]:
    """Return the utterance ids and one list of values for each input, all in one order.

    Args:
        results: The test set.
        inputs: The source of each argument of the metric, for example ``dataset:text``.
        where: The key path of the inputs, for messages.
        texts_only: Whether the metric compares texts, and so takes no paths of files.
        file_type: Of the files that it reads, for what the data set has and is no text.

    Raises:
        UserError: A source does not exist, holds files that the metric cannot be meant to take,
            or the sources disagree on the utterances.
    """
    if file_type:
        results = _with_files(results, inputs.values(), file_type)
    for source in inputs.values():
        _refuse_files(results, source, where, texts_only=texts_only)
    sources = {name: _read_column(results, source, where) for name, source in inputs.items()}
    names = list(sources)
    ids = list(sources[names[0]])
    for name in names[1:]:
        _same_ids(results.name, (names[0], ids), (name, list(sources[name])), where)
    return ids, {name: [values[utt_id] for utt_id in ids] for name, values in sources.items()}


def _with_files(results: TestResults, sources: Iterable[str], file_type: str) -> TestResults:
    """Return results whose columns are files, exact ones, where the data set has no texts."""
    columns = {source.removeprefix(_COLUMN) for source in sources if source.startswith(_COLUMN)}
    folder = results.directory / "dataset"
    values = {name for name in columns if not (folder / f"{name}.scp").is_file()}
    formats = {**dict.fromkeys(values, OutputFormat(file_type)), **results.formats}
    return replace(results, formats=formats, by_value=())


def _read_column(results: TestResults, source: str, where: str) -> dict[str, str]:
    """Return the values of ``dataset:COLUMN`` or of an output of ``infer``, by utterance id."""
    column = source.removeprefix(_COLUMN)
    if column == source:
        scp = results.directory / f"{source}.scp"
        if not scp.is_file():
            message = f'no output of infer called "{source}" for the test set "{results.name}"'
            raise _missing_column(message, scp, where)
        return read_scp(scp)
    if column in results.formats:
        return _as_files(results, column, where)
    scp = results.directory / "dataset" / f"{column}.scp"
    if scp.is_file():
        return read_scp(scp)
    values = data_set_column(results, column)
    if values is None:
        message = f'no column of the data set called "{column}" that is text or a number'
        raise _missing_column(message, scp, where)
    return values


def _refuse_files(results: TestResults, source: str, where: str, *, texts_only: bool) -> None:
    """Refuse files for texts, and files that nobody asked for: a metric would get their paths."""
    if source in results.by_value or (texts_only and _holds_files(results, source)):
        column = source.removeprefix(_COLUMN)
        raise UserError(
            f'"{source}" is a file for each item of the test set "{results.name}", and no text',
            where=where,
            hint="let the runner give a text or a number"
            + ("" if texts_only else f", or set output_artifacts.{column}.type, for a path"),
        )


def _holds_files(results: TestResults, source: str) -> bool:
    column = source.removeprefix(_COLUMN)
    return column in results.formats if column != source else (results.directory / source).is_dir()


def text_inputs(results: TestResults, inputs: Mapping[str, str]) -> list[str]:
    """Return the names of inputs that are texts or numbers, and no files.

    Args:
        results: The test set.
        inputs: The source of each argument of the metric.
    """
    return [name for name, source in inputs.items() if not _holds_files(results, source)]


def _missing_column(message: str, scp: Path, where: str) -> UserError:
    present = sorted(found.stem for found in scp.parent.glob("*.scp"))
    return UserError(f"there is {message}", where=where, hint=did_you_mean(scp.stem, present))


def data_set_column(results: TestResults, column: str) -> dict[str, str] | None:
    """Return a column by the data set's own ``column(name)``, which reads no audio."""
    dataset = results.loaded
    if dataset is None or not all(hasattr(member, "column") for member in dataset.members):
        return None
    try:
        found = [as_scalar(v) for member in dataset.members for v in member.column(column)]
    except KeyError:
        return None
    first = sorted(results.directory.glob("*.scp"))[:1]
    ids = list(read_scp(first[0])) if first else []
    if len(found) != len(ids) or not all(isinstance(value, SCALARS) for value in found):
        return None
    return dict(zip(ids, map(str, found), strict=True))


def _as_files(results: TestResults, column: str, where: str) -> dict[str, str]:
    dataset = results.loaded
    if dataset is None:
        raise UserError(
            f'the column "{column}" cannot be read: measure has no inference config',
            where=where,
            hint="bind one: config: {metrics: …, inference: …}",
        )
    values = {}
    directory = results.scratch / "dataset"
    for index in range(len(dataset)):
        utt_id, sample = dataset.raw_sample(index)
        if column not in sample:
            raise UserError(
                f'{utt_id} has no "{column}"', where=where, hint=did_you_mean(column, list(sample))
            )
        written = write_output(directory, column, utt_id, sample[column], results.formats[column])
        values[utt_id] = str(directory / (written.file or str(written.value)))
    return values


def _same_ids(
    test: str, one: tuple[str, Sequence[str]], other: tuple[str, Sequence[str]], where: str
) -> None:
    missing, extra = set(one[1]) - set(other[1]), set(other[1]) - set(one[1])
    if not missing and not extra:
        return
    parts = [
        f'{len(ids)} are only in "{name}": {", ".join(sorted(ids)[:_SHOWN])}'
        + (" …" if len(ids) > _SHOWN else "")
        for name, ids in ((one[0], missing), (other[0], extra))
        if ids
    ]
    raise UserError(
        f'the utterances of "{one[0]}" and "{other[0]}" in the test set "{test}" differ; '
        + "; ".join(parts),
        where=where,
    )
