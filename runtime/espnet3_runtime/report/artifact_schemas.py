"""Schemas of the files that the report shows; a file that does not fit is left out."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator

Schema = Mapping[str, Any]

_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}


def _mapping_of(values: Schema) -> Schema:
    return {"type": "object", "additionalProperties": values}


def _record(optional: Mapping[str, Schema] | None = None, **required: Schema) -> Schema:
    properties = {**required, **(optional or {})}
    return {"type": "object", "required": list(required), "properties": properties}


def _or_null(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


_SCHEMAS: Mapping[str, Schema] = {
    "results": _record(  # metrics.json of the stage measure
        {"checkpoint": _or_null(_record(path=_TEXT, sha256=_TEXT))},
        metrics=_mapping_of(_mapping_of(_mapping_of({"type": "number"}))),
        about=_mapping_of(
            _record(headline=_TEXT, unit=_TEXT, target=_TEXT, inputs={"type": "object"})
        ),
    ),
    "examples": {  # examples.json of a test set
        "type": "array",
        "items": _record(
            {
                "audio": _or_null(_TEXT),
                "sounds": {"type": "array", "items": _record(name=_TEXT, file=_TEXT)},
                "pictures": {"type": "array", "items": _record(name=_TEXT)},
            },
            utt_id=_TEXT,
        ),
    },
    "columns": _record(  # columns.json of a test set; an item for each utterance, so not looked at
        {"texts": _mapping_of({"type": "array"})},
        utt_ids={"type": "array"},
        columns=_mapping_of({"type": "array"}),
    ),
    "item_scores": _record(  # item_scores.json of a metric; items are not looked at here either
        utt_ids={"type": "array"},
        texts=_mapping_of({"type": "array"}),
        scores={
            "type": "array",
            "minItems": 1,
            "items": _record(
                {"higher_is_better": {"type": ["boolean", "null"]}, "unit": _TEXT},
                name=_TEXT,
                values={"type": "array"},
            ),
        },
    ),
    "curve": _record({"at": _TEXT}, step=_COUNT, epoch=_COUNT),  # a row of curves.jsonl
    "provenance": _record(  # of a receipt: where the stage ran
        {
            "git": _or_null(_record({"commit": _or_null(_TEXT)})),
            "packages": _or_null(_mapping_of(_TEXT)),
        }
    ),
}


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
    """Return whether a value fits the schema of that name, one of those above."""
    return _schema_validator(name).is_valid(value)


@lru_cache
def _schema_validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(_SCHEMAS[name])
