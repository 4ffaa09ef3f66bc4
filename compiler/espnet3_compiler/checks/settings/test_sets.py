"""Names of an inference config under which results are kept: test sets and outputs.

Passes: ``test: [{name: clean}, {name: other}]``; ``output_keys: [text, score]``.
Fails: two test sets called ``test``; one called ``work``; ``output_keys: [text, text]``.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.stage_graph.stage_inputs import bound_config
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, Sequence, node_at

_SCRATCH = "work"
"""The folder beside those of the test sets in which ``infer`` keeps unfinished results."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R201 for two of one name, R202 for a name that ``infer`` needs itself."""
    configs = (bound_config(one, "inference", resolved) for one in stages_of_kind("infer", recipe))
    yield from first_per_location(
        found for config in configs if config for found in _check_names(config)
    )


def _check_names(config: Mapping) -> Iterator[Diagnostic]:
    sets = [node_at(item, ("name",)) for item in _items_of(node_at(config, ("dataset", "test")))]
    yield from _repeated_names(sets, "test sets are", "give each test set a name of its own")
    outputs = _items_of(config.get("output_keys"))
    yield from _repeated_names(outputs, "outputs are", "name each output once")
    for node in sets:
        if isinstance(node, Scalar) and node.value == _SCRATCH:
            yield value_finding(
                "R202",
                f'a test set cannot be called "{_SCRATCH}"',
                node,
                "infer keeps unfinished results there",
                advice=('give it another name, for example "test"',),
            )


def _items_of(node: Node | None) -> tuple[Node, ...]:
    return node.items if isinstance(node, Sequence) else ()


def _repeated_names(
    nodes: list[Node | None] | tuple[Node, ...], what: str, advice: str
) -> Iterator[Diagnostic]:
    first: dict[str, Scalar] = {}
    for node in nodes:
        if not isinstance(node, Scalar) or not isinstance(node.value, str) or is_unresolved(node):
            continue
        if node.value in first:
            yield value_finding(
                "R201",
                f'two {what} called "{node.value}"',
                node,
                "used again here",
                related=(Label(use_location(first[node.value]), "first used here"),),
                advice=(advice,),
            )
        first.setdefault(node.value, node)
