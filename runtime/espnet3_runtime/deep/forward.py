"""One batch through ``forward``."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from espnet3_runtime.build.model_node import key_of
from espnet3_runtime.config import ConfigView
from espnet3_runtime.data.loader import make_collate
from espnet3_runtime.deep.build_model import (
    ProbedModel,
    is_about_meta,
    on_device,
    report_construction_error,
)
from espnet3_runtime.deep.error_origin import (
    FAILURES,
    ErrorOrigin,
    find_origin,
    raise_unprobed,
    report_error,
)
from espnet3_runtime.deep.labels import LabelError, LabelWatch
from espnet3_runtime.deep.protocol import Answers, RecipeLocation, UnprobedError
from espnet3_runtime.deep.request import PlannedStage, Request
from espnet3_runtime.deep.samples import FoundError, Items, Sample, Source
from espnet3_runtime.errors import UserError
from espnet3_runtime.training.forward_inputs import split_batch, unused_lengths
from espnet3_runtime.training.forward_outputs import ForwardOutput, read_forward_output

SIZE_NAMES = ("vocab", "class", "token", "label", "odim", "output", "size")


@dataclass(frozen=True)
class ForwardRun:
    """A model and a batch for it.

    Attributes:
        node: The model's node, late values filled in.
        fields: The batch.
        real: Whether the items are data of the recipe.
        certain: Whether a failure is one of the recipe: the items are real or declared.
        surely: Fields that data have for sure, even when the items are made up.
        vocabulary: The number of tokens of the tokenizer, where there is one.
        optimizers: The names of named optimizers.
    """

    request: Request
    answers: Answers
    stage: PlannedStage
    place: RecipeLocation
    node: ConfigView
    built: ProbedModel
    fields: dict[str, Any]
    real: bool
    certain: bool
    surely: frozenset[str]
    vocabulary: int | None
    optimizers: tuple[str, ...]


@dataclass(frozen=True)
class ForwardResult:
    """What ``forward`` gave.

    Attributes:
        form: It in words.
        names: The numbers that are logged of it, behind ``train/`` or ``valid/``.
    """

    form: str
    names: frozenset[str]


def run_forward(run: ForwardRun, *, training: bool = True) -> ForwardResult:
    """Call ``forward`` and return what its result is; report R904 to R907.

    Args:
        run: The model and the batch.
        training: Whether as a training step does; otherwise as validation does.

    Raises:
        FoundError: Something was reported.
        UnprobedError: The batch says nothing about this model.
    """
    fields = _accepted_fields(run)
    run.answers.step(run.place, f"calling {run.built.name}.forward")
    run.built.module.train(training)
    with torch.set_grad_enabled(training):
        value, watch = _call_forward(run, fields)
    try:
        outcome = read_forward_output(value, run.built.name)
        if training:
            _check_gradient(run, outcome)
    except UserError as error:
        _report_target(run, "R905", error.message, find_origin(error, run.request.recipe_dir))
        raise FoundError from error
    _check_classes(run, watch.classes)
    losses = outcome.losses
    named = [f"{name}/loss" for name in losses] if isinstance(losses, Mapping) else []
    return ForwardResult(_describe_result(value), frozenset([*outcome.stats, *named]))


def _accepted_fields(run: ForwardRun) -> dict[str, Any]:
    """Return the fields that ``forward`` takes."""
    try:
        dropped = unused_lengths(run.built.module, run.built.name, run.fields)
    except UserError as error:
        found = find_origin(error, run.request.recipe_dir)
        surely = run.real or any(f'has "{name}"' in error.message for name in run.surely)
        if not surely:  # what is missing may just not be declared
            raise UnprobedError(f"{run.built.name}.forward: {found.text}") from error
        _report_target(run, "R906", error.message, found)
        raise FoundError from error
    return {key: value for key, value in run.fields.items() if key not in dropped}


def _call_forward(run: ForwardRun, fields: Mapping[str, Any]) -> tuple[Any, LabelWatch]:
    module, device = run.built.module, run.built.device
    what = f"{run.built.name}.forward"
    before = run.answers.network.refused
    watch = LabelWatch()
    try:
        with watch:
            return module(**on_device(fields, device)), watch
    except LabelError as error:
        _report_label_range(run, error)
        raise FoundError from error
    except FAILURES as error:
        raise_unprobed(error, run.answers, before, what)
        if is_about_meta(error):
            raise UnprobedError(f"{what}: it does not run on the meta device ({error})") from error
        found = find_origin(error, run.request.recipe_dir)
        if not run.certain:
            raise UnprobedError(f"{what} on made-up items: {found.text}") from error
        _report_target(run, "R904", f"{what} fails: {found.text}", found)
        raise FoundError from error


def _report_target(run: ForwardRun, code: str, message: str, found: ErrorOrigin) -> None:
    place = RecipeLocation(run.place.owner, (*run.place.path, key_of(run.node)), run.place.stage)
    help_ = found.help
    notes = (*found.notes, f"the batch had {describe_batch(run.fields)}")
    run.answers.report_finding(
        code, place, message, help_=help_, notes=notes, numbers=found.numbers
    )


def _report_label_range(run: ForwardRun, error: LabelError) -> None:
    path = size_path(run.node, error.classes) or (key_of(run.node),)
    notes = [f"the tokenizer has {run.vocabulary} tokens"] if run.vocabulary else []
    found = find_origin(error, run.request.recipe_dir)
    help_ = []
    if error.low < 0:
        help_ = ["the ids of padding must not reach it; int_pad_value of the collate_fn is one"]
    run.answers.report_finding(
        "R907",
        RecipeLocation(run.place.owner, (*run.place.path, *path), run.place.stage),
        f"{run.built.name}: {error}",
        help_=help_,
        notes=(*notes, *found.notes),
    )


def _check_classes(run: ForwardRun, classes: list[int]) -> None:
    """Compare the classes of a CTC loss with the token list: too many only earn a note."""
    for number in classes:
        if run.vocabulary and number > run.vocabulary:
            run.answers.note(
                f"{run.built.name} has {number} classes, and the tokenizer only "
                f"{run.vocabulary} tokens"
            )


def _check_gradient(run: ForwardRun, outcome: ForwardOutput) -> None:
    losses = outcome.losses
    if isinstance(losses, Mapping):
        _check_names(run, tuple(losses))
        return
    trained = any(parameter.requires_grad for parameter in run.built.module.parameters())
    if trained and not losses.requires_grad:
        raise UserError(
            f'the loss of "{run.built.name}" depends on no trainable parameter',
            hint="is it computed under torch.no_grad(), or from detach()ed values?",
        )


def _check_names(run: ForwardRun, names: tuple[str, ...]) -> None:
    listed = ", ".join(names)
    if not run.optimizers:
        raise UserError(
            f'"{run.built.name}" gives a loss for each of {listed}, and there is one optimizer',
            hint="name an optimizer for each under optimizers",
        )
    unknown = [name for name in names if name not in run.optimizers]
    if unknown:
        raise UserError(
            f'"{run.built.name}" gives a loss for "{unknown[0]}", which is no optimizer',
            hint=f"the optimizers are {', '.join(run.optimizers)}",
        )


def size_path(node: Any, number: int) -> tuple[str | int, ...] | None:
    """Return the argument whose value is a number; one that is named like a size comes first."""
    found = [path for path, value in _iter_leaves(node) if value == number and type(value) is int]
    named = [path for path in found if any(word in str(path[-1]) for word in SIZE_NAMES)]
    return next(iter(named or (found if len(found) == 1 else ())), None)


def _iter_leaves(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[Any, Any]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _iter_leaves(value, (*path, key))
    elif isinstance(node, tuple):
        for index, value in enumerate(node):
            yield from _iter_leaves(value, (*path, index))
    else:
        yield path, node


def describe_batch(fields: Mapping[str, Any]) -> str:
    """Return a batch in words, for example ``speech (2, 16000)``."""
    parts = [
        f"{name} {tuple(value.shape)}" if isinstance(value, torch.Tensor) else name
        for name, value in fields.items()
    ]
    return ", ".join(parts) or "nothing"


def _describe_result(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return "a loss"
    if isinstance(value, Mapping):
        return f"a mapping with {', '.join(map(str, value))}"
    return "(loss, stats, weight)" if len(value) == 3 else "(loss, stats)"  # noqa: PLR2004


def make_batch(
    source: Source, stage: PlannedStage, config: ConfigView, role: str, items: Items
) -> dict[str, Any]:
    """Collate items.

    Args:
        source: Where the items came from.
        stage: The stage.
        config: Its config with ``dataloader``.
        role: The role of the config.
        items: Samples, of the data or made up.

    Raises:
        FoundError: The collate function cannot be constructed (R903) or fails (R909).
        UnprobedError: It fails on items that were made up.
    """
    place = source.request.place(f"{config.where}.dataloader.collate_fn", stage, role)
    source.answers.step(place, "constructing the collate function")
    try:
        collate = make_collate(config["dataloader"])
    except FAILURES as error:
        raise report_construction_error(
            source.request, source.answers, error, place, stage, role
        ) from error
    try:
        return split_batch(collate(_at_least_two(items.samples)))[1]
    except FAILURES as error:
        found = find_origin(error, source.request.recipe_dir)
        if not items.is_certain():
            what = f'"{stage.name}": made-up items do not make a batch: {found.text}'
            raise UnprobedError(what) from error
        report_error(source.answers, "R909", place, "the collate function fails", found)
        raise FoundError from error


def _at_least_two(samples: Sequence[tuple[str, Sample]]) -> list[tuple[str, Sample]]:
    """Return at least two items: norms over a batch need them."""
    found = list(samples)
    return found if len(found) > 1 else found * 2
