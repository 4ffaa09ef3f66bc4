"""Checks inputs and outputs of inference, item by item, against the declared contract."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from espnet3_runtime.build.instantiate import instantiate
from espnet3_runtime.data.audio import as_wave, resample
from espnet3_runtime.data.values.image import as_image
from espnet3_runtime.data.values.table import as_table
from espnet3_runtime.errors import UserError, did_you_mean
from espnet3_runtime.value_type import ValueType


class _MismatchError(Exception):
    """A value is not of its field's kind; the message completes "it is not audio: …"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A named value of the contract.

    Attributes:
        name: Its name in samples or results.
        kind: audio, text, segments, number, vector, image, category, table or own; of an output
            also array.
        where: Its key path, for messages.
        label: Its name on a page for people.
        optional: Whether an input may be absent.
        channels: Number of channels of audio or of an image; None takes any.
        sample_rate: In Hz; None takes any.
        rate_policy: What happens to audio of another rate: resample or reject.
        normalize: Steps in order: strip, to_lower, to_upper, first_channel, mean_channels.
        size: How many numbers a vector has; None takes any.
        choices: The values of a category.
        columns: The columns of a table, in order; none takes any.
        type: That of an own kind.
    """

    name: str
    kind: str
    where: str = ""
    label: str = ""
    optional: bool = False
    channels: int | None = None
    sample_rate: int | None = None
    rate_policy: str = "resample"
    normalize: tuple[str, ...] = ()
    size: int | None = None
    choices: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    type: ValueType | None = None


@dataclass(frozen=True, slots=True)
class Contract:
    """The declared inputs and outputs."""

    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]


def read_contract(
    config: Mapping[str, Any] | None, where: str, *, runs_code: bool = True
) -> Contract | None:
    """Return the ``contract`` block of an inference config as a value; None stays None.

    Args:
        config: The block.
        where: Its key path, for messages.
        runs_code: Whether the types of own kinds are made, which are code of the recipe.

    Raises:
        UserError: The type of an own kind cannot be made.
    """
    if config is None:
        return None
    sides = (
        _read_side(config.get(side) or {}, f"{where}.{side}", runs_code=runs_code)
        for side in ("inputs", "outputs")
    )
    return Contract(*sides)


def _read_side(side: Mapping[str, Any], where: str, *, runs_code: bool) -> tuple[Field, ...]:
    return tuple(
        Field(
            name=name,
            where=f"{where}.{name}",
            kind=entry["kind"],
            label=entry.get("label") or name,
            optional=bool(entry.get("optional", False)),
            channels=entry.get("channels"),
            sample_rate=entry.get("sample_rate"),
            rate_policy=entry.get("rate_policy", "resample"),
            normalize=tuple(entry.get("normalize") or ()),
            size=entry.get("size"),
            choices=tuple(entry.get("choices") or ()),
            columns=tuple(entry.get("columns") or ()),
            type=_make_type(entry, f"{where}.{name}") if runs_code else None,
        )
        for name, entry in side.items()
    )


def _make_type(entry: Mapping[str, Any], where: str) -> ValueType | None:
    """Return the type of an own kind; None for the kinds that are built in."""
    if entry["kind"] != "own":
        return None
    node = entry.get("type")
    if node is None:
        hint = "write type: {_target_: src.kinds.Midi}, a subclass of ValueType"
        raise UserError("an own kind has no type", where=where, hint=hint)
    made = instantiate(node, where=f"{where}.type")
    if not isinstance(made, ValueType):
        name = f"{type(made).__module__}.{type(made).__qualname__}"
        hint = "derive it from espnet3_runtime.value_type.ValueType"
        raise UserError(f'"{name}" is no ValueType', where=f"{where}.type", hint=hint)
    return made


def accept_inputs(
    fields: Sequence[Field], sample: Mapping[str, Any], utt_id: str
) -> dict[str, Any]:
    """Return the sample with every declared input checked and brought into its form.

    Args:
        fields: The declared inputs.
        sample: By field; audio has shape ``(samples,)`` or ``(channels, samples)``, integers or
            floats in [-1, 1].  ``sample_rate``, where there is one, is its rate in Hz.  A vector
            becomes float32 ``(size,)``, an image bytes ``(height, width)`` or ``(height, width,
            3)``, a table a list of rows by column.
        utt_id: Its id, for messages.

    Raises:
        UserError: An input is missing or is not of its kind.
    """
    accepted = dict(sample)
    for field in fields:
        if sample.get(field.name) is not None:
            rate = sample.get("sample_rate")
            accepted[field.name] = _accept_value(field, sample[field.name], utt_id, rate)
        elif not field.optional:
            raise UserError(
                f'{utt_id} has no "{field.name}"; it has {", ".join(sample) or "nothing"}',
                where=field.where,
            )
    return accepted


def accept_outputs(
    fields: Sequence[Field], result: Mapping[str, Any], utt_id: str
) -> dict[str, Any]:
    """Return a result whose names and kinds are exactly the declared ones.

    Args:
        fields: The declared outputs.
        result: The runner's result for one item.  A text may be a list of texts, best first.
        utt_id: Its id, for messages.

    Raises:
        UserError: A name is missing, undeclared, or its value is not of its kind.
    """
    names = [field.name for field in fields]
    for name in result:
        if name not in names:
            raise UserError(
                f'the runner gave "{name}" for {utt_id}, which contract.outputs does not declare',
                hint=did_you_mean(name, names),
            )
    accepted = {}
    for field in fields:
        if field.name not in result:
            raise UserError(f'the runner gave no "{field.name}" for {utt_id}', where=field.where)
        accepted[field.name] = _accept_value(field, result[field.name], utt_id, None)
    return accepted


def _accept_value(field: Field, value: Any, utt_id: str, rate: int | None) -> Any:
    try:
        return KINDS[field.kind](field, value, rate)
    except (_MismatchError, ValueError, TypeError) as error:
        kind = type(field.type).__name__ if field.type else field.kind
        raise UserError(
            f'"{field.name}" of {utt_id} is not {kind}: {error}', where=field.where
        ) from None


def _accept_audio(field: Field, value: Any, rate: int | None) -> Any:
    wave = as_wave(value)
    for step in field.normalize:
        if step == "first_channel" and wave.ndim > 1:
            wave = wave[0]
        elif step == "mean_channels" and wave.ndim > 1:
            wave = wave.mean(axis=0, dtype=np.float32)
    channels = 1 if wave.ndim == 1 else len(wave)
    if field.channels is not None and channels != field.channels:
        raise _MismatchError(f"it has {channels} channels, and {field.channels} are declared")
    if field.channels == 1 and wave.ndim > 1:
        wave = wave[0]
    if rate is not None and field.sample_rate is not None and rate != field.sample_rate:
        if field.rate_policy == "reject":
            raise _MismatchError(f"it has {rate} Hz, and {field.sample_rate} Hz are declared")
        wave = resample(wave, int(rate), field.sample_rate)
    return wave


def _accept_text(field: Field, value: Any, _: int | None) -> Any:
    if isinstance(value, list | tuple):
        return [_accept_text(field, item, None) for item in value]
    if not isinstance(value, str):
        raise _MismatchError(f"expected a string, found {type(value).__name__}")
    for step in field.normalize:
        value = _TEXT_STEPS.get(step, str)(value)
    return value


def _accept_number(_: Field, value: Any, __: int | None) -> float | int:
    scalar = value.item() if getattr(value, "ndim", None) == 0 else value
    if isinstance(scalar, bool) or not isinstance(scalar, int | float):
        raise _MismatchError(f"expected a number, found {type(value).__name__}")
    if not math.isfinite(scalar):
        raise _MismatchError(f"it is {scalar}")
    return scalar


def _accept_segments(_: Field, value: Any, __: int | None) -> list[dict[str, Any]]:
    if not isinstance(value, list | tuple):
        raise _MismatchError(f"expected a list of segments, found {type(value).__name__}")
    return [_accept_segment(item) for item in value]


def _accept_segment(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not {"text", "start", "end"} <= value.keys():
        raise _MismatchError("a segment is a mapping with text, start and end (in seconds)")
    start, end = float(value["start"]), float(value["end"])
    if not 0 <= start <= end < math.inf:
        raise _MismatchError(f"a segment goes from {start} s to {end} s")
    return {**value, "text": str(value["text"]), "start": start, "end": end}


def _accept_vector(field: Field, value: Any, _: int | None) -> Any:
    plain = value.detach().cpu() if hasattr(value, "detach") else value
    if isinstance(plain, str):
        raise _MismatchError("expected numbers, found str")
    vector = np.asarray(plain, dtype=np.float32)
    if vector.ndim != 1 or field.size not in (None, len(vector)):
        expected = "one axis" if field.size is None else f"shape ({field.size},)"
        raise _MismatchError(f"expected {expected}, found shape {vector.shape}")
    if not np.isfinite(vector).all():
        raise _MismatchError("not all of its numbers are finite")
    return vector


def _accept_array(_: Field, value: Any, __: int | None) -> Any:
    plain = value.detach().cpu() if hasattr(value, "detach") else value
    array = np.asarray(plain)
    if array.dtype.kind not in "biufc" or array.ndim == 0:
        found = array.dtype if array.ndim else type(value).__name__
        raise _MismatchError(f"expected an array of numbers, found {found}")
    if not np.isfinite(array).all():
        raise _MismatchError("not all of its numbers are finite")
    return array


def _accept_image(field: Field, value: Any, _: int | None) -> Any:
    return as_image(value, field.channels)


def _accept_category(field: Field, value: Any, _: int | None) -> str:
    if not isinstance(value, str):
        raise _MismatchError(f"expected a string, found {type(value).__name__}")
    if value not in field.choices:
        known = ", ".join(field.choices)
        raise _MismatchError(f'"{value}" is none of {known}')
    return value


def _accept_table(field: Field, value: Any, _: int | None) -> list[dict[str, Any]]:
    return as_table(value, field.columns)


def _accept_own(field: Field, value: Any, _: int | None) -> Any:
    return field.type.accept(value) if field.type else value


_TEXT_STEPS: Mapping[str, Callable[[str], str]] = {
    "strip": str.strip,
    "to_lower": str.lower,
    "to_upper": str.upper,
}

KINDS: Mapping[str, Callable[[Field, Any, int | None], Any]] = {
    "audio": _accept_audio,
    "text": _accept_text,
    "segments": _accept_segments,
    "number": _accept_number,
    "vector": _accept_vector,
    "array": _accept_array,
    "image": _accept_image,
    "category": _accept_category,
    "table": _accept_table,
    "own": _accept_own,
}

INPUT_KINDS = frozenset(KINDS) - {"array"}
"""Kinds that an input may have, and with it a field that a data set declares."""
