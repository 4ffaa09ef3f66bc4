"""What the runner gives, against the kinds that the contract of inference declares.

Passes: ``{"keyword": self.labels[index]}`` for ``outputs: {keyword: {kind: text}}``.
Fails: ``{"keyword": index}`` for the same, where ``index`` is one of ``best.tolist()``.

Only what is plainly of another kind, whatever ``return`` is taken, is told.
"""

import ast
from collections.abc import Iterator

from espnet3_compiler.checks.data.bodies import FunctionBody, placed_method, returned_values
from espnet3_compiler.checks.data.certain_code import listed_items
from espnet3_compiler.checks.item_kinds.kinds import ARRAY, NUMBER, TEXT, FieldKind, Maker
from espnet3_compiler.checks.item_kinds.makers import field_kind
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.manifest.values import mapping_entries, text_of
from espnet3_compiler.signature.flow import FunctionNode, literal_text
from espnet3_compiler.stage_graph.stage_inputs import certain_config
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Mapping, Scalar, node_at
from espnet3_schemas import TARGET

_REFUSED = {
    "text": (NUMBER, ARRAY),
    "category": (NUMBER, ARRAY),
    "number": (TEXT,),
    "vector": (TEXT,),
    "array": (TEXT,),
    "segments": (TEXT,),
}
"""By a kind of the contract: what no output of it can be."""

_ADVICE = {
    "text": "give the text, for example the label of an index",
    "category": "give one of its choices, for example the label of an index",
    "number": "give a number: float(…)",
    "segments": "give a list of mappings with text, start and end",
}


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R428, once for each expression."""
    found: list[Diagnostic] = []
    for stage in stages_of_kind("infer", recipe) if recipe.complete else ():
        config = certain_config(stage, "inference", resolved)
        path = node_at(config, ("runner", TARGET)) if config else None
        outputs = mapping_entries(node_at(config, ("contract", "outputs"))) if config else ()
        if config and outputs and isinstance(path, Scalar) and text_of(path):
            found += _check_runner(recipe, config, path)
    yield from first_per_location(found)


def _check_runner(recipe: Recipe, config: Mapping, path: Scalar) -> Iterator[Diagnostic]:
    placed = placed_method(recipe.library, text_of(path), "__call__")
    if placed is None or node_at(config, ("runner", "_partial_")) is not None:
        return
    maker = Maker(recipe.library, text_of(path), placed.body, placed.position, {})
    results = _results(placed.body.node)
    for entry in mapping_entries(node_at(config, ("contract", "outputs"))):
        declared = node_at(entry.value, ("kind",))
        refused = _REFUSED.get(text_of(declared), ())
        given = [one for result in results for one in _values_of(result, entry.name)]
        kinds = [field_kind(one, maker) for one in given] if refused else []
        if kinds and len(kinds) == len(results) and all(one.name in refused for one in kinds):
            assert isinstance(declared, Scalar)
            yield _finding(placed.body, entry.name, kinds[0], declared, path)


def _results(node: FunctionNode) -> list[ast.Dict]:
    """Return the mappings that a runner gives; nothing where there may be others."""
    values = returned_values(node)
    lists = [listed_items(value, node, values) for value in values]
    every = [one for items in lists for one in items]
    plain = [one for one in every if isinstance(one, ast.Dict)]
    return plain if all(lists) and len(plain) == len(every) else []


def _values_of(result: ast.Dict, name: str) -> list[ast.expr]:
    pairs = zip(result.keys, result.values, strict=True)
    values = [value for key, value in pairs if literal_text(key) == name]
    return values[-1:] if None not in result.keys else []


def _finding(
    body: FunctionBody, name: str, kind: FieldKind, declared: Scalar, path: Scalar
) -> Diagnostic:
    """Return the finding about an output of another kind.

    Args:
        body: The runner.
        name: The output.
        kind: What it is.
        declared: The kind that the contract declares.
        path: The value that names the runner.
    """
    assert kind.node is not None
    what = {NUMBER: "a number or a list of them", ARRAY: "an array"}.get(kind.name, "a text")
    wanted = text_of(declared)
    return Diagnostic(
        "R428",
        f'{path.value} gives {what} as "{name}", and the contract declares it as {wanted}',
        Label(body.span_in(kind.node), what),
        (Label(use_location(declared), "declared here"), Label(use_location(path), "used here")),
        (_ADVICE.get(wanted, f"give a {wanted}, or declare another kind"),),
    )
