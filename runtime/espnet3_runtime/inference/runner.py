"""The runners that call a model when the config names none."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any

from espnet3_runtime.errors import UserError


class CallModel:
    """Call a model with the fields of one sample after another, as ESPnet3 does.

    The result of a call is a mapping of outputs; a single value, which gets the name of the only
    ``output_key`` or ``text``; or the n-best list of ESPnet2's ``Speech2Text``, tuples that start
    with the text.

    Args:
        output_keys: The outputs that the config asks for.
    """

    def __init__(self, output_keys: Sequence[str] | None) -> None:
        self.name = output_keys[0] if output_keys and len(output_keys) == 1 else "text"

    def __call__(
        self, model: Callable[..., Any], samples: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """Return one mapping of outputs for each sample.

        Args:
            model: Called with the fields of a sample by name.
            samples: By field; audio as the contract left it, usually ``(samples,)`` float32 in
                [-1, 1].
        """
        return [self._name_outputs(model(**sample)) for sample in samples]

    def _name_outputs(self, result: Any) -> dict[str, Any]:
        if isinstance(result, Mapping):
            return dict(result)
        if isinstance(result, list) and result and all(isinstance(item, tuple) for item in result):
            result = ["" if item[0] is None else item[0] for item in result]
        return {self.name: result}


class PredictStep:
    """Call ``predict_step(batch, batch_idx)`` of a ``LightningModule``.

    The batch is the mapping of fields that the collate function makes.  A result is a mapping from
    outputs to values of all items (tensors of shape ``(B, ...)``, or lists with ``B`` values), or a
    list with one mapping for each item; a single tensor or list gets the name of the only
    ``output_key``.

    Args:
        output_keys: The outputs that the config asks for.
    """

    def __init__(self, output_keys: Sequence[str] | None) -> None:
        self.name = output_keys[0] if output_keys and len(output_keys) == 1 else None
        self._numbers = count()

    def __call__(self, model: Any, **batch: Any) -> list[dict[str, Any]]:
        """Return one mapping of outputs for each item of a batch.

        Args:
            model: The module, in evaluation mode.
            **batch: Tensors of shape ``(B, ...)`` by field.
        """
        takes = len(inspect.signature(model.predict_step).parameters)
        result = model.predict_step(batch, *[next(self._numbers)][: max(takes - 1, 0)])
        if isinstance(result, list) and all(isinstance(one, Mapping) for one in result):
            return [dict(one) for one in result]
        if not isinstance(result, Mapping) and self.name is None:
            raise UserError(
                f"predict_step gave {type(result).__name__}, which has no name",
                where="output_keys",
                hint="return a mapping of outputs, or write output_keys: [NAME]",
            )
        return _split_items(result if isinstance(result, Mapping) else {str(self.name): result})


def _split_items(outputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the outputs of each item, from those of a batch."""
    sizes = {name: _count_items(name, value) for name, value in outputs.items()}
    if len(set(sizes.values())) != 1:
        named = ", ".join(f"{size} of {name}" for name, size in sizes.items()) or "nothing"
        raise UserError(
            f"predict_step gave {named}: it gives one value of each output for each item",
            where="runner",
        )
    items = range(next(iter(sizes.values())))
    return [{name: value[item] for name, value in outputs.items()} for item in items]


def _count_items(name: str, value: Any) -> int:
    if isinstance(value, str) or not hasattr(value, "__len__") or getattr(value, "ndim", 1) == 0:
        raise UserError(
            f'predict_step gave {type(value).__name__} for "{name}": it gives a tensor of shape '
            "(B, ...), or a list with a value for each item",
            where="runner",
        )
    return len(value)
