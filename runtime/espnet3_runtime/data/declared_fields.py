"""Checks items against the fields that their ``Dataset`` declares."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from espnet3_runtime.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from espnet3_runtime.data.contract import Field


class DeclaredFields:
    """The declared fields of a data set.

    A ``Dataset`` may have an attribute ``fields``: a mapping from field to kind (``audio``,
    ``text``, ``segments``, ``number``), or to a mapping with ``kind`` and its options, as in the
    ``contract`` of an inference config.  The first, middle and last item are checked when the data
    set is loaded; with an attribute ``check_every_item = True`` all are, as they are read.  Samples
    may have more fields than are declared.

    Attributes:
        every: Whether every item is checked.

    Args:
        dataset: The data set.
        where: Key path of its entry, for messages.

    Raises:
        UserError: A kind does not exist.
    """

    def __init__(self, dataset: Any, where: str) -> None:
        self.every = bool(getattr(dataset, "check_every_item", False))
        self._fields = _read_fields(getattr(dataset, "fields", None), where)

    def check(self, utt_id: str, sample: Mapping[str, Any]) -> None:
        """Raise a :class:`UserError` when a declared field is missing or of another kind."""
        from espnet3_runtime.data.contract import accept_inputs

        accept_inputs(self._fields, sample, utt_id)

    def samples(self, size: int) -> list[int]:
        """Return the items of a data set of this size to check when it is loaded."""
        return sorted({0, size // 2, size - 1}) if self._fields and not self.every else []


def _read_fields(fields: Any, where: str) -> "tuple[Field, ...]":
    if not isinstance(fields, Mapping) or not fields:
        return ()
    from espnet3_runtime.data.contract import KINDS, read_contract

    full = {
        name: {"kind": value} if isinstance(value, str) else dict(value)
        for name, value in fields.items()
    }
    for name, value in full.items():
        kind = value.get("kind")
        if kind not in KINDS:
            hint = did_you_mean(str(kind), sorted(KINDS))
            problem = f'the Dataset declares "{name}" as "{kind}", which is no kind'
            raise UserError(problem, where=where, hint=hint)
    contract = read_contract({"inputs": full}, where)
    assert contract is not None
    return contract.inputs
