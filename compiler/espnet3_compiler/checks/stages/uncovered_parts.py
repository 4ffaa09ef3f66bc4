"""Parts of a model that no optimizer of ``optimizers`` trains.

Passes: ``params: encoder`` and ``params: head`` for a model of these two parts; patterns,
``freeze`` and code that freezes, of which only running code knows what they cover.
Fails: the same where the constructor has ``self.norm = nn.LayerNorm(size)`` as well.
"""

import ast
import re
from collections.abc import Iterator

from espnet3_compiler.checks.code.part_names import parts_of
from espnet3_compiler.checks.data.bodies import FunctionBody, method_body
from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.manifest.values import text_of
from espnet3_compiler.signature.flow import all_nodes, dotted_name
from espnet3_compiler.stage_graph.stage_inputs import certain_config, model_of
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Mapping, Scalar, Sequence, is_null, node_at
from espnet3_schemas import TARGET

_LAYERS = r"(?:torch\.)?nn\.(?:Linear|Bilinear|Conv(?:Transpose)?[123]d|Embedding|LSTM|GRU|RNN)"
_NORMS = r"(?:torch\.)?nn\.(?:LayerNorm|BatchNorm[123]d)"
_SEQUENTIAL = r"(?:torch\.)?nn\.Sequential"
_UNSURE = r"requires_grad|named_parameters|setattr|delattr|\bdel\b|freeze|__dict__"
"""Code by which a parameter may not be trained, or not be there."""

_PLAIN_SELECTOR = r"(?!weight|bias)[A-Za-z_]\w*(?:\.\w+)*"
"""A selector that names no parameter of a layer of PyTorch itself."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R415."""
    found: list[Diagnostic] = []
    for stage in stages_of_kind("train", recipe):
        config = certain_config(stage, "training", resolved)
        model = model_of(stage, resolved)
        selectors = _selectors(config) if config else []
        named = config.entry("optimizers") if config else None
        parts = _uncovered(selectors, recipe, model) if model and selectors else []
        if named and parts:
            found.append(_finding(named.key, parts))
    yield from first_per_location(found)


def _finding(key: Scalar, parts: list[str]) -> Diagnostic:
    listed = ", ".join(f'"{one}"' for one in parts)
    return value_finding(
        "R415",
        f"no optimizer trains {listed} of the model",
        key,
        "every part needs one",
        advice=(f"name them in params of one, or write freeze: [{', '.join(parts)}]",),
    )


def _selectors(config: Mapping) -> list[str]:
    """Return the parts that the optimizers train; none where that is not known."""
    named, frozen = config.get("optimizers"), config.get("freeze")
    nothing = is_null(frozen) or (isinstance(frozen, Sequence) and not frozen.items)
    if not nothing or not isinstance(named, Mapping) or not has_certain_keys(named):
        return []
    texts = [text_of(node_at(entry.value, ("params",))) for entry in named]
    return texts if all(re.fullmatch(_PLAIN_SELECTOR, text) for text in texts) else []


def _uncovered(selectors: list[str], recipe: Recipe, model: Mapping) -> list[str]:
    """Return the attributes of a model with parameters that certainly no selector names."""
    path = text_of(model.get(TARGET))
    body = method_body(recipe.library, path, "__init__") if path and "$" not in path else None
    if body is None or re.search(_UNSURE, body.file.text.text):
        return []
    objects = {entry.name for entry in model if isinstance(entry.value, Mapping | Sequence)}
    parts = parts_of(recipe.library, path, objects)
    named = {one.partition(".")[0] for one in selectors}
    known = parts if named <= parts else set()  # another one is misspelt, or names an inner part
    return [name for name in _layers_set(body) if name in known - named]


def _layers_set(body: FunctionBody) -> Iterator[str]:
    """Yield the attributes that a constructor always sets, once, to a layer with parameters."""
    for item in body.node.body:
        match item:
            case ast.Assign(
                targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)], value=value
            ) if _has_parameters(value) and _is_left_alone(name, body):
                yield name


def _has_parameters(value: ast.expr) -> bool:
    if not isinstance(value, ast.Call):
        return False
    name = dotted_name(value.func) or ""
    if re.fullmatch(_SEQUENTIAL, name):
        return any(map(_has_parameters, value.args))
    plain_norm = re.fullmatch(_NORMS, name) and len(value.args) == 1 and not value.keywords
    return bool(re.fullmatch(_LAYERS, name) or plain_norm)


def _is_left_alone(name: str, body: FunctionBody) -> bool:
    """Return whether code sets an attribute once, sets none of its own, and passes it to none."""
    text = body.file.text.text
    calls = [call for call in all_nodes(body.node) if isinstance(call, ast.Call)]
    given = [one for call in calls for one in (*call.args, *(word.value for word in call.keywords))]
    passed = {one.attr for one in given if isinstance(one, ast.Attribute)}
    stored = re.findall(rf"\.{name}(?:\.[\w.]+)?\s*(?::[^=\n]+)?=(?!=)", text)
    return len(stored) == 1 and name not in passed
