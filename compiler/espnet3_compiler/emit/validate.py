"""A lock against its published schema, with jsonschema: no check and no compile needs it."""

from dataclasses import dataclass
from typing import Any

from espnet3_schemas import load

LONGEST = 100


@dataclass(frozen=True, slots=True)
class Fault:
    """Where a lock does not fit its schema, and how."""

    path: tuple[str | int, ...]
    message: str


def first_fault(lock: Any) -> Fault | None:
    """Return the first place at which a lock does not fit ``lock.schema.json``."""
    from jsonschema import Draft202012Validator

    error = next(iter(Draft202012Validator(load("lock")).iter_errors(lock)), None)
    if error is None:
        return None
    message = error.message if len(error.message) <= LONGEST else f"{error.message[:LONGEST]}…"
    return Fault(tuple(error.absolute_path), message)
