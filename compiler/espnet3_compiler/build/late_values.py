"""Parse runtime references for the lock: the runtime has no parser of ``${…}``."""

from collections.abc import Iterable, Iterator
from typing import Any

from espnet3_compiler.build.plan import Plan
from espnet3_compiler.expressions.nodes import Call, Lookup, Template
from espnet3_compiler.expressions.template import parse_resolved
from espnet3_compiler.syntax.tree import Plain
from espnet3_schemas.late_values import Env, Part, StageOutput, to_json


def late_values(plan: Plan) -> dict[str, Any]:
    """Return, as JSON, the parts of every text of a plan that has a ``${``, by the text."""
    values: list[Plain] = [config.value for config in plan.configs]
    values += [model.value for model in plan.models] + [plan.globals["data_dir"]]
    for stage in plan.stages:
        values += [stage.arguments, stage.init_from, stage.log_dir]
        values += [output.path for output in stage.outputs.values()]
    texts = dict.fromkeys(text for value in values for text in _texts(value))
    return {text: to_json(parts_of(text)) for text in texts}


def parts_of(text: str) -> tuple[Part, ...]:
    """Return the parts of a text that resolution left behind; an empty text has none."""
    return _parts(parse_resolved(text))


def _texts(value: Plain) -> Iterator[str]:
    if isinstance(value, str) and "${" in value:
        yield value
    elif isinstance(value, dict | list):
        inner: Iterable[Plain] = value.values() if isinstance(value, dict) else value
        for item in inner:
            yield from _texts(item)


def _parts(template: Template) -> tuple[Part, ...]:
    return tuple(map(_part, template))


def _part(piece: str | Lookup | Call) -> Part:
    if isinstance(piece, str):
        return piece
    if isinstance(piece, Lookup):
        _, stage, output = (str(key.name) for key in piece.keys)
        return StageOutput(stage, output)
    name, *rest = (argument.parts for argument in piece.arguments)
    if not rest:
        return Env(str(name[0]))
    null = not piece.arguments[1].quoted and rest[0] == ("null",)
    return Env(str(name[0]), () if null else _parts(rest[0]), has_default=True, null=null)
