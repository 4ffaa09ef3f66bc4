"""A last look at what others read: the lock against its published schema."""

import json

from jsonschema import Draft202012Validator

from espnet3_schemas import load


def validate_lock(text: str) -> None:
    """Compare the text of a lock with ``lock.schema.json``.

    Raises:
        ValueError: It does not fit; the message names the place.
    """
    validator = Draft202012Validator(load("lock"))
    error = next(iter(validator.iter_errors(json.loads(text))), None)
    if error is not None:
        raise ValueError(f"the lock is wrong at {error.json_path}: {error.message}")
