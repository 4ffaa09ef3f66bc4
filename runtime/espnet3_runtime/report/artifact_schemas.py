"""What the files that the report shows look like; another file is left out, it stops nothing."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator

_TEXT: Mapping[str, Any] = {"type": "string"}
_TEXTS: Mapping[str, Any] = {"type": "object", "additionalProperties": _TEXT}
_COUNT: Mapping[str, Any] = {"type": "integer", "minimum": 0}
_NUMBERS: Mapping[str, Any] = {"type": "object", "additionalProperties": {"type": "number"}}

RESULTS: Mapping[str, Any] = {
    "type": "object",
    "required": ["metrics", "about"],
    "properties": {
        "checkpoint": {
            "type": ["object", "null"],
            "required": ["path", "sha256"],
            "properties": {"path": _TEXT, "sha256": _TEXT},
        },
        "metrics": {
            "type": "object",
            "additionalProperties": {"type": "object", "additionalProperties": _NUMBERS},
        },
        "about": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["headline", "unit", "inputs", "target"],
                "properties": {
                    "headline": _TEXT,
                    "unit": _TEXT,
                    "target": _TEXT,
                    "inputs": {"type": "object"},
                },
            },
        },
    },
}
"""``metrics.json`` of the stage ``measure``."""

EXAMPLES: Mapping[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["utt_id", "rank", "metric", "errors", "length", "steps"],
        "properties": {
            "utt_id": _TEXT,
            "rank": _TEXT,
            "metric": _TEXT,
            "errors": _COUNT,
            "length": _COUNT,
            "audio": {"type": ["string", "null"]},
            "steps": {"type": "array", "items": {"type": "array", "minItems": 3}},
        },
    },
}
"""``examples.json`` of a test set."""

CURVE: Mapping[str, Any] = {
    "type": "object",
    "required": ["step", "epoch"],
    "properties": {"step": _COUNT, "epoch": _COUNT, "at": _TEXT},
}
"""A row of ``curves.jsonl``."""

PROVENANCE: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "git": {"type": ["object", "null"], "properties": {"commit": {"type": ["string", "null"]}}},
        "packages": {**_TEXTS, "type": ["object", "null"]},
    },
}
"""Where a stage ran, in its receipt."""


_SCHEMAS = {"results": RESULTS, "examples": EXAMPLES, "curve": CURVE, "provenance": PROVENANCE}


def is_results(value: Any) -> bool:
    """Return whether a value is the content of a ``metrics.json`` that can be shown."""
    if not matches_schema(value, "results"):
        return False
    about, metrics = value["about"], value["metrics"]
    return all(
        name in about and all(about[name]["headline"] in numbers for numbers in by_test.values())
        for name, by_test in metrics.items()
    )


def matches_schema(value: Any, name: str) -> bool:
    """Return whether a value fits the schema of this module with that name, see ``_SCHEMAS``."""
    return _schema_validator(name).is_valid(value)


@lru_cache
def _schema_validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(_SCHEMAS[name])
