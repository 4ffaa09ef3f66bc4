"""What of a batch goes to ``forward``, decided once from its signature."""

import inspect
from collections.abc import Mapping
from typing import Any

import torch

from espnet3_runtime.data.worker_errors import unwrap_batch
from espnet3_runtime.errors import UserError, did_you_mean

Fields = dict[str, torch.Tensor]


def split_batch(batch: Any) -> tuple[list[str], Fields]:
    """Return utterance ids and fields of what a collate function returned.

    Args:
        batch: ``(utt_ids, fields)`` or the fields alone: tensors of shape ``(B, ...)`` by name.

    Raises:
        UserError: It is neither ``(utt_ids, fields)`` nor the fields alone, or a worker found a
            mistake in the data.
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
    """Compare a batch with the arguments of ``forward`` and return the lengths it does not take.

    ``<field>_lengths`` come from the collate function, so a model without such an argument is
    simply not given them; any other difference is a mistake.

    Args:
        model: The model that is trained.
        name: What messages call it.
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
    missing = [
        p.name
        for p in parameters
        if p.default is p.empty
        and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
        and p.name not in fields
    ]
    if unexpected or missing:
        raise _fields_mismatch(name, fields, [p.name for p in parameters], unexpected, missing)
    return frozenset(dropped)


def batch_size(utt_ids: list[str], fields: Mapping[str, Any]) -> int:
    """Return the number of items of a batch.

    Args:
        utt_ids: Their ids; empty where the collate function gives none.
        fields: Tensors of shape ``(B, ...)``.
    """
    if utt_ids:
        return len(utt_ids)
    tensors = [
        value for value in fields.values() if isinstance(value, torch.Tensor) and value.dim()
    ]
    return len(tensors[0]) if tensors else 1


def move_fields(fields: Fields, device: torch.device) -> Fields:
    """Return the fields on a device, shapes unchanged."""
    return {
        key: value.to(device, non_blocking=True) if isinstance(value, torch.Tensor) else value
        for key, value in fields.items()
    }


def _fields_mismatch(
    name: str,
    fields: Mapping[str, Any],
    arguments: list[str],
    unexpected: list[str],
    missing: list[str],
) -> UserError:
    parts = [f'the batch has "{key}", which forward does not take' for key in unexpected]
    parts += [f'forward needs "{key}", which the batch has not' for key in missing]
    hint = f"forward takes {', '.join(arguments) or 'nothing'}; the batch has {', '.join(fields)}"
    if unexpected and missing:
        guess = did_you_mean(unexpected[0], missing)
        hint += f"; {guess}" if guess.startswith("did") else ""
    return UserError(
        f'the batch does not fit "{name}.forward": {"; ".join(parts)}',
        where="dataset",
        hint=f"{hint}. The preprocessor decides which fields a batch has",
    )
