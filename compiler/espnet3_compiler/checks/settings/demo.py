"""The widgets of a demo against the contract of the bundle that it runs.

Passes: ``ui: {inputs: [{key: speech, type: audio}]}`` where the contract declares ``speech``.
Fails: ``ui: {inputs: [{key: audio, type: audio}]}`` beside it.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.findings import unknown_value
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.stage_graph.stage_inputs import certain_config
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Mapping, Scalar, Sequence, node_at


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R422, where one contract is packed."""
    packed = [
        certain_config(stage, "inference", resolved)
        for stage in stages_of_kind("pack_model", recipe)
    ]
    demos = [certain_config(one, "demo", resolved) for one in stages_of_kind("pack_demo", recipe)]
    inference = packed[0] if len(packed) == 1 else None
    yield from first_per_location(
        found for demo in demos if demo and inference for found in _check_widgets(demo, inference)
    )


def _check_widgets(demo: Mapping, inference: Mapping) -> Iterator[Diagnostic]:
    for side in ("inputs", "outputs"):
        declared, chosen = node_at(inference, ("contract", side)), node_at(demo, ("ui", side))
        if not isinstance(declared, Mapping) or not declared.entries:
            continue
        names = [entry.name for entry in declared]
        for item in chosen.items if isinstance(chosen, Sequence) else ():
            key = node_at(item, ("key",))
            if not isinstance(key, Scalar) or is_unresolved(key) or not has_certain_keys(declared):
                continue
            if key.value not in names:
                yield unknown_value(
                    "R422",
                    f'the contract has no "{key.value}" among its {side}',
                    key,
                    names,
                    related=(Label(use_location(declared), "the contract"),),
                    hints=(f"write one of {', '.join(names)}",),
                )
