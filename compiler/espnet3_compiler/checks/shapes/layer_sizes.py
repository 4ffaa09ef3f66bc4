"""Layers of a model that get tensors of another size than they take.

Passes: ``self.head(torch.relu(self.hidden(x)))`` where the sizes are ``nn.Linear(dim, hidden)`` and
``nn.Linear(hidden, classes)``; sizes that only running code knows.
Fails: ``nn.Linear(dim, classes)`` there for ``dim: 16, hidden: 32``; ``nn.Linear(size, classes)``
behind ``nn.LSTM(…, size, bidirectional=True)``; channels in an ``nn.Sequential``.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.code.modules import recipe_modules
from espnet3_compiler.checks.targets.nodes import TargetNode, distinct_targets, find_targets
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.syntax.tree import Scalar
from espnet3_schemas import TARGET


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R524."""
    found = distinct_targets(find_targets(recipe, resolved))
    targets = [one for one in found if one.judged and _is_own(recipe, one)]
    if targets:
        from espnet3_compiler.checks.shapes.mismatches import layer_findings

        yield from layer_findings(recipe.library, targets, recipe_modules(recipe, resolved))


def _is_own(recipe: Recipe, target: TargetNode) -> bool:
    """Return whether a target names something in the recipe's code."""
    path = target.node.get(TARGET)
    top = str(path.value).partition(".")[0] if isinstance(path, Scalar) else ""
    place = recipe.library.find_module(top) if top else None
    return place is not None and place.local
