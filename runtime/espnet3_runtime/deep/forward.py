"""One batch through ``forward``."""

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from espnet3_runtime.build.model_node import key_of
from espnet3_runtime.config import ConfigView
from espnet3_runtime.data.loader import make_collate
from espnet3_runtime.deep.build_model import ProbedModel, build_with_values
from espnet3_runtime.deep.items.samples import COLLATE, Items
from espnet3_runtime.deep.labels import LabelError, LabelWatch
from espnet3_runtime.deep.stage_probe import StageProbe
from espnet3_runtime.errors import UserError, did_you_mean, nearest
from espnet3_runtime.preflight.origin.argument import class_wanted
from espnet3_runtime.preflight.origin.code_place import (
    place_of_class,
    place_of_definition,
    place_of_method,
    place_of_parameter,
    place_of_return,
)
from espnet3_runtime.preflight.origin.error_origin import FAILURES, raise_unprobed
from espnet3_runtime.preflight.protocol import CodePlace, FoundError, RecipeLocation, UnprobedError
from espnet3_runtime.training.forward_inputs import split_batch, unused_lengths
from espnet3_runtime.training.forward_outputs import ForwardOutput, read_forward_output
from espnet3_schemas import TARGET

_MOST_WITH_VALUES = 250_000_000
"""Parameters of the largest model that a core can call in some seconds."""

_SIZE_NAMES = ("vocab", "class", "token", "label", "odim", "output", "size")


@dataclass(frozen=True)
class ForwardRun:
    """A model and a batch for it.

    Attributes:
        probe: The stage.
        node: The model's node, late values filled in.
        built: The model.
        items: What the batch was made of.
        fields: The batch.
        vocabulary: The field and the number of tokens of the tokenizer, where there is one.
        optimizers: The names of named optimizers.
    """

    probe: StageProbe
    node: ConfigView
    built: ProbedModel
    items: Items
    fields: dict[str, Any]
    vocabulary: tuple[str, int] | None
    optimizers: tuple[str, ...]

    def locate(self, *path: str | int) -> RecipeLocation:
        """Return the location of a key of the model's node."""
        found = self.probe.locate(self.node.where)
        return RecipeLocation(found.owner, (*found.path, *path), found.stage)

    def report(
        self, code: str, error: BaseException, text: str = "", place: CodePlace | None = None
    ) -> FoundError:
        """Report a finding about the model, and return what to raise.

        Args:
            code: Its code.
            error: What was raised.
            text: The message, where it is not that of the error.
            place: The line that it is about, where the recipe's code raised nothing.
        """
        found = self.probe.origin(error)
        plain = class_wanted(self.built.name, self.node)
        help_ = [f"{plain[0]} is an object; did you mean {plain[1]}?"] if plain else found.help
        help_ = help_ or _help_with_types(found.text, self.fields)
        self.probe.answers.report_finding(
            code,
            self.locate(plain[0] if plain else key_of(self.node)),
            text or found.text,
            help_=help_,
            notes=[f"the batch had {describe_batch(self.fields)}"],
            numbers=found.numbers,
            place=found.place or place,
            cause=found.text,
        )
        return FoundError()


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
    """Call ``forward`` as a training or validation step does; report R904 to R907.

    Raises:
        FoundError: Something was reported.
        UnprobedError: The batch says nothing about this model.
    """
    fields = _accepted_fields(run)
    run.probe.answers.step(run.locate(), f"calling {run.built.name}.forward")
    run.built.module.train(training)
    with torch.set_grad_enabled(training):
        value, watch = _call_forward(run, fields)
    try:
        result = read_forward_output(value, run.built.name)
        if training:
            _check_losses(run, result)
            _check_numbers(run, result)
    except UserError as error:
        raise run.report("R905", error, place=place_of_return(run.built.module.forward)) from error
    for number in watch.classes:
        if run.vocabulary and number > run.vocabulary[1]:
            run.probe.answers.note(
                f"{run.built.name} has {number} classes, and the tokenizer only "
                f"{run.vocabulary[1]} tokens"
            )
    losses = result.losses
    named = [f"{name}/loss" for name in losses] if isinstance(losses, Mapping) else []
    return ForwardResult(_describe_result(value), frozenset([*result.stats, *named]))


def _accepted_fields(run: ForwardRun) -> dict[str, Any]:
    """Return the fields that ``forward`` takes."""
    name = run.built.name
    forward = inspect.getattr_static(run.built.module, "forward", None)
    if forward is inspect.getattr_static(torch.nn.Module, "forward"):
        raise _no_forward(run)
    try:
        dropped = unused_lengths(run.built.module, name, run.fields)
    except UserError as error:
        # Real data lack a missing field; made-up ones may only not declare it.
        has_tokens = run.vocabulary and f'has "{run.vocabulary[0]}"' in error.message
        lacking = _lacking_field(run)
        if lacking:
            has, hint = ", ".join(run.items.written), did_you_mean(lacking, run.items.written)
            text = f'{name}.forward needs "{lacking}", and an item of the data has {has}'
            place = place_of_parameter(run.built.module.forward, lacking)
            raise run.report("R906", UserError(text, hint=hint), place=place) from error
        if not (run.items.real or has_tokens):
            text = f"{name}.forward: {run.probe.origin(error).text}"
            raise UnprobedError(text) from error
        raise run.report("R906", error, place=_misfit_place(run)) from error
    return {key: value for key, value in run.fields.items() if key not in dropped}


def _lacking_field(run: ForwardRun) -> str | None:
    """Return the first argument of ``forward`` that the ``Dataset`` will not give."""
    known = {*run.items.written, *(f"{name}_lengths" for name in run.items.written)}
    parameters = inspect.signature(run.built.module.forward).parameters.values() if known else ()
    needed = (p.name for p in parameters if p.default is p.empty and "VAR_" not in p.kind.name)
    return next((name for name in needed if name not in known), None)


def _no_forward(run: ForwardRun) -> FoundError:
    cls = type(run.built.module)
    own = [name for name, value in vars(cls).items() if callable(value) and name[0] != "_"]
    close = nearest("forward", own)
    error = UserError(f'"{run.built.name}" has no "forward"', hint=did_you_mean("forward", own))
    place = (place_of_method(cls, close) if close else None) or place_of_class(cls)
    return run.report("R906", error, place=place)


def _misfit_place(run: ForwardRun) -> CodePlace | None:
    """Return the argument of ``forward`` that the batch lacks, otherwise its definition."""
    forward = run.built.module.forward
    names = inspect.signature(forward).parameters
    lacking = next((name for name in names if name not in run.fields), "")
    return place_of_parameter(forward, lacking) or place_of_definition(forward)


def _call_forward(run: ForwardRun, fields: Mapping[str, Any]) -> tuple[Any, LabelWatch]:
    watch = LabelWatch()
    batch = {
        key: value.to(run.built.device) if isinstance(value, torch.Tensor) else value
        for key, value in fields.items()
    }
    try:
        with watch:
            return run.built.module(**batch), watch
    except LabelError as error:
        _report_label_range(run, error)
        raise FoundError from error
    except FAILURES as error:
        raise_unprobed(error, run.probe.answers)
        name, text = f"{run.built.name}.forward", run.probe.origin(error).text
        if run.built.device == "meta":  # only with values is it certain that this is a mistake
            if run.built.parameters > _MOST_WITH_VALUES:
                raise UnprobedError(f"{name} on the meta device: {text}") from error
            built = build_with_values(run.probe, run.node)
            built.module.train(run.built.module.training)
            run.probe.answers.step(run.locate(), f"calling {name}")
            return _call_forward(replace(run, built=built), fields)
        if not run.items.is_certain():
            raise UnprobedError(f"{name} on made-up items: {text}") from error
        raise run.report("R904", error, f"{name} fails: {text}") from error


def _report_label_range(run: ForwardRun, error: LabelError) -> None:
    path = _size_path(run.node, error.classes) or (key_of(run.node),)
    notes = [f"the tokenizer has {run.vocabulary[1]} tokens"] if run.vocabulary else []
    help_ = "the ids of padding must not reach it; int_pad_value of the collate_fn is one"
    run.probe.answers.report_finding(
        "R907",
        run.locate(*path),
        f"{run.built.name}: {error}",
        help_=[help_] if error.low < 0 else [],
        notes=notes,
        place=run.probe.origin(error).place,
    )


def _check_losses(run: ForwardRun, result: ForwardOutput) -> None:
    name, losses = run.built.name, result.losses
    if not isinstance(losses, Mapping):
        trained = any(parameter.requires_grad for parameter in run.built.module.parameters())
        if trained and not losses.requires_grad:
            raise UserError(
                f'the loss of "{name}" depends on no trainable parameter',
                hint="is it computed under torch.no_grad(), or from detach()ed values?",
            )
        return
    if not run.optimizers:
        raise UserError(
            f'"{name}" gives a loss for each of {", ".join(losses)}, and there is one optimizer',
            hint="name an optimizer for each under optimizers",
        )
    unknown = [loss for loss in losses if loss not in run.optimizers]
    if unknown:
        raise UserError(
            f'"{name}" gives a loss for "{unknown[0]}", which is no optimizer',
            hint=f"the optimizers are {', '.join(run.optimizers)}",
        )


def _check_numbers(run: ForwardRun, result: ForwardOutput) -> None:
    """Refuse NaN, where neither weights nor statistics of another stage would change it."""
    stage = run.probe.stage
    replaced = any(output.output == "feats_stats" for output in stage.reads) or stage.init_from
    losses = result.losses.values() if isinstance(result.losses, Mapping) else [result.losses]
    if run.built.device == "meta":
        return
    if run.items.real and not replaced and any(bool(loss.isnan().any()) for loss in losses):
        raise UserError(
            f'the loss of "{run.built.name}" is nan on the first items',
            hint="is there a logarithm or a root of what is not positive, or a division by 0?",
        )


def _size_path(node: Any, number: int) -> tuple[str | int, ...] | None:
    """Return the argument whose value is a number; one that is named like a size comes first."""
    found = [path for path, value in _iter_leaves(node) if value == number and type(value) is int]
    named = [path for path in found if any(word in str(path[-1]) for word in _SIZE_NAMES)]
    return next(iter(named or (found if len(found) == 1 else ())), None)


def _iter_leaves(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[Any, Any]]:
    if isinstance(node, Mapping | tuple):
        for key, value in node.items() if isinstance(node, Mapping) else enumerate(node):
            yield from _iter_leaves(value, (*path, key))
    else:
        yield path, node


def describe_batch(fields: Mapping[str, Any]) -> str:
    """Return a batch in words, for example ``speech (2, 16000)``."""
    parts = [
        f"{name} {tuple(value.shape)}{_unusual_type(value)}"
        if isinstance(value, torch.Tensor)
        else name
        for name, value in fields.items()
    ]
    return ", ".join(parts) or "nothing"


def _help_with_types(text: str, fields: Mapping[str, Any]) -> list[str]:
    """Return advice about a number type that an operation refuses."""
    if re.search(r"(dtype|scalar types?)\b.*\bLong\b.*but (got|found)", text):
        return ["ids are integers: .astype(np.int64) in the Dataset or the preprocessor"]
    doubles = [name for name, value in fields.items() if _unusual_type(value)]
    if doubles and "dtype" in text:
        return [f"give {', '.join(doubles)} as float32: .astype(np.float32) in the Dataset"]
    return []


def _is_of_data(items: Items, error: UserError) -> bool:
    """Return whether a field that cannot be part of a batch comes from the ``Dataset`` so."""
    named = re.match(r'field "([^"]+)"', error.message)
    if items.dataset is None or not named:
        return False
    before, after = items.dataset.raw_sample(0)[1], items.samples[0][1]
    return type(before.get(named[1])) is type(after.get(named[1]))


def _unusual_type(value: Any) -> str:
    usual = (
        not isinstance(value, torch.Tensor)
        or value.dtype == torch.float32
        or not value.is_floating_point()
    )
    return "" if usual else f" {str(value.dtype).removeprefix('torch.')}"


def _describe_result(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return "a loss"
    if isinstance(value, Mapping):
        return f"a mapping with {', '.join(map(str, value))}"
    return "(loss, stats, weight)" if len(value) == 3 else "(loss, stats)"  # noqa: PLR2004


def make_batch(probe: StageProbe, config: ConfigView, items: Items) -> dict[str, Any]:
    """Collate items, at least two of them: norms over a batch need that.

    Args:
        probe: The stage.
        config: Its config with ``dataloader``.
        items: Samples, of the data or made up.

    Raises:
        FoundError: The collate function cannot be constructed (R903) or fails (R909).
        UnprobedError: It fails on made-up items.
    """
    location = probe.locate(f"{config.where}.dataloader.collate_fn")
    probe.answers.step(location, "constructing the collate function")
    try:
        collate = make_collate(config["dataloader"])
    except FAILURES as error:
        raise probe.construction_failure(error, location) from error
    probe.answers.step(location, "the collate function")
    samples: Sequence[Any] = items.samples if len(items.samples) > 1 else items.samples * 2
    try:
        return split_batch(collate(samples))[1]
    except FAILURES as error:
        usual = (config["dataloader"]["collate_fn"] or {}).get(TARGET) == COLLATE
        is_item = usual and isinstance(error, UserError) and _is_of_data(items, error)
        if is_item and items.dataset is not None:
            place = place_of_return(type(items.dataset.members[0]).__getitem__)
            found = replace(probe.origin(error), place=place)
            location = probe.locate(items.dataset.entries[0].where)
            probe.report("R909", location, found.text, found, in_code=True)
            raise FoundError from error
        raise probe.failure(error, "R909", location, certain=items.is_certain()) from error
