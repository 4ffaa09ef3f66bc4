"""Layers of a model that get tensors of another size than they take.

Passes: ``self.head(torch.relu(self.hidden(x)))`` where the sizes are ``nn.Linear(dim, hidden)`` and
``nn.Linear(hidden, classes)``; sizes that only running code knows.
Fails: ``nn.Linear(dim, classes)`` there for ``dim: 16, hidden: 32``; ``nn.Linear(size, classes)``
behind ``nn.LSTM(…, size, bidirectional=True)``; channels in an ``nn.Sequential``.
"""

from collections.abc import Iterator, Sequence

from espnet3_compiler.checks.code.modules import RecipeModule, recipe_modules
from espnet3_compiler.checks.targets.nodes import TargetNode, distinct_targets, find_targets
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.signature import cache
from espnet3_compiler.syntax.tree import Scalar, to_python
from espnet3_schemas import TARGET

_RULES = 1
"""To be raised with every change of the rules: what fitted before is then looked at again."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R524; nothing is followed again while the same code gets the same arguments."""
    found = distinct_targets(find_targets(recipe, resolved))
    targets = [one for one in found if one.judged and _is_own(recipe, one)]
    modules = recipe_modules(recipe, resolved)
    folder, name = recipe.library.folder, f"{recipe.directory}#layers"
    key = _key(targets, modules)
    if folder is not None and cache.load(folder, name, key, len(modules)) is not None:
        return
    from espnet3_compiler.checks.shapes.mismatches import layer_findings  # rarely needed

    findings = layer_findings(recipe.library, targets, modules)
    if folder is not None and not findings:
        cache.save(folder, name, key, len(modules), {})
    yield from findings


def _is_own(recipe: Recipe, target: TargetNode) -> bool:
    """Return whether a target names something in the recipe's code."""
    path = target.node.get(TARGET)
    top = str(path.value).partition(".")[0] if isinstance(path, Scalar) else ""
    place = recipe.library.find_module(top) if top else None
    return place is not None and place.local


def _key(targets: Sequence[TargetNode], modules: Sequence[RecipeModule]) -> str:
    """Return what tells code and its arguments from others."""
    code = [(module.location.name, module.file.key) for module in modules]
    given = [(to_python(one.node), one.slot.supplied, one.slot.offered) for one in targets]
    return cache.digest(repr((_RULES, code, given)).encode(errors="surrogatepass"))
