"""One split of a ``dataset`` block: its data sets behind one index, ready for a batch."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from espnet3_runtime.build.instantiate import instantiate, parameters_of
from espnet3_runtime.data.contract import accept_inputs
from espnet3_runtime.data.dataset_entries import (
    DatasetDirectories,
    DatasetEntry,
    is_stream,
    make_dataset,
    read_entries,
)
from espnet3_runtime.data.declared_fields import read_declared_fields
from espnet3_runtime.errors import UserError, no_early_end
from espnet3_schemas import TARGET

Sample = dict[str, Any]
Change = Callable[[Any], Any]


@dataclass(frozen=True)
class SplitParts:
    """What one split is made of.

    Attributes:
        entries: The entries, in order.
        members: The ``Dataset`` of every entry.
        transforms: The transform of every entry, or None.
        preprocessor: Called with id and sample, after the transform.
    """

    entries: tuple[DatasetEntry, ...]
    members: tuple[Any, ...]
    transforms: tuple[Change | None, ...]
    preprocessor: Callable[[str, Sample], Sample] | None


class SplitDataset:
    """Map-style data set of ``(utt_id, sample)`` pairs over the entries of one split.

    Args:
        entries: The entries, in order.
        members: The ``Dataset`` of every entry.
        transforms: The transform of every entry, or None.
        preprocessor: Called with id and sample, after the transform.

    Attributes:
        sizes: ``(len(entries),)`` number of samples of every entry, int64.
    """

    def __init__(
        self,
        entries: Sequence[DatasetEntry],
        members: Sequence[Any],
        transforms: Sequence[Change | None],
        preprocessor: Callable[[str, Sample], Sample] | None = None,
    ) -> None:
        self.entries = tuple(entries)
        self.members = tuple(members)
        self.transforms = tuple(transforms)
        self.preprocessor = preprocessor
        pairs = zip(members, entries, strict=True)
        self._fields = [read_declared_fields(member, entry.where) for member, entry in pairs]
        self._checks_all = [getattr(member, "check_every_item", False) for member in members]
        self.sizes = np.array([len(member) for member in members], dtype=np.int64)
        self._ends = np.cumsum(self.sizes)
        self.before_item: Callable[[int], None] | None = None

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def __getitem__(self, index: int) -> tuple[str, Sample]:
        """Return the id and the sample after transform and preprocessor.

        Fields are arrays of shape ``(T, ...)``, numbers and strings.
        """
        if self.before_item is not None:
            self.before_item(index)
        member, inner = self.locate(index)
        entry, transform = self.entries[member], self.transforms[member]
        try:
            utt_id, sample = self._read(member, inner, index)
            sample = change_sample(utt_id, sample, entry, transform, self.preprocessor)
        except Exception as error:
            error.add_note(f"while reading item {inner} of {entry.where}")
            raise
        return utt_id, sample

    def locate(self, index: int) -> tuple[int, int]:
        """Return the entry that holds an item, and the item's index inside that entry."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        member = int(np.searchsorted(self._ends, index, side="right"))
        return member, int(index - (self._ends[member] - self.sizes[member]))

    def raw_sample(self, index: int) -> tuple[str, Sample]:
        """Return the id and the unchanged sample of the ``Dataset``, for scoring and for its text.

        Audio is usually ``(samples,)`` float32 in [-1, 1], at the rate that the contract declares.
        """
        member, inner = self.locate(index)
        return self._read(member, inner, index)

    def _read(self, member: int, inner: int, index: int) -> tuple[str, Sample]:
        with no_early_end(f"item {inner} of {self.entries[member].where}"):
            found = self.members[member][inner]
            sample = dict(require_mapping(found, "Dataset", self.entries[member]))
        given = sample.pop("utt_id", None)
        utt_id = str(index if given is None else given)
        if self._checks_all[member]:
            accept_inputs(self._fields[member], sample, utt_id)
        return utt_id, sample

    def check_samples(self) -> None:
        """Check some items against the fields that their data sets declare.

        They are the first, middle and last; with ``check_every_item = True`` in a ``Dataset`` all
        of its items are checked as they are read instead.

        Raises:
            UserError: A declared field is missing or of another kind.
        """
        for member, (end, size) in enumerate(zip(self._ends, self.sizes, strict=True)):
            if self._fields[member] and not self._checks_all[member]:
                for index in sorted({0, size // 2, size - 1}):
                    utt_id, sample = self.raw_sample(int(end - size + index))
                    accept_inputs(self._fields[member], sample, utt_id)


def change_sample(
    utt_id: str,
    sample: Sample,
    entry: DatasetEntry,
    transform: Change | None,
    preprocessor: Callable[[str, Sample], Sample] | None,
) -> Sample:
    """Return a sample after transform and preprocessor.

    Args:
        utt_id: Its id.
        sample: By field; audio is usually ``(samples,)`` float32 in [-1, 1].
        entry: The entry that it is from.
        transform: That of the entry.
        preprocessor: That of the split.

    Raises:
        UserError: One of them gives something else than a mapping.
    """
    with no_early_end(f"the transform or preprocessor of {utt_id}"):
        if transform is not None:
            sample = require_mapping(transform(sample), "transform", entry)
        if preprocessor is not None:
            sample = require_mapping(preprocessor(utt_id, sample), "preprocessor", entry)
    return sample


def load_parts(
    dataset: Mapping[str, Any],
    split: str,
    directories: DatasetDirectories,
    *,
    entries: Sequence[DatasetEntry] | None = None,
    transform: bool = True,
    preprocess: bool = True,
    preprocess_as: str = "",
) -> SplitParts:
    """Construct the data sets of one split, and what changes their samples.

    Args:
        dataset: The ``dataset`` block of a training or inference config.
        split: ``train``, ``valid`` or ``test``.
        directories: Passed to the data sets that have parameters for them.
        entries: Some entries of the split; None for all.
        transform: Whether to construct the entries' transforms.
        preprocess: Whether to construct the preprocessor.
        preprocess_as: Another split, to use its preprocessor.

    Raises:
        UserError: An entry cannot be constructed.
    """
    chosen = tuple(read_entries(dataset, split) if entries is None else entries)
    members = tuple(make_dataset(entry, directories) for entry in chosen)
    transforms = tuple(
        instantiate(entry.transform) if transform and entry.transform is not None else None
        for entry in chosen
    )
    preprocessor = make_preprocessor(dataset, preprocess_as or split) if preprocess else None
    return SplitParts(chosen, members, transforms, preprocessor)


def load_split(
    dataset: Mapping[str, Any], split: str, directories: DatasetDirectories, **options: Any
) -> SplitDataset:
    """Construct the data sets of one split, whose items are read by their number.

    Args:
        dataset: The ``dataset`` block of a training or inference config.
        split: ``train``, ``valid`` or ``test``.
        directories: Passed to the data sets that have parameters for them.
        **options: As in :func:`load_parts`.

    Raises:
        UserError: An entry cannot be constructed, is empty, or has no items by number.
    """
    return index_parts(load_parts(dataset, split, directories, **options))


def index_parts(parts: SplitParts) -> SplitDataset:
    """Return the items of a split by their number.

    Raises:
        UserError: An entry is empty, or has no items by number.
    """
    for entry, member in zip(parts.entries, parts.members, strict=True):
        if is_stream(member):
            raise UserError(
                "the data set gives its samples one after another, and here they are read by "
                "their number",
                where=entry.where,
                hint="only dataset.train and dataset.valid of a train stage may be such a stream; "
                "give its Dataset the methods __len__ and __getitem__",
            )
        for method in ("__len__", "__getitem__"):
            if not hasattr(member, method):
                raise UserError(
                    f"the data set is read by number here, and {type(member).__name__} has no "
                    f'"{method}"',
                    where=entry.where,
                    hint="only dataset.train of a train stage is read shard by shard; the Dataset "
                    "as a whole, and each shard, needs __len__ and __getitem__",
                )
        if len(member) == 0:
            raise UserError("the data set has no items", where=entry.where)
    loaded = SplitDataset(parts.entries, parts.members, parts.transforms, parts.preprocessor)
    loaded.check_samples()
    return loaded


def make_preprocessor(
    dataset: Mapping[str, Any], split: str
) -> Callable[[str, Sample], Sample] | None:
    """Construct the preprocessor of a split as a callable ``(utt_id, sample) -> sample``.

    A constructor's argument ``train`` gets whether this is the training split; a preprocessor whose
    call takes two arguments gets the utterance id first, as in ESPnet2.
    """
    node = dataset.get("preprocessor")
    if node is not None and TARGET not in node:
        node = node.get(split)
    if node is None:
        return None
    given = "train" in node or node.get("_partial_")
    wants_train = not given and "train" in parameters_of(node)
    supplied: dict[str, Any] = {"train": split == "train"} if wants_train else {}
    function = instantiate(node, **supplied)
    if _takes_id(function):
        return function  # type: ignore[no-any-return]
    return _WithoutId(function)


class _WithoutId:
    """Adapter for a preprocessor that takes the sample only (a class: workers pickle it)."""

    def __init__(self, function: Change) -> None:
        self.function = function

    def __call__(self, _utt_id: str, sample: Sample) -> Sample:
        return self.function(sample)  # type: ignore[no-any-return]


def _takes_id(function: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    required = [p for p in parameters if p.kind in positional and p.default is p.empty]
    return len(required) == 2  # noqa: PLR2004 - id and sample


def require_mapping(value: Any, role: str, entry: DatasetEntry) -> Any:
    """Return a sample, if it is a mapping.

    Args:
        value: What was given as a sample.
        role: What gave it, for messages.
        entry: The entry that it is from.

    Raises:
        UserError: It is none.
    """
    if not isinstance(value, Mapping):
        found = type(value).__name__
        problem = f"a sample is a mapping from field to value; the {role} gave {found}"
        raise UserError(problem, where=entry.where)
    return value
