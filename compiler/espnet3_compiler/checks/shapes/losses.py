"""Models that are trained whose ``forward`` gives more than one number where the loss should be.

Passes: ``return self.loss(self.head(hidden), label)``; a ``forward`` that gives scores where there
are no labels.
Fails: ``return self.head(hidden)`` where the layer is ``nn.Linear(256, 500)``.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.data.bodies import method_body, returned_values
from espnet3_compiler.checks.methods.forward import trained_model
from espnet3_compiler.checks.shapes.calls import call_method, construct
from espnet3_compiler.checks.shapes.classes import model_class
from espnet3_compiler.checks.shapes.frames import Run
from espnet3_compiler.checks.shapes.targets import forward_arguments, target_arguments
from espnet3_compiler.checks.shapes.values import Group, Size, Tensor, Value
from espnet3_compiler.checks.targets.nodes import target_path
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.stage_graph.stage_inputs import model_of
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.tree import Mapping, Scalar

_FORMS = 'a tensor with one number, {"loss": …, …} or (loss, stats, weight)'


def loss_findings(
    run: Run, plain: frozenset[object], recipe: Recipe, resolved: Resolved
) -> Iterator[Diagnostic]:
    """Yield R428 for each model that is trained.

    Args:
        run: What is shared with other models that are followed.
        plain: The models that are trained with batches of the runtime.
        recipe: The recipe.
        resolved: The values of its configs.
    """
    for stage in stages_of_kind("train", recipe):
        node, path = model_of(stage, resolved), trained_model(stage, resolved)
        size = _size_of_result(run, node, plain) if node and path else None
        if path and size:
            yield from _finding(recipe, path, size)


def _size_of_result(run: Run, node: Mapping, plain: frozenset[object]) -> Size | None:
    """Return a size of what a model certainly gives in the place of a loss; None for no other.

    Args:
        run: What is shared with other models that are followed.
        node: The model.
        plain: The models that are trained with batches of the runtime.
    """
    path = target_path(node)
    found = model_class(run.library, path) if path else None
    if found is None or found.steps:
        return None
    part = construct(run, path, target_arguments(run, node, ()), certain=True)
    if part is None:
        return None
    given = call_method(run, part, "forward", forward_arguments(run, node, plain), certain=True)
    return _large_size(given.items[0] if isinstance(given, Group) and given.items else given)


def _large_size(value: Value) -> Size | None:
    """Return a size of a tensor that certainly has more than one number."""
    shapes = value.shapes if isinstance(value, Tensor) else ()
    large = [next((one for one in shape if one and one.value > 1), None) for shape in shapes]
    return large[0] if large and None not in large else None


def _finding(recipe: Recipe, path: Scalar, size: Size) -> Iterator[Diagnostic]:
    body = method_body(recipe.library, str(path.value), "forward")
    values = returned_values(body.node) if body else []
    made = f", which {size.layer.shown} makes" if size.layer else ""
    if body and values:
        yield Diagnostic(
            "R428",
            f"{path.value}.forward must return a loss, not a tensor of size {size.value}{made}",
            Label(body.span_in(values[0]), "more than one number"),
            (Label(use_location(path), "trained here"),),
            (f"return the loss: {_FORMS}",),
        )
