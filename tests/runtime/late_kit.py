"""Late values of texts that a test makes up, parsed by the compiler as for a lock."""

from typing import Any

from espnet3_compiler.build.late_values import parts_of
from espnet3_runtime.config import iter_leaves
from espnet3_schemas.late_values import LateValues, from_json, to_json


def parsed(value: Any) -> dict[str, Any]:
    """Return, as JSON, what the texts in plain data mean."""
    texts = [leaf for _, leaf in iter_leaves(value) if isinstance(leaf, str) and "${" in leaf]
    return {text: to_json(parts_of(text)) for text in texts}


def late_values(value: Any) -> LateValues:
    """Return what the texts in plain data mean."""
    return from_json(parsed(value))
