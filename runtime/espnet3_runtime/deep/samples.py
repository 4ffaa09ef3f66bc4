"""A batch as the model will see it: of the first items of the data, or of made-up ones."""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from espnet3_runtime.build.instantiate import instantiate
from espnet3_runtime.config import ConfigView, iter_leaves, to_plain
from espnet3_runtime.data.contract import read_contract
from espnet3_runtime.data.dataset_entries import DatasetDirectories as Folders
from espnet3_runtime.data.dataset_entries import DatasetEntry, make_builder, read_entries
from espnet3_runtime.data.split_dataset import SplitDataset, load_split, make_preprocessor
from espnet3_runtime.deep.error_origin import FAILURES, find_origin, raise_unprobed, report_error
from espnet3_runtime.deep.extremes import spread_indices, with_largest
from espnet3_runtime.deep.fake_artifacts import ABSENT, FakeTokenizers
from espnet3_runtime.deep.protocol import Answers, UnprobedError
from espnet3_runtime.deep.request import PlannedStage, Request
from espnet3_runtime.errors import InstantiateError, UserError
from espnet3_schemas import TARGET

ITEMS = 2
SECONDS = (2.0, 1.4)
RATE = 16_000
SPEECH = "speech"
PLAIN_TOKENS = "espnet3_runtime.data.preprocess.TextToTokens"

Sample = dict[str, Any]


class FoundError(Exception):
    """A mistake that was reported: what follows from it is left out."""


@dataclass(frozen=True)
class Items:
    """Samples after the preprocessor.

    Attributes:
        samples: ``(utt_id, sample)`` pairs.
        origin: Where they come from, for people.
        real: Whether they are data of the recipe.
        declared: Made-up fields that the recipe declares; what happens with others says nothing.
    """

    samples: list[tuple[str, Sample]]
    origin: str
    real: bool
    declared: frozenset[str] = field(default_factory=frozenset)

    def is_certain(self) -> bool:
        """Return whether a failure on these items is one of the recipe."""
        return self.real or all(set(sample) <= self.declared for _, sample in self.samples)


@dataclass(frozen=True)
class Source:
    """What items are made from."""

    request: Request
    answers: Answers
    tokenizers: FakeTokenizers

    def items(
        self,
        stage: PlannedStage,
        config: ConfigView,
        role: str,
        split: str,
        *,
        preprocess: bool = True,
    ) -> Items:
        """Return items of a split.

        Args:
            stage: The stage that reads them.
            config: Its config, late values filled in.
            role: The role of the config.
            split: ``train``, ``valid`` or ``test``.
            preprocess: Whether the preprocessor is applied.

        Raises:
            FoundError: The data, a transform or the preprocessor is wrong.
            UnprobedError: There are no data, and no item can be made up.
        """
        entries = read_entries(config["dataset"], split)
        folders = Folders(self.request.recipe_dir, self.request.data_dir)
        if not entries:
            raise UnprobedError(f'the stage "{stage.name}": dataset.{split} is empty')
        ready = [self._is_ready(stage, role, entry, folders) for entry in entries]
        if False in ready:
            return self._made_up(stage, config, split, preprocess=preprocess)
        attempt = _Attempt(self, stage, role)
        try:
            dataset = load_split(config["dataset"], split, folders, preprocess=preprocess)
        except FAILURES as error:
            if is_absent(error) and None in ready:
                return self._made_up(stage, config, split, preprocess=preprocess)
            raise attempt.report_failure(error, "loading the data", entries[0].where) from error
        return attempt.read(dataset, config)

    def _is_ready(
        self, stage: PlannedStage, role: str, entry: DatasetEntry, folders: Folders
    ) -> bool | None:
        """Return whether the builder of an entry says that its data are there; None without one."""
        if self._is_awaited(entry):
            return False
        attempt = _Attempt(self, stage, role)
        values = {**self._builder_settings(stage), **to_plain(entry.builder_args)}
        self.answers.step(
            self.request.place(entry.where, stage, role), f"asking for the data of {entry.where}"
        )
        try:
            builder = make_builder(entry, folders)
            checks = ("is_source_prepared", "is_built")
            if builder is None:
                return None
            return all(getattr(builder, name)(**values) for name in checks)
        except FAILURES as error:
            if is_absent(error):
                return False
            what = "asking the DatasetBuilder whether its data are there"
            raise attempt.report_failure(error, what, entry.where) from error

    def _is_awaited(self, entry: DatasetEntry) -> bool:
        """Return whether a stage that nothing can stand in for writes the data of an entry."""
        values = [leaf for _, leaf in iter_leaves([entry.data_src_args, entry.builder_args])]
        if not any(ABSENT in Path(value).parts for value in values if isinstance(value, str)):
            return False
        self.answers.note(f"the data of {entry.where}: a stage before writes them")
        return True

    def _builder_settings(self, stage: PlannedStage) -> dict[str, Any]:
        """Return the ``create_dataset`` block of the stage that prepares the data."""
        makers = [other for other in self.request.stages if other.run == "create_dataset"]
        for other in (*makers, stage):
            config = self.request.configs.get(other.configs.get("training", ""))
            if config is not None and "create_dataset" in config:
                return dict(to_plain(config["create_dataset"]))
        return {}

    def _made_up(
        self, stage: PlannedStage, config: ConfigView, split: str, *, preprocess: bool
    ) -> Items:
        fields = self._declared_samples(stage, split)
        declared = frozenset(fields[0])
        if SPEECH not in declared:
            for sample, seconds in zip(fields, SECONDS, strict=True):
                sample.setdefault(SPEECH, _make_noise(seconds, RATE))
        samples = [(f"made-up-{index}", sample) for index, sample in enumerate(fields)]
        for entry in read_entries(config["dataset"], split):
            self._check_transform(stage, config, entry)
        try:
            function = make_preprocessor(config["dataset"], split) if preprocess else None
        except FAILURES as error:
            attempt = _Attempt(self, stage, "inference" if split == "test" else "training")
            raise attempt.report_failure(
                error, "constructing the preprocessor", "dataset"
            ) from error
        if function is not None:
            try:
                samples = [(name, dict(function(name, sample))) for name, sample in samples]
            except FAILURES as error:
                text = find_origin(error, self.request.recipe_dir).text
                what = f'"{stage.name}": the data are not there, and the preprocessor does not take'
                raise UnprobedError(f"{what} made-up items ({text})") from error
        return Items(samples, "made-up items, the data are not there yet", False, declared)

    def _check_transform(
        self, stage: PlannedStage, config: ConfigView, entry: DatasetEntry
    ) -> None:
        """Construct the transform of an entry, whose data are not there to go through it."""
        role = self.request.roles.get(config.where) or "training"
        where = f"{entry.where}.transform"
        try:
            instantiate(entry.transform)
        except FAILURES as error:
            attempt = _Attempt(self, stage, role)
            raise attempt.report_failure(error, "constructing the transform", where) from error

    def _declared_samples(self, stage: PlannedStage, split: str) -> list[Sample]:
        """Return made-up samples with the fields that contracts and tokenizers declare."""
        samples: list[Sample] = [{} for _ in range(ITEMS)]
        for name, role in self.request.roles.items():
            contract = None
            if role == "inference" and name in self.request.configs:
                contract = read_contract(self.request.configs[name].get("contract"), name)
            for item in contract.inputs if contract else ():
                for sample, seconds in zip(samples, SECONDS, strict=True):
                    value = _made_up_value(
                        item.kind, seconds, item.sample_rate or RATE, item.channels
                    )
                    if value is not None:
                        sample[item.name] = value
        text = None if split == "test" else self.text(stage)
        if text is not None:
            for sample, words in zip(samples, (text[1], text[1].split()[-1]), strict=True):
                sample[text[0]] = words
        return samples

    def text(self, stage: PlannedStage) -> tuple[str, str] | None:
        """Return the field that the stage's tokenizer reads, and words that it knows."""
        config = stage.configs.get("training")
        for other in self.request.stages:
            if other.run == "train_tokenizer" and other.configs.get("training") == config:
                return self.tokenizers.settings(other)["field"], self.tokenizers.words(other)
        for other in self.request.stages:
            if other.run == "train_tokenizer":
                return self.tokenizers.settings(other)["field"], self.tokenizers.words(other)
        return None


@dataclass(frozen=True)
class _Attempt:
    """Runs what may fail on items of the data."""

    source: Source
    stage: PlannedStage
    role: str

    def report_failure(self, error: BaseException, what: str, where: str) -> Exception:
        """Report a failure, and return what to raise."""
        answers, request = self.source.answers, self.source.request
        try:
            raise_unprobed(error, answers, answers.network.refused, what)
        except UnprobedError as why:
            return why
        found = find_origin(error, request.recipe_dir)
        place = request.place(found.where or where, self.stage, self.role)
        if isinstance(error, UserError) and not isinstance(error, InstantiateError):
            answers.report_finding(
                "R909", place, error.message, help_=found.help, notes=found.notes
            )
        else:
            report_error(answers, "R909", place, f"{what} fails", found)
        return FoundError()

    def read(self, dataset: SplitDataset, config: ConfigView) -> Items:
        """Read the first items, step by step, and those of some more that have the largest ids."""
        first = [self._read_item(dataset, config, n) for n in range(min(ITEMS, len(dataset)))]
        more = (
            self._read_item(dataset, config, n) for n in spread_indices(len(first), len(dataset))
        )
        samples = with_largest(first, more)
        return Items(samples, f"the first items of {dataset.entries[0].where}", real=True)

    def _read_item(
        self, dataset: SplitDataset, config: ConfigView, index: int
    ) -> tuple[str, Sample]:
        member = dataset.locate(index)[0]
        entry, transform = dataset.entries[member], dataset.transforms[member]
        at = request_step(self, entry.where, "reading an item of the data")
        utt_id, sample = self._guard_call(partial(dataset.raw_sample, index), *at)
        if transform is not None:
            at = request_step(self, f"{entry.where}.transform", "the transform")
            sample = dict(self._guard_call(partial(transform, sample), *at))
        if dataset.preprocessor is not None:
            where = f"{config.where}.dataset.preprocessor"
            at = request_step(self, where, "the preprocessor")
            sample = dict(self._guard_call(partial(dataset.preprocessor, utt_id, sample), *at))
        return utt_id, sample

    def _guard_call(self, function: Any, what: str, where: str) -> Any:
        try:
            return function()
        except FAILURES as error:
            raise self.report_failure(error, what, where) from error


def request_step(attempt: _Attempt, where: str, what: str) -> tuple[str, str]:
    """Announce a step, and return what it is and where.

    Args:
        attempt: The stage, split and config whose items are read.
        where: The key path of the setting.
        what: What is attempted.
    """
    request = attempt.source.request
    attempt.source.answers.step(request.place(where, attempt.stage, attempt.role), what)
    return what, where


def is_absent(error: BaseException) -> bool:
    """Return whether data are simply not there."""
    from espnet3_runtime.deep.error_origin import exception_chain

    return any(isinstance(link, FileNotFoundError) for link in exception_chain(error))


def _made_up_value(kind: str, seconds: float, rate: int, channels: int | None) -> Any:
    if kind == "audio":
        return _make_noise(seconds, rate) if channels in (None, 1) else None
    return {"text": "one two", "number": 1.0}.get(kind)


def _make_noise(seconds: float, rate: int) -> Any:
    rng = np.random.default_rng(int(seconds * 10))
    return rng.uniform(-0.5, 0.5, int(seconds * rate)).astype(np.float32)


def with_ids(
    items: Items, config: ConfigView, vocabulary: tuple[str, int] | None
) -> list[tuple[str, Sample]]:
    """Return the samples with texts of two lengths that hold the highest id of the tokenizer.

    A tokenizer that stands in knows few words of the data. This is done only where the
    preprocessor is the runtime's own: of another one it is not known which ids it gives.

    Args:
        items: Samples after the preprocessor.
        config: The stage's config.
        vocabulary: The field with token ids, ``(length,)`` integers, and how many tokens there are;
            None when that is not known.
    """
    node = config["dataset"]["preprocessor"]
    if vocabulary is None or not node or node.get(TARGET) != PLAIN_TOKENS:
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
