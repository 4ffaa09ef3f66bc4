"""Arguments in another unit than the code takes: kHz for Hz, milliseconds for seconds.

Passes: ``sample_rate: 16000``; ``margin: 0.05`` where the function says "margin: Seconds of …".
Fails: ``sample_rate: 16``; ``margin: 50`` there, where 0.05 is the default.
"""

import ast
import re
from collections.abc import Iterator

from espnet3_compiler.checks.data.bodies import (
    FunctionBody,
    default_values,
    function_body,
    method_body,
)
from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.targets.nodes import find_targets
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.values import number_of, text_of
from espnet3_compiler.syntax.span_key import first_per_location, is_written
from espnet3_compiler.syntax.tree import Entry, Mapping, Scalar
from espnet3_schemas import TARGET

_RATES = ("sample_rate", "sampling_rate", "samplerate")
_KILOHERTZ = (8, 11.025, 16, 22.05, 24, 32, 44.1, 48, 96)
"""The rates of recordings, in kHz; what is recorded otherwise may have any rate."""

_THOUSAND = 1000
_UNIT = r"(?i)\b(milli)?seconds?\b|\bms\b|\bk?hz\b"


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R814."""
    yield from first_per_location(_check_all(recipe, resolved))


def _check_all(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    for target in find_targets(recipe, resolved):
        path = text_of(target.node.get(TARGET))
        if target.judged and path:
            body = method_body(recipe.library, path, "__init__")
            yield from _check_arguments(target.node, body or function_body(recipe.library, path))
    for stage in recipe.stages:
        call = resolved.calls.get(str(stage.name.value), stage.node) if stage.call else None
        given = call.get("with") if isinstance(call, Mapping) else None
        if stage.call and isinstance(given, Mapping):
            yield from _check_arguments(given, function_body(recipe.library, text_of(stage.call)))


def _check_arguments(node: Mapping, body: FunctionBody | None) -> Iterator[Diagnostic]:
    for entry in node:
        value = _number(entry)
        if value is None:
            continue
        if entry.name in _RATES and value in _KILOHERTZ:
            yield _finding(entry, "a sample rate is in Hz", value * _THOUSAND)
        elif body:
            yield from _check_default(entry, value, body)


def _number(entry: Entry) -> float | None:
    """Return a number that is written; None for any other value."""
    node = entry.value
    if not isinstance(node, Scalar) or is_unresolved(node) or not is_written(node):
        return None
    return number_of(node)


def _check_default(entry: Entry, value: float, body: FunctionBody) -> Iterator[Diagnostic]:
    """Report a value that is a thousand times the default, or its thousandth part."""
    default = next((node for name, node in default_values(body) if name == entry.name), None)
    usual = default.value if isinstance(default, ast.Constant) else None
    if not isinstance(usual, int | float) or usual not in (value * _THOUSAND, value / _THOUSAND):
        return
    said = re.search(
        rf"^\s*{re.escape(entry.name)}\s*(?:\(.*\))?:(.*)$",
        ast.get_docstring(body.node) or "",
        re.MULTILINE,
    )
    unit = re.search(_UNIT, said[1]) if said else None
    if unit:
        yield _finding(entry, f"{entry.name} is in {unit[0].lower()}", usual)


def _finding(entry: Entry, fact: str, meant: float) -> Diagnostic:
    return value_finding(
        "R814",
        f"{entry.name} is {entry.value.span.text}: {fact}",
        entry.value,
        "of another unit",
        advice=(f"did you mean {meant:g}?",),
    )
