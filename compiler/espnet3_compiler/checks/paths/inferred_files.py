"""Files of an infer stage that other stages name, and that it does not write.

Passes: ``${stages.infer.inference_dir}/clean/text.scp`` where infer has a test set ``clean`` and
``output_keys: [text]``; a file deeper in its directory; an infer stage whose runner alone says
which outputs there are.
Fails: ``${stages.infer.inference_dir}/test/text.scp`` and ``.../clean/words.scp`` beside it.
"""

import re
from collections.abc import Iterator

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.stage_graph.kind_edges import stage_name
from espnet3_compiler.stage_graph.stage_inputs import (
    certain_config,
    leaves_read_by,
    outputs_read_by,
)
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, Sequence, node_at

_OUTPUT = "inference_dir"
_FILE = re.compile(r"\$\{\s*stages\.(\w+)\.inference_dir\s*\}/([^/${}]+)/([^/${}]+)\.scp")


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R411."""
    if not recipe.complete:
        return
    inferring = {stage_name(one): one for one in stages_of_kind("infer", recipe)}
    called = _named_by_calls(recipe, resolved)
    found: list[Diagnostic] = []
    for stage in recipe.stages if inferring else ():
        uses = outputs_read_by(stage, recipe, resolved)
        if stage.call or not any(use.output == _OUTPUT for use in uses):
            continue
        for leaf in leaves_read_by(stage, recipe, resolved):
            match = _FILE.fullmatch(str(leaf.node.value))
            if match and match[1] in inferring and match[1] not in called:
                found += _check_file(leaf.node, match, inferring[match[1]], resolved)
    yield from first_per_location(found)


def _named_by_calls(recipe: Recipe, resolved: Resolved) -> set[str]:
    """Return the stages whose directories calls are given, and which may write there."""
    calls = [stage for stage in recipe.stages if stage.call]
    return {use.stage for call in calls for use in outputs_read_by(call, recipe, resolved)}


def _check_file(
    node: Scalar, match: re.Match[str], infer: StageDecl, resolved: Resolved
) -> Iterator[Diagnostic]:
    """Compare a file with the test sets of a stage, then with its outputs.

    Args:
        node: The text.
        match: It split into stage, test set and output.
        infer: The stage.
        resolved: The values of the configs.
    """
    config = certain_config(infer, "inference", resolved)
    known = (_test_sets(config), _outputs(config)) if config else ((), ())
    words = zip(("test set", "output"), match.groups()[1:], known, strict=True)
    for what, given, names in words:
        values = [str(one.value) for one in names]
        if names and given not in values:
            meant = values[0] if len(values) == 1 else closest_match(given, values)
            yield _finding(node, match, (what, given, meant), names)
            return


def _test_sets(config: Mapping) -> tuple[Scalar, ...]:
    """Return the names of all test sets; none where one is not known."""
    sets = node_at(config, ("dataset", "test"))
    items = sets.items if isinstance(sets, Sequence) else ()
    return _all_texts([node_at(item, ("name",)) for item in items])


def _outputs(config: Mapping) -> tuple[Scalar, ...]:
    """Return the names of all outputs; none where only the runner knows them."""
    keys, contract = config.get("output_keys"), node_at(config, ("contract", "outputs"))
    if isinstance(keys, Sequence):
        return _all_texts(keys.items)
    if isinstance(contract, Mapping) and has_certain_keys(contract):
        return tuple(entry.key for entry in contract)
    return ()


def _all_texts(nodes: tuple[Node, ...] | list[Node | None]) -> tuple[Scalar, ...]:
    texts = [one for one in nodes if isinstance(one, Scalar) and not is_unresolved(one)]
    return tuple(texts) if len(texts) == len(nodes) else ()


def _finding(
    node: Scalar,
    match: re.Match[str],
    wrong: tuple[str, str, str | None],
    known: tuple[Scalar, ...],
) -> Diagnostic:
    """Return R411.

    Args:
        node: The text.
        match: It split into stage, test set and output.
        wrong: What is wrong of it, its name, and the name that is meant.
        known: The names that would be right.
    """
    what, given, meant = wrong
    names = ", ".join(str(one.value) for one in known)
    folder, output = (meant, match[3]) if what == "test set" else (match[2], meant)
    text = f"${{stages.{match[1]}.{_OUTPUT}}}/{folder}/{output}.scp"
    return value_finding(
        "R411",
        f'stage "{match[1]}" writes no {match[2]}/{match[3]}.scp: it has no {what} "{given}"',
        node,
        "never written",
        related=(Label(use_location(known[0]), f"its {what}s"),),
        advice=(f'write "{text}"' if meant else f"choose from: {names}",),
    )
