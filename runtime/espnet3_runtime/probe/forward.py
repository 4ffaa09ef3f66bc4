"""One batch through ``forward``."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from espnet3_runtime.config import ConfigView
from espnet3_runtime.errors import UserError
from espnet3_runtime.model_node import key_of
from espnet3_runtime.probe.answers import Answers, Place, UnprobedError
from espnet3_runtime.probe.blame import FAILURES, Blame, blame, judge
from espnet3_runtime.probe.build_model import Built, is_about_meta, on_device
from espnet3_runtime.probe.labels import LabelError, LabelWatch
from espnet3_runtime.probe.request import Request, Stage
from espnet3_runtime.probe.samples import FoundError
from espnet3_runtime.training.fields import unused_lengths
from espnet3_runtime.training.outcome import Outcome, read_outcome

SIZE_NAMES = ("vocab", "class", "token", "label", "odim", "output", "size")


@dataclass(frozen=True)
class Run:
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
    stage: Stage
    place: Place
    node: ConfigView
    built: Built
    fields: dict[str, Any]
    real: bool
    certain: bool
    surely: frozenset[str]
    vocabulary: int | None
    optimizers: tuple[str, ...]


@dataclass(frozen=True)
class Returned:
    """What ``forward`` gave.

    Attributes:
        form: It in words.
        names: The numbers that are logged of it, behind ``train/`` or ``valid/``.
    """

    form: str
    names: frozenset[str]


def run_forward(run: Run, *, training: bool = True) -> Returned:
    """Call ``forward`` and return what its result is; report R904 to R907.

    Args:
        run: The model and the batch.
        training: Whether as a training step does; otherwise as validation does.

    Raises:
        FoundError: Something was reported.
        UnprobedError: The batch says nothing about this model.
    """
    fields = _fitting(run)
    run.answers.step(run.place, f"calling {run.built.name}.forward")
    run.built.module.train(training)
    with torch.set_grad_enabled(training):
        value, watch = _call(run, fields)
    try:
        outcome = read_outcome(value, run.built.name)
        if training:
            _check_gradient(run, outcome)
    except UserError as error:
        _target(run, "R905", error.message, blame(error, run.request.recipe_dir))
        raise FoundError from error
    _check_classes(run, watch.classes)
    losses = outcome.losses
    named = [f"{name}/loss" for name in losses] if isinstance(losses, Mapping) else []
    return Returned(_form(value), frozenset([*outcome.stats, *named]))


def _fitting(run: Run) -> dict[str, Any]:
    """Return the fields that ``forward`` takes."""
    try:
        dropped = unused_lengths(run.built.module, run.built.name, run.fields)
    except UserError as error:
        found = blame(error, run.request.recipe_dir)
        surely = run.real or any(f'has "{name}"' in error.message for name in run.surely)
        if not surely:  # what is missing may just not be declared
            raise UnprobedError(f"{run.built.name}.forward: {found.text}") from error
        _target(run, "R906", error.message, found)
        raise FoundError from error
    return {key: value for key, value in run.fields.items() if key not in dropped}


def _call(run: Run, fields: Mapping[str, Any]) -> tuple[Any, LabelWatch]:
    module, device = run.built.module, run.built.device
    what = f"{run.built.name}.forward"
    before = run.answers.network.refused
    watch = LabelWatch()
    try:
        with watch:
            return module(**on_device(fields, device)), watch
    except LabelError as error:
        _too_small(run, error)
        raise FoundError from error
    except FAILURES as error:
        judge(error, run.answers, before, what)
        if is_about_meta(error):
            raise UnprobedError(f"{what}: it does not run on the meta device ({error})") from error
        found = blame(error, run.request.recipe_dir)
        if not run.certain:
            raise UnprobedError(f"{what} on made-up items: {found.text}") from error
        _target(run, "R904", f"{what} fails: {found.text}", found)
        raise FoundError from error


def _target(run: Run, code: str, message: str, found: Blame) -> None:
    place = Place(run.place.owner, (*run.place.path, key_of(run.node)), run.place.stage)
    help_ = found.help
    notes = (*found.notes, f"the batch had {shapes(run.fields)}")
    run.answers.finding(code, place, message, help_=help_, notes=notes, numbers=found.numbers)


def _too_small(run: Run, error: LabelError) -> None:
    path = size_path(run.node, error.classes) or (key_of(run.node),)
    notes = [f"the tokenizer has {run.vocabulary} tokens"] if run.vocabulary else []
    found = blame(error, run.request.recipe_dir)
    help_ = []
    if error.low < 0:
        help_ = ["the ids of padding must not reach it; int_pad_value of the collate_fn is one"]
    run.answers.finding(
        "R907",
        Place(run.place.owner, (*run.place.path, *path), run.place.stage),
        f"{run.built.name}: {error}",
        help_=help_,
        notes=(*notes, *found.notes),
    )


def _check_classes(run: Run, classes: list[int]) -> None:
    """Compare the classes of a CTC loss with the token list: too many only earn a note."""
    for number in classes:
        if run.vocabulary and number > run.vocabulary:
            run.answers.note(
                f"{run.built.name} has {number} classes, and the tokenizer only "
                f"{run.vocabulary} tokens"
            )


def _check_gradient(run: Run, outcome: Outcome) -> None:
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


def _check_names(run: Run, names: tuple[str, ...]) -> None:
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
    found = [path for path, value in _leaves(node) if value == number and type(value) is int]
    named = [path for path in found if any(word in str(path[-1]) for word in SIZE_NAMES)]
    return next(iter(named or (found if len(found) == 1 else ())), None)


def _leaves(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[Any, Any]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _leaves(value, (*path, key))
    elif isinstance(node, tuple):
        for index, value in enumerate(node):
            yield from _leaves(value, (*path, index))
    else:
        yield path, node


def shapes(fields: Mapping[str, Any]) -> str:
    """Return a batch in words, for example ``speech (2, 16000)``."""
    parts = [
        f"{name} {tuple(value.shape)}" if isinstance(value, torch.Tensor) else name
        for name, value in fields.items()
    ]
    return ", ".join(parts) or "nothing"


def _form(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return "a loss"
    if isinstance(value, Mapping):
        return f"a mapping with {', '.join(map(str, value))}"
    return "(loss, stats, weight)" if len(value) == 3 else "(loss, stats)"  # noqa: PLR2004
