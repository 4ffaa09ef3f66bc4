"""Which fields of a batch go to ``forward``, decided once from its signature."""

import inspect
from collections.abc import Mapping
from typing import Any

import torch

from espnet3_runtime.data.worker_errors import unwrap_batch
from espnet3_runtime.errors import UserError, nearest

Fields = dict[str, torch.Tensor]

_IGNORED = -100
"""The only negative label that models of transformers leave out."""


def split_batch(batch: Any) -> tuple[list[str], Fields]:
    """Return utterance ids and fields of a batch.

    Args:
        batch: ``(utt_ids, fields)`` or the fields alone: tensors of shape ``(B, ...)`` by name.

    Raises:
        UserError: It is neither, or a worker found a mistake in the data.
    """
    batch = unwrap_batch(batch)
    if isinstance(batch, (tuple, list)) and len(batch) == 2 and isinstance(batch[1], Mapping):  # noqa: PLR2004
        return list(batch[0]), dict(batch[1])
    if isinstance(batch, Mapping):
        return [], dict(batch)
    raise UserError(
        f"the collate function returned {type(batch).__name__}",
        where="dataloader.collate_fn",
        hint="it returns (list of utterance ids, mapping from field to tensor)",
    )


def unused_lengths(model: torch.nn.Module, name: str, fields: Mapping[str, Any]) -> frozenset[str]:
    """Return the ``<field>_lengths`` of a batch that ``forward`` does not take.

    They come from the collate function, and a model need not use them; any other difference
    between a batch and the arguments of ``forward`` is a mistake.

    Args:
        model: The model that is trained.
        name: Its name in messages.
        fields: A batch by field; tensors of shape ``(B, ...)``.

    Raises:
        UserError: ``forward`` does not take a field, or the batch lacks a required argument.
    """
    parameters = inspect.signature(model.forward).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        accepted = set(fields)
    else:
        accepted = {p.name for p in parameters if p.kind != p.VAR_POSITIONAL}
    dropped = {
        key
        for key in fields
        if key not in accepted and key.endswith("_lengths") and key[: -len("_lengths")] in fields
    }
    unexpected = [key for key in fields if key not in accepted and key not in dropped]
    required = [p for p in parameters if p.default is p.empty and "VAR_" not in p.kind.name]
    missing = [p.name for p in required if p.name not in fields]
    if unexpected or missing:
        raise _fields_mismatch(name, fields, [p.name for p in parameters], unexpected, missing)
    return frozenset(dropped)


def is_ctc_of_transformers(model: torch.nn.Module) -> bool:
    """Return whether a model is one of transformers with a CTC loss (see :func:`check_labels`)."""
    classes = type(model).__mro__
    return any(
        one.__module__.startswith("transformers.") and one.__name__.endswith("ForCTC")
        for one in classes
    )


def check_labels(name: str, utt_ids: list[str], fields: Mapping[str, Any]) -> None:
    """Refuse labels of padding that a CTC model of transformers would take for symbols.

    The CTC loss of torch does not compare ids with the classes: a negative one is read and written
    outside of its memory, so nothing is learned until the process is aborted, at any later time.

    Args:
        name: The name of the model in messages.
        utt_ids: Ids of the batch.
        fields: The batch by field; ``labels`` of shape ``(B, symbols)``.

    Raises:
        UserError: There is a negative label other than -100.
    """
    labels = fields.get("labels")
    if not isinstance(labels, torch.Tensor) or labels.is_floating_point():
        return
    wrong = labels[(labels < 0) & (labels != _IGNORED)]
    if wrong.numel():
        raise UserError(
            f'"{name}" takes the label {int(wrong[0])} for a symbol, in the batch of '
            f"{', '.join(utt_ids[:3])} …; it leaves out {_IGNORED} only",
            where="dataloader.collate_fn",
            hint=f"pad labels with {_IGNORED}: dataloader: "
            f"{{collate_fn: {{int_pad_value: {_IGNORED}}}}}",
        )


def batch_size(utt_ids: list[str], fields: Mapping[str, Any]) -> int:
    """Return the number of items: of ids, else the ``B`` of a tensor of shape ``(B, ...)``."""
    if utt_ids:
        return len(utt_ids)
    tensors = (value for value in fields.values() if isinstance(value, torch.Tensor))
    return next((len(tensor) for tensor in tensors if tensor.dim()), 1)


def _fields_mismatch(
    name: str,
    fields: Mapping[str, Any],
    arguments: list[str],
    unexpected: list[str],
    missing: list[str],
) -> UserError:
    problems = [f'the batch has "{key}", which forward does not take' for key in unexpected]
    problems += [f'forward needs "{key}", which the batch lacks' for key in missing]
    hint = f"forward takes {', '.join(arguments) or 'nothing'}; the batch has {', '.join(fields)}"
    close = nearest(unexpected[0], missing) if unexpected else None
    hint += f'; did you mean "{close}"?' if close else ""
    return UserError(
        f'the batch does not fit "{name}.forward": {"; ".join(problems)}',
        where="dataset",
        hint=f"{hint}. The preprocessor decides which fields a batch has",
    )
