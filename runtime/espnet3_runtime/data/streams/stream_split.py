"""One split of a ``dataset`` block whose data sets give their samples one after another."""

from collections.abc import Iterator
from typing import Any

from espnet3_runtime.data.contract import accept_inputs
from espnet3_runtime.data.dataset_entries import DatasetEntry, is_stream
from espnet3_runtime.data.declared_fields import read_declared_fields
from espnet3_runtime.data.split_dataset import Sample, SplitParts, change_sample, require_mapping
from espnet3_runtime.errors import UserError, no_early_end


class StreamSplit:
    """The samples of the entries of one split, one entry after the other.

    Entries whose data sets have items by number may be among them; they are read in order.

    Args:
        parts: Entries, data sets, transforms and preprocessor of the split.
    """

    def __init__(self, parts: SplitParts) -> None:
        self.parts = parts
        pairs = zip(parts.members, parts.entries, strict=True)
        self._fields = [read_declared_fields(member, entry.where) for member, entry in pairs]

    def raw_samples(self, epoch: int) -> Iterator[tuple[int, int, Sample]]:
        """Yield the number of a sample in the stream, that of its entry, and what was read.

        Raises:
            UserError: A data set gives nothing, or something else than mappings.
        """
        number = 0
        for place, entry in enumerate(self.parts.entries):
            start = number
            for sample in iterate_samples(entry, self.parts.members[place], epoch):
                yield number, place, sample
                number += 1
            if number == start:
                raise UserError("the data set gives no samples", where=entry.where)

    def finish_sample(self, number: int, place: int, raw: Sample) -> tuple[str, Sample]:
        """Return id and sample after transform and preprocessor.

        Args:
            number: Of the sample in the stream; its id where it has none.
            place: The number of its entry.
            raw: What the data set gave.

        Raises:
            UserError: A declared field is missing or of another kind.
        """
        parts, sample = self.parts, dict(raw)
        entry, given = parts.entries[place], sample.pop("utt_id", None)
        utt_id = str(number if given is None else given)
        try:
            accept_inputs(self._fields[place], sample, utt_id)
            change = parts.transforms[place], parts.preprocessor
            return utt_id, change_sample(utt_id, sample, entry, *change)
        except Exception as error:
            error.add_note(f"while reading sample {number} of {entry.where}")
            raise


def iterate_samples(entry: DatasetEntry, member: Any, epoch: int) -> Iterator[Sample]:
    """Yield what a data set gives in an epoch, in order.

    Args:
        entry: Its entry, for messages.
        member: The ``Dataset``; one with a method ``set_epoch`` is told the epoch first.
        epoch: The number of the epoch.

    Raises:
        UserError: It gives something else than mappings.
    """
    if hasattr(member, "set_epoch"):
        member.set_epoch(epoch)
    source = iter(member if is_stream(member) else (member[i] for i in range(len(member))))
    end = object()
    while True:
        with no_early_end(f"the data of {entry.where}"):
            sample = next(source, end)
        if sample is end:
            return
        yield require_mapping(sample, "Dataset", entry)
