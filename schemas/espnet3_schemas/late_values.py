"""Late values: texts whose ``${…}`` only the run of a stage can fill in.

The compiler parses them and writes them as JSON into the lock; the runtime only evaluates them.
A text is a list of parts: plain text as a string, ``{"stage": …, "output": …}``, and
``{"env": …}`` with a ``default`` that is null or a list of parts again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_DEPTH = 100


@dataclass(frozen=True, slots=True)
class StageOutput:
    """``${stages.NAME.OUTPUT}``: an output of an earlier stage."""

    stage: str
    output: str


@dataclass(frozen=True, slots=True)
class Env:
    """``${oc.env:VAR,default}``; without a default the variable must be set.

    Attributes:
        name: The variable.
        default: Parts of the default; ``()`` is the empty text.
        has_default: Whether there is one.
        null: Whether the default is ``null``.
    """

    name: str
    default: tuple["Part", ...] = ()
    has_default: bool = False
    null: bool = False


Part = str | Env | StageOutput
LateValues = Mapping[str, tuple[Part, ...]]
"""The parts of every text that has a ``${``, by the text as configs hold it."""


def to_json(parts: Sequence[Part]) -> list[Any]:
    """Return the JSON form of parts."""
    return [_to_json(part) for part in parts]


def _to_json(part: Part) -> Any:
    if isinstance(part, str):
        return part
    if isinstance(part, StageOutput):
        return {"stage": part.stage, "output": part.output}
    if not part.has_default:
        return {"env": part.name}
    return {"env": part.name, "default": None if part.null else to_json(part.default)}


def from_json(table: Any) -> LateValues:
    """Return a table of late values from JSON of any origin.

    Raises:
        ValueError: It has another form.
    """
    if not isinstance(table, dict):
        raise ValueError("the late values are no table")  # noqa: TRY004 - it is bad data
    return {text: _parts(parts, 0) for text, parts in table.items()}


def _parts(value: Any, depth: int) -> tuple[Part, ...]:
    if depth > MAX_DEPTH or not isinstance(value, list):
        raise ValueError("something else stands for the parts of a late value")
    return tuple(_part(item, depth) for item in value)


def _part(value: Any, depth: int) -> Part:
    match value:
        case str():
            return value
        case {"stage": str(stage), "output": str(output), **rest} if not rest:
            return StageOutput(stage, output)
        case {"env": str(name), **rest} if name.isidentifier() and not rest.keys() - {"default"}:
            default = rest.get("default")
            null = default is None
            parts = () if null else _parts(default, depth + 1)
            return Env(name, parts, "default" in rest, null="default" in rest and null)
    raise ValueError("something else stands for a part of a late value")
