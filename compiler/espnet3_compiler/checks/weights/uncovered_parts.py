"""Parts of a model that no optimizer of ``optimizers`` trains.

Passes: ``params: encoder`` and ``params: head`` for a model of these two parts; patterns,
``freeze`` and code that freezes, of which only running code knows what they cover.
Fails: the same where the constructor has ``self.norm = nn.LayerNorm(size)`` as well, or keeps
another model that it is given.
"""

import re
from collections.abc import Iterator

from espnet3_compiler.checks.code.part_names import parts_of
from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.targets.nodes import target_path
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.manifest.values import text_of
from espnet3_compiler.stage_graph.stage_inputs import certain_config, model_of
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Mapping, Scalar, Sequence, is_null, node_at

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
    path = target_path(model)
    objects = frozenset(one.name for one in model if isinstance(one.value, Mapping | Sequence))
    parts = parts_of(recipe.library, path, objects) if path else frozenset()
    named = {one.partition(".")[0] for one in selectors}
    if not named <= parts:  # another one is misspelt, or names an inner part
        return []
    from espnet3_compiler.checks.weights.trained_layers import layers_of  # only what needs it

    layers = layers_of(recipe.library, path, model)
    free = (names[0] for names in layers if named.isdisjoint(names) and names[0] in parts)
    return list(dict.fromkeys(free))
