"""What a metric reads: hypotheses from SCP files, references from the data set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espnet3_runtime.data.dataset_entries import DatasetDirectories, DatasetEntry
from espnet3_runtime.data.split_dataset import SplitDataset, load_split
from espnet3_runtime.errors import UserError, did_you_mean
from espnet3_runtime.inference.outputs import OutputFormat, write_output
from espnet3_runtime.inference.scp import read_scp

DATASET = "dataset:"
_SHOWN = 5


@dataclass(frozen=True)
class TestResults:
    """The results of one test set.

    Attributes:
        name: Its name.
        directory: What ``infer`` wrote.
        scratch: Where column files go.
        entry: Its entry in the inference config, when that is at hand.
        dataset: The ``dataset`` block of the inference config.
        place: Directories of the recipe.
        formats: How columns that are neither text nor number become files.
    """

    name: str
    directory: Path
    scratch: Path
    entry: DatasetEntry | None
    dataset: Mapping[str, Any]
    place: DatasetDirectories
    formats: Mapping[str, OutputFormat]

    def load(self) -> SplitDataset | None:
        """Construct the data set without transform and preprocessor; None without its entry."""
        if self.entry is None:
            return None
        return load_split(
            self.dataset,
            "test",
            self.place,
            entries=[self.entry],
            transform=False,
            preprocess=False,
        )


def read_columns(
    results: TestResults, inputs: Mapping[str, str], where: str
) -> tuple[list[str], dict[str, list[str]]]:
    """Return the utterance ids and one list of values for each input, all in one order.

    Args:
        results: What ``infer`` wrote for a test set.
        inputs: By the metric's argument: where its values come from, for example ``dataset:text``.
        where: The key path of the inputs, for messages.

    Raises:
        UserError: A source does not exist, or the sources disagree on the utterances.
    """
    sources = {name: read_column(results, source, where) for name, source in inputs.items()}
    names = list(sources)
    ids = list(sources[names[0]])
    for name in names[1:]:
        _same_ids(results.name, (names[0], ids), (name, list(sources[name])), where)
    return ids, {name: [values[utt_id] for utt_id in ids] for name, values in sources.items()}


def read_column(results: TestResults, source: str, where: str) -> dict[str, str]:
    """Return the values of one source by utterance id.

    Args:
        results: The test set.
        source: The stem of an SCP file, or ``dataset:COLUMN``.
        where: Key path for messages.

    Raises:
        UserError: There is no such output or column.
    """
    column = source.removeprefix(DATASET)
    if column == source:
        return read_scp(_existing_scp(results.directory, source, "output of infer", where))
    if column in results.formats:
        return _as_files(results, column, where)
    file = results.directory / "dataset" / f"{column}.scp"
    if file.is_file():
        return read_scp(file)
    values = _from_data_set(results, column)
    if values is not None:
        return values
    _existing_scp(results.directory / "dataset", column, "column of the data set", where)
    raise AssertionError(file)


def _existing_scp(directory: Path, stem: str, what: str, where: str) -> Path:
    file = directory / f"{stem}.scp"
    if not file.is_file():
        stems = sorted(found.stem for found in directory.glob("*.scp"))
        raise UserError(
            f'there is no {what} called "{stem}" for the test set "{directory.name}"'
            if what.startswith("output")
            else f'there is no {what} called "{stem}" that is text or a number',
            where=where,
            hint=did_you_mean(stem, stems),
        )
    return file


def _from_data_set(results: TestResults, column: str) -> dict[str, str] | None:
    """Ask the data set's own ``column(name)``, which reads no audio."""
    dataset = results.load()
    if dataset is None or not all(hasattr(member, "column") for member in dataset.members):
        return None
    try:
        values = [str(v) for member in dataset.members for v in member.column(column)]
    except KeyError:
        return None
    ids = _utterance_ids(results)
    if len(values) != len(ids):
        return None
    return dict(zip(ids, values, strict=True))


def _utterance_ids(results: TestResults) -> list[str]:
    first = sorted(results.directory.glob("*.scp"))[:1]
    return list(read_scp(first[0])) if first else []


def _as_files(results: TestResults, column: str, where: str) -> dict[str, str]:
    dataset = results.load()
    if dataset is None:
        raise UserError(
            f'the column "{column}" cannot be read: measure has no inference config',
            where=where,
            hint="bind one: config: {metrics: …, inference: …}",
        )
    values = {}
    for index in range(len(dataset)):
        utt_id, sample = dataset.raw_sample(index)
        if column not in sample:
            raise UserError(
                f'{utt_id} has no "{column}"', where=where, hint=did_you_mean(column, list(sample))
            )
        directory = results.scratch / "dataset"
        format_ = results.formats[column]
        written = write_output(directory, column, utt_id, sample[column], format_)
        values[utt_id] = str(written.value) if written.file is None else written.file
    return {utt_id: str(results.scratch / "dataset" / value) for utt_id, value in values.items()}


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
