"""Items as the model will see them: the first ones of the data, or made-up ones."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from espnet3_runtime.build.instantiate import instantiate
from espnet3_runtime.config import ConfigView, iter_leaves, to_plain
from espnet3_runtime.data.contract import Field, read_contract
from espnet3_runtime.data.dataset_entries import DatasetDirectories as Folders
from espnet3_runtime.data.dataset_entries import (
    DatasetEntry,
    is_sharded,
    is_stream,
    make_builder,
    read_entries,
)
from espnet3_runtime.data.split_dataset import (
    SplitDataset,
    index_parts,
    load_parts,
    make_preprocessor,
)
from espnet3_runtime.data.streams.stream_split import iterate_samples
from espnet3_runtime.deep.fake_artifacts import ABSENT
from espnet3_runtime.deep.items.changed_samples import change_sample
from espnet3_runtime.deep.items.extremes import spread_indices, with_largest
from espnet3_runtime.deep.items.written_fields import written_fields
from espnet3_runtime.deep.stage_probe import StageProbe
from espnet3_runtime.errors import exception_chain, nearest
from espnet3_runtime.preflight.origin.argument import argument_at_fault
from espnet3_runtime.preflight.origin.code_place import place_of_return
from espnet3_runtime.preflight.origin.data_code import place_of_builder
from espnet3_runtime.preflight.origin.error_origin import FAILURES
from espnet3_runtime.preflight.protocol import FoundError, RecipeLocation, UnprobedError
from espnet3_schemas import TARGET
from espnet3_schemas.build_records import Stage

_ITEMS = 2
_SECONDS = (2.0, 1.4)
_RATE = 16_000
_PIXELS = 32
_SPEECH = "speech"
COLLATE = "espnet3_runtime.data.collate.CommonCollateFn"
_OWN_TOKENS = "espnet3_runtime.data.preprocess.TextToTokens"

Sample = dict[str, Any]


@dataclass(frozen=True)
class Items:
    """Samples after the preprocessor.

    Attributes:
        samples: ``(utt_id, sample)`` pairs.
        origin: Where they come from, for people.
        real: Whether they are data of the recipe.
        declared: Made-up fields that the recipe declares; a failure on others says nothing.
        dataset: The split that they are from, where they are real and no stream.
        whole: Whether that is all that an epoch reads: no stream, and none of several shards.
        written: The fields that the ``Dataset`` writes down, where they are made up and nothing
            changes them.
        ids: The ids of real items that were read, each with the number of its entry.
    """

    samples: list[tuple[str, Sample]]
    origin: str
    real: bool
    declared: frozenset[str] = field(default_factory=frozenset)
    dataset: SplitDataset | None = None
    whole: bool = False
    written: tuple[str, ...] = ()
    ids: tuple[tuple[int, str], ...] = ()

    def is_certain(self) -> bool:
        """Return whether a failure on these items is one of the recipe."""
        return self.real or all(set(sample) <= self.declared for _, sample in self.samples)


def read_items(
    probe: StageProbe, config: ConfigView, split: str, *, preprocess: bool = True
) -> Items:
    """Return items of a split.

    Args:
        probe: The stage that reads them.
        config: Its config, late values filled in.
        split: ``train``, ``valid`` or ``test``.
        preprocess: Whether the preprocessor is applied.

    Raises:
        FoundError: The data, a transform or the preprocessor is wrong.
        UnprobedError: There are no data, and no item can be made up.
    """
    entries = read_entries(config["dataset"], split)
    if not entries:
        raise UnprobedError(f'the stage "{probe.stage.name}": dataset.{split} is empty')
    folders = Folders(probe.request.recipe_dir, probe.request.data_dir)
    ready = [is_ready(probe, entry, folders) for entry in entries]
    if False in ready:
        return _make_items(probe, config, split, preprocess=preprocess)
    location = probe.locate(entries[0].where)
    probe.answers.step(location, "loading the data")
    try:
        parts = load_parts(config["dataset"], split, folders, preprocess=preprocess)
        streams = any(map(is_stream, parts.members))
        whole = not streams and not any(map(is_sharded, parts.members))
        members = tuple(map(_first_samples, parts.entries, parts.members))
        dataset = index_parts(replace(parts, members=members))
    except FAILURES as error:
        if is_absent(error) and None in ready:
            return _make_items(probe, config, split, preprocess=preprocess)
        raise _loading_failure(probe, error, location, entries) from error
    ids: list[tuple[int, str]] = []

    def read(index: int) -> tuple[str, Sample]:
        utt_id, sample = _read_item(probe, dataset, config, index)
        ids.append((dataset.locate(index)[0], utt_id))
        return utt_id, sample

    first = [read(number) for number in range(min(_ITEMS, len(dataset)))]
    samples = with_largest(first, map(read, spread_indices(len(first), len(dataset))))
    origin = f"the first items of {entries[0].where}"
    indexed = None if streams else dataset
    return Items(samples, origin, real=True, dataset=indexed, whole=whole, ids=tuple(ids))


def _first_samples(entry: DatasetEntry, member: Any) -> Any:
    """Return a data set; of a stream its first samples, of one that has only shards the first."""
    if is_sharded(member):
        return member if hasattr(member, "__getitem__") else member.shard(0)
    if not is_stream(member):
        return member
    return list(islice(iterate_samples(entry, member, epoch=0), _ITEMS))


def is_ready(probe: StageProbe, entry: DatasetEntry, folders: Folders) -> bool | None:
    """Return whether the builder of an entry says that its data are there; None without one.

    Args:
        probe: The stage that reads them.
        entry: The data set.
        folders: The directories that its builder may ask for.
    """
    values = [leaf for _, leaf in iter_leaves([entry.data_src_args, entry.builder_args])]
    if any(ABSENT in Path(value).parts for value in values if isinstance(value, str)):
        probe.answers.note(f"the data of {entry.where}: a stage before writes them")
        return False
    arguments = {**_builder_settings(probe), **to_plain(entry.builder_args)}
    location = probe.locate(entry.where)
    probe.answers.step(location, "asking the DatasetBuilder whether its data are there")
    try:
        builder = make_builder(entry, folders)
        if builder is None:
            return None
        return bool(builder.is_source_prepared(**arguments) and builder.is_built(**arguments))
    except FAILURES as error:
        if is_absent(error):
            return False
        place = partial(place_of_builder, entry, folders)
        raise probe.failure(error, "R909", location, in_code=True, find_place=place) from error


def _builder_settings(probe: StageProbe) -> dict[str, Any]:
    """Return the ``create_dataset`` block of the stage that prepares the data."""
    makers = [stage for stage in probe.request.stages if stage.run == "create_dataset"]
    for stage in (*makers, probe.stage):
        config = probe.request.configs.get(stage.configs.get("training", ""))
        if config is not None and "create_dataset" in config:
            return dict(to_plain(config["create_dataset"]))
    return {}


def _make_items(probe: StageProbe, config: ConfigView, split: str, *, preprocess: bool) -> Items:
    fields = _declared_samples(probe, split)
    declared = frozenset(fields[0])
    if _SPEECH not in declared:
        for sample, seconds in zip(fields, _SECONDS, strict=True):
            sample[_SPEECH] = _make_noise(seconds, _RATE)
    samples = [(f"made-up-{index}", sample) for index, sample in enumerate(fields)]
    for entry in read_entries(config["dataset"], split):  # the data do not go through it
        location = probe.locate(f"{entry.where}.transform")
        probe.attempt("constructing the transform", location, partial(instantiate, entry.transform))
    entries = read_entries(config["dataset"], split)
    own = config["dataloader"]["collate_fn"].get(TARGET) != COLLATE
    written: tuple[str, ...] = ()
    if not (config["dataset"].get("preprocessor") or own):
        folders = Folders(probe.request.recipe_dir, probe.request.data_dir)
        written = written_fields(entries, folders)
    if preprocess:
        make = partial(make_preprocessor, config["dataset"], split)
        location = probe.locate("dataset")
        function = probe.attempt("constructing the preprocessor", location, make)
        try:
            if function is not None:
                samples = [(name, dict(function(name, sample))) for name, sample in samples]
        except FAILURES as error:
            raise UnprobedError(
                f'"{probe.stage.name}": the data are not there, and the preprocessor does not take '
                f"made-up items ({probe.origin(error).text})"
            ) from error
    text = "made-up items, the data are not there yet"
    return Items(samples, text, False, declared, written=written)


def _declared_samples(probe: StageProbe, split: str) -> list[Sample]:
    """Return made-up samples with the fields that contracts and tokenizers declare.

    Items to train on have what any contract wants; those of an ``infer`` stage what its own does.
    """
    samples: list[Sample] = [{} for _ in range(_ITEMS)]
    request = probe.request
    own = probe.stage.configs.get(probe.role)
    for name, role in request.roles.items():
        contract = None
        if role == "inference" and name in request.configs and (split != "test" or name == own):
            contract = read_contract(request.configs[name].get("contract"), name)
        for item in contract.inputs if contract else ():
            for sample, seconds in zip(samples, _SECONDS, strict=True):
                if item.kind != "audio":
                    value: Any = _make_value(item)
                elif item.channels in (None, 1):
                    value = _make_noise(seconds, item.sample_rate or _RATE)
                else:
                    value = None
                if value is not None:
                    sample[item.name] = value
    makers = [] if split == "test" else tokenizer_stages(probe)
    if makers:
        name, text = (
            probe.tokenizers.settings(makers[0])["field"],
            probe.tokenizers.words(makers[0]),
        )
        for sample, words in zip(samples, (text, text.split()[-1]), strict=True):
            sample[name] = words
    return samples


def _make_value(item: Field) -> Any:
    """Return a made-up value of a kind without sound; None for one that has none."""
    channels = (3,) if item.channels == 3 else ()  # noqa: PLR2004 - colours
    values: dict[str, Any] = {
        "text": "one two",
        "number": 1.0,
        "vector": np.zeros(item.size or 1, dtype=np.float32),
        "image": np.zeros((_PIXELS, _PIXELS, *channels), dtype=np.uint8),
        "category": item.choices[0] if item.choices else None,
        "table": [dict.fromkeys(item.columns, 0.0)] if item.columns else None,
    }
    return values.get(item.kind)


def tokenizer_stages(probe: StageProbe) -> list[Stage]:
    """Return the stages that train tokenizers, those with the stage's own config first."""
    makers = [stage for stage in probe.request.stages if stage.run == "train_tokenizer"]
    config = probe.stage.configs.get("training")
    return sorted(makers, key=lambda stage: stage.configs.get("training") != config)


def _read_item(
    probe: StageProbe, dataset: SplitDataset, config: ConfigView, index: int
) -> tuple[str, Sample]:
    member = dataset.locate(index)[0]
    entry, transform = dataset.entries[member], dataset.transforms[member]

    read = partial(dataset.raw_sample, index)
    what, location = "reading an item of the data", probe.locate(entry.where)
    probe.answers.step(location, what)
    try:
        utt_id, sample = read()
    except FAILURES as error:
        place = partial(place_of_return, type(dataset.members[member]).__getitem__)
        raise probe.failure(error, "R909", location, in_code=True, find_place=place) from error
    if transform is not None:
        location = probe.locate(f"{entry.where}.transform")
        sample = change_sample(probe, "transform", location, partial(transform, sample), sample)
    if dataset.preprocessor is not None:
        location = probe.locate(f"{config.where}.dataset.preprocessor")
        change = partial(dataset.preprocessor, utt_id, sample)
        sample = change_sample(probe, "preprocessor", location, change, sample)
    return utt_id, sample


def _loading_failure(
    probe: StageProbe,
    error: BaseException,
    location: RecipeLocation,
    entries: Sequence[DatasetEntry],
) -> Exception:
    """Report that the data cannot be loaded, at an argument or at the line of the ``Dataset``."""
    where = getattr(error, "where", "")
    entry = next((one for one in entries if one.where == where), None)
    cause = next(link for link in exception_chain(error) if not link.__cause__)
    sure = not isinstance(cause, OSError) or _name_beside(cause) is not None
    key = argument_at_fault(entry.data_src_args, str(cause)) if entry and sure else None
    if entry is None or key is None:
        return probe.failure(error, "R909", location, in_code=True)
    where = f"{entry.where}.data_src_args.{key}"
    if not isinstance(cause, OSError):
        return probe.failure(error, "R909", location, at=where)
    found = replace(probe.origin(error), help=(f'did you mean that of "{_name_beside(cause)}"?',))
    probe.report("R909", probe.locate(where), found.text, found)
    return FoundError()


def _name_beside(error: OSError) -> str | None:
    """Return the file beside a missing one that has nearly its name."""
    path = Path(str(error.filename))
    beside = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
    return nearest(path.name, beside)


def is_absent(error: BaseException) -> bool:
    """Return whether data are simply not there."""
    return any(isinstance(link, FileNotFoundError) for link in exception_chain(error))


def _make_noise(seconds: float, rate: int) -> Any:
    """Return noise: float32 in [-0.5, 0.5] at ``rate`` Hz, shape (samples,)."""
    rng = np.random.default_rng(int(seconds * 10))
    return rng.uniform(-0.5, 0.5, int(seconds * rate)).astype(np.float32)


def with_ids(
    items: Items, config: ConfigView, vocabulary: tuple[str, int] | None
) -> list[tuple[str, Sample]]:
    """Return the samples with texts of two lengths that hold the highest id of the tokenizer.

    A made-up tokenizer knows few words of the data. Only the runtime's own preprocessor is known
    to give these ids; with another one the samples stay as they are.

    Args:
        items: Samples after the preprocessor.
        config: The stage's config.
        vocabulary: The field with token ids, ``(length,)`` integers, and the number of tokens.
    """
    node = config["dataset"]["preprocessor"]
    if vocabulary is None or not node or node.get(TARGET) != _OWN_TOKENS:
        return items.samples
    name, size = vocabulary
    changed = []
    for index, (utt_id, sample) in enumerate(items.samples):
        value = sample.get(name)
        if isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype.kind == "i":
            ids = np.array([2, 1, size - 2][index % 2 :], dtype=value.dtype)
            changed.append((utt_id, {**sample, name: ids}))
        else:
            changed.append((utt_id, sample))
    return changed
