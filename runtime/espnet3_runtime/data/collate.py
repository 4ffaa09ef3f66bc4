"""Pads samples and stacks them to one batch."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from espnet3_runtime.errors import UserError

Batch = dict[str, torch.Tensor]


class CommonCollateFn:
    """Pad the fields of samples along their first axis and stack them.

    A field of shape ``(T, ...)`` becomes ``<field>`` of shape ``(B, max T, ...)`` and
    ``<field>_lengths`` of shape ``(B,)``, int64.  A number becomes a tensor of shape ``(B,)``
    without lengths.  Strings stay out of the batch: a model reads tensors, and scoring reads the
    data set.

    Args:
        float_pad_value: Padding of floating-point fields.
        int_pad_value: Padding of integer fields, outside the range of token ids by default; models
            of transformers leave out labels of -100 only.
        not_sequence: Fields of one shape for all samples; they are stacked without lengths.
    """

    def __init__(
        self,
        float_pad_value: float = 0.0,
        int_pad_value: int = -1,
        not_sequence: Sequence[str] = (),
    ) -> None:
        self.float_pad_value = float_pad_value
        self.int_pad_value = int_pad_value
        self.not_sequence = frozenset(not_sequence)

    def __call__(self, items: Sequence[tuple[str, Mapping[str, Any]]]) -> tuple[list[str], Batch]:
        """Return the utterance ids and the batch.

        Args:
            items: ``(utt_id, sample)`` pairs; a field is an array of shape ``(T, ...)``, for
                example speech ``(samples,)`` float32 in [-1, 1], or a number, or a string.

        Raises:
            UserError: The samples disagree on their fields or shapes.
        """
        utt_ids = [utt_id for utt_id, _ in items]
        samples = [sample for _, sample in items]
        for utt_id, sample in items:
            if sample.keys() != samples[0].keys():
                raise _unequal_fields(utt_ids[0], samples[0], utt_id, sample)
        batch: Batch = {}
        for field, value in samples[0].items():
            if not isinstance(value, (str, bytes)):
                self._add_field(batch, field, utt_ids, [sample[field] for sample in samples])
        return utt_ids, batch

    def _add_field(self, batch: Batch, field: str, utt_ids: list[str], values: list[Any]) -> None:
        tensors = [_as_tensor(field, value) for value in values]
        first = tensors[0]
        for utt_id, tensor in zip(utt_ids, tensors, strict=True):
            if tensor.shape[1:] != first.shape[1:] or tensor.dim() != first.dim():
                raise UserError(
                    f'field "{field}" has shape {tuple(first.shape)} in {utt_ids[0]} and '
                    f"{tuple(tensor.shape)} in {utt_id}; only the first axis may differ"
                )
        lengths = [tensor.shape[0] for tensor in tensors] if first.dim() else []
        if field in self.not_sequence and len(set(lengths)) > 1:
            raise UserError(
                f'field "{field}" is declared not_sequence, and its length varies: {lengths}'
            )
        if not lengths or field in self.not_sequence:
            batch[field] = torch.stack(tensors)
            return
        real = first.is_floating_point() or first.is_complex()
        padding: float = self.float_pad_value if real else self.int_pad_value
        padding = False if first.dtype == torch.bool else padding
        batch[field] = pad_sequence(tensors, batch_first=True, padding_value=padding)
        batch[f"{field}_lengths"] = torch.tensor(lengths, dtype=torch.int64)


def _as_tensor(field: str, value: Any) -> torch.Tensor:
    if isinstance(value, torch.Tensor):
        return value
    try:
        return torch.from_numpy(np.ascontiguousarray(value)).reshape(np.shape(value))
    except (TypeError, ValueError) as error:
        raise UserError(
            f'field "{field}" is {type(value).__name__}, which cannot be part of a batch; '
            "a sample holds arrays, numbers and strings"
        ) from error


def _unequal_fields(
    first_id: str, first: Mapping[str, Any], utt_id: str, sample: Mapping[str, Any]
) -> UserError:
    missing, extra = sorted(first.keys() - sample.keys()), sorted(sample.keys() - first.keys())
    parts = [f"lacks {', '.join(missing)}"] if missing else []
    parts += [f"has {', '.join(extra)}"] if extra else []
    return UserError(f"{utt_id} {' and '.join(parts)}, unlike {first_id}")
