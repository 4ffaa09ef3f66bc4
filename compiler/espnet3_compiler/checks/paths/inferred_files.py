"""Files of an infer stage that other stages name, and that it does not write.

Passes: ``${stages.infer.inference_dir}/clean/text.scp`` where infer has a test set ``clean`` and
``output_keys: [text]``; a file deeper in its directory; an infer stage whose runner alone says
which outputs there are.
Fails: ``${stages.infer.inference_dir}/test/text.scp`` and ``.../clean/words.scp`` beside it;
``${stages.infer.inference_dir}/text.scp``, without the directory of a test set.
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
_PATH = r"\$\{\s*stages\.(\w+)\.inference_dir\s*\}/([^${}*?\[\]]+)"
_SUFFIX = ".scp"
_ELSEWHERE = (".", "..", "")
"""How a path begins that may lead out of the directory."""


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
            text = str(leaf.node.value)
            match = re.fullmatch(_PATH, text) if "}/" in text else None
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
    """Compare a path with the test sets of a stage, then with its outputs.

    Args:
        node: The text.
        match: It split into stage and path.
        infer: The stage.
        resolved: The values of the configs.
    """
    config = certain_config(infer, "inference", resolved)
    first, *rest = match[2].split("/")
    if config is None or first in _ELSEWHERE:
        return
    sets, outputs = _test_sets(config), _outputs(config)
    folder = _meant(first, sets) if rest else _only(sets)
    scp = match[2].endswith(_SUFFIX)
    if not rest and scp:
        yield _finding(node, match, "each test set has a directory", (folder, first), sets)
    elif sets and first not in _values(sets) and (scp or first in _values(outputs)):
        right = (folder, *(rest or ["…"]))
        yield _finding(node, match, f'it has no test set "{first}"', right, sets)
    elif len(rest) == 1 and scp and outputs:
        output = rest[0].removesuffix(_SUFFIX)
        meant = _meant(output, outputs)
        right = (first, meant and f"{meant}{_SUFFIX}")
        if output not in _values(outputs):
            yield _finding(node, match, f'it has no output "{output}"', right, outputs)


def _values(names: tuple[Scalar, ...]) -> list[str]:
    return [str(one.value) for one in names]


def _only(names: tuple[Scalar, ...]) -> str | None:
    return _values(names)[0] if len(names) == 1 else None


def _meant(given: str, names: tuple[Scalar, ...]) -> str | None:
    return _only(names) or closest_match(given, _values(names))


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
    reason: str,
    right: tuple[str | None, ...],
    known: tuple[Scalar, ...],
) -> Diagnostic:
    """Return R411.

    Args:
        node: The text.
        match: It split into stage and path.
        reason: Why the stage does not write it.
        right: The parts of the path that is meant; None for one that is not known.
        known: The names that would be right.
    """
    names = ", ".join(_values(known))
    path = "/".join(filter(None, right))
    advice = f'write "${{stages.{match[1]}.{_OUTPUT}}}/{path}"'
    if None in right:
        advice = f"choose from: {names}" if names else "name its directory before the file"
    return value_finding(
        "R411",
        f'stage "{match[1]}" writes no {match[2]}: {reason}',
        node,
        "never written",
        related=(Label(use_location(known[0]), f"it has {names}"),) if known else (),
        advice=(advice,),
    )
