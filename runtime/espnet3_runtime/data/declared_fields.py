"""Reads the fields that a ``Dataset`` declares, against which its items are checked."""

from collections.abc import Mapping
from typing import Any

from espnet3_runtime.data.contract import INPUT_KINDS, Field, read_contract
from espnet3_runtime.errors import UserError, did_you_mean


def read_declared_fields(dataset: Any, where: str) -> tuple[Field, ...]:
    """Return the declared fields of a data set; ``where`` is the key path of its entry.

    A ``Dataset`` may have an attribute ``fields``: a mapping from field to kind (``audio``,
    ``text``, ``number``, …), or to a mapping with ``kind`` and its options, as in the
    ``contract`` of an inference config.  Samples may have more fields than are declared.

    Raises:
        UserError: A kind does not exist.
    """
    fields = getattr(dataset, "fields", None)
    if not isinstance(fields, Mapping):
        return ()
    full = {
        name: {"kind": value} if isinstance(value, str) else dict(value)
        for name, value in fields.items()
    }
    for name, value in full.items():
        kind = value.get("kind")
        if kind not in INPUT_KINDS:
            hint = did_you_mean(str(kind), sorted(INPUT_KINDS))
            problem = f'the Dataset declares "{name}" as "{kind}", which is no kind'
            raise UserError(problem, where=where, hint=hint)
    contract = read_contract({"inputs": full}, where)
    return contract.inputs if contract else ()
