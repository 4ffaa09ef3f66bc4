"""Layers of a model that get tensors of another size than they take.

Passes: ``self.head(torch.relu(self.hidden(x)))`` where the sizes are ``nn.Linear(dim, hidden)`` and
``nn.Linear(hidden, classes)``; sizes that only running code knows.
Fails: ``nn.Linear(dim, classes)`` there for ``dim: 16, hidden: 32``; ``nn.Linear(size, classes)``
behind ``nn.LSTM(…, size, bidirectional=True)``; channels in an ``nn.Sequential``; a
``forward`` that is trained and returns ``self.head(x)``, more than one number; six heads for 256.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.code.modules import recipe_modules
from espnet3_compiler.checks.targets.nodes import TargetNode, distinct_targets, find_targets
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Scalar
from espnet3_schemas import TARGET

_PAIRS = "R921"
"""Shapes that are compared are known where items are: in ``sizes``."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R524, R523 for a layer, R504 for a list, R428 for a loss, R816 for steps of frames.

    And R504, R523, R524 and R527 for tensors that losses and layers read as something else.
    """
    found = distinct_targets(find_targets(recipe, resolved))
    targets = [one for one in found if one.judged and _is_own(recipe, one)]
    if targets:
        yield from _findings(recipe, resolved, targets)


def _findings(
    recipe: Recipe, resolved: Resolved, targets: list[TargetNode]
) -> Iterator[Diagnostic]:
    from espnet3_compiler.checks.shapes.interpreter import start_run
    from espnet3_compiler.checks.shapes.list_ends import BeyondEnd, list_findings
    from espnet3_compiler.checks.shapes.losses import loss_findings
    from espnet3_compiler.checks.shapes.meanings.blanks import Blank, blank_findings
    from espnet3_compiler.checks.shapes.meanings.fields import plainly_trained
    from espnet3_compiler.checks.shapes.mismatches import layer_findings
    from espnet3_compiler.checks.shapes.plain_values import PlainValue, plain_findings
    from espnet3_compiler.checks.shapes.refused_layers import RefusedLayer, refusal_findings
    from espnet3_compiler.checks.shapes.steps import step_findings
    from espnet3_compiler.checks.shapes.targets import (
        changes_layers,
        follow_features,
        follow_target,
    )
    from espnet3_compiler.checks.shapes.torch_layers import Mismatch

    run, plain = start_run(recipe.library), plainly_trained(recipe, resolved)
    for target in targets:
        follow_target(run, target, plain)
    follow_features(run, recipe, resolved)
    found = run.found_of
    diagnostics = [*layer_findings(found(Mismatch)), *plain_findings(found(PlainValue))]
    diagnostics += refusal_findings(found(RefusedLayer))
    diagnostics += [one for one in found(Diagnostic) if one.code != _PAIRS]
    diagnostics += blank_findings(found(Blank), recipe, resolved)
    diagnostics += [*list_findings(found(BeyondEnd)), *step_findings(run)]
    diagnostics += loss_findings(run, plain, recipe, resolved)
    if diagnostics and not changes_layers(run, recipe_modules(recipe, resolved)):
        yield from first_per_location(diagnostics)


def _is_own(recipe: Recipe, target: TargetNode) -> bool:
    """Return whether a target names something in the recipe's code."""
    path = target.node.get(TARGET)
    top = str(path.value).partition(".")[0] if isinstance(path, Scalar) else ""
    place = recipe.library.find_module(top) if top else None
    return place is not None and place.local
