"""Follow a model with what the items of its data are, and say what it cannot take."""

import ast
from collections.abc import Collection

from espnet3_compiler.checks.code.modules import recipe_modules
from espnet3_compiler.checks.data.bodies import FunctionBody, method_body
from espnet3_compiler.checks.shapes.calls import call_function, call_method, construct
from espnet3_compiler.checks.shapes.classes import model_class
from espnet3_compiler.checks.shapes.frames import Run
from espnet3_compiler.checks.shapes.interpreter import start_run
from espnet3_compiler.checks.shapes.mismatches import layer_findings
from espnet3_compiler.checks.shapes.targets import changes_layers, target_arguments
from espnet3_compiler.checks.shapes.torch_layers import Mismatch, OverNumbered
from espnet3_compiler.checks.shapes.values import (
    CallArgument,
    CallArguments,
    Item,
    Meaning,
    Part,
    Size,
    Tensor,
)
from espnet3_compiler.checks.sizes.batches import Batch
from espnet3_compiler.checks.sizes.numberings import numbering_findings
from espnet3_compiler.checks.sizes.padded_axes import Field, axis_findings
from espnet3_compiler.checks.targets.nodes import target_path
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.values import as_texts
from espnet3_compiler.signature.flow import all_nodes
from espnet3_compiler.syntax.tree import Mapping, Node, node_at

_PAIRS = "R921"
_LENGTHS, _STEP = "_lengths", "training_step"


def check_model(
    node: Mapping,
    config: Mapping,
    kind: str,
    batches: Collection[Batch],
    recipe: Recipe,
    resolved: Resolved,
) -> list[Diagnostic]:
    """Return R524, R434, R431 and R921 for the items that a model is called with.

    Args:
        node: The model.
        config: The config of the stage that calls it.
        kind: ``train`` or ``infer``.
        batches: The items, as far as more than their fields is known.
        recipe: The recipe.
        resolved: The values of its configs.
    """
    run = start_run(recipe.library)
    model = _made(run, node)
    if model is None:
        return []
    single = {str(one.value) for one in as_texts(_collate(config, "not_sequence"))}
    found = axis_findings(
        Field(name, model.path, array)
        for batch in batches
        for name, array in batch.items()
        if name not in single and _reads_lengths(run, model, name)
    )
    found_class = model_class(run.library, model.path)
    steps = kind == "train" and found_class is not None and found_class.steps
    for batch in batches:
        (_call_step if steps else _call)(run, model, batch)
    found += layer_findings(one for one in run.found_of(Mismatch) if one.got.field)
    found += numbering_findings(run.found_of(OverNumbered))
    if not any(_lacks_lengths(run, model, batch) for batch in batches):
        found += [one for one in run.found_of(Diagnostic) if one.code == _PAIRS][:1]
    changed = found and changes_layers(run, recipe_modules(recipe, resolved))
    return [] if changed else found


def _collate(config: Mapping, name: str) -> Node | None:
    return node_at(config, ("dataloader", "collate_fn", name))


def _made(run: Run, node: Mapping) -> Part | None:
    """Return the object that is the model; None where it is not known."""
    path, arguments = target_path(node), target_arguments(run, node, ())
    found = model_class(run.library, path)
    if found:
        return construct(run, path, arguments, certain=True)
    made = call_function(run, path, arguments, certain=True)
    known = isinstance(made, Part) and model_class(run.library, made.path)
    return made if isinstance(made, Part) and known else None


def _parameters(body: FunctionBody) -> list[str]:
    args = body.node.args
    return [one.arg for one in (*args.posonlyargs, *args.args, *args.kwonlyargs)][1:]


def _reads_lengths(run: Run, model: Part, name: str) -> bool:
    """Return whether ``forward`` does something with the lengths of a field."""
    body, lengths = method_body(run.library, model.path, "forward"), name + _LENGTHS
    if body is None or lengths not in _parameters(body):
        return False
    names = [one for one in all_nodes(body.node) if isinstance(one, ast.Name)]
    return any(one.id == lengths and isinstance(one.ctx, ast.Load) for one in names)


def _lacks_lengths(run: Run, model: Part, batch: Batch) -> bool:
    """Return whether ``forward`` takes lengths of a number, which is said elsewhere."""
    body = method_body(run.library, model.path, "forward")
    numbers = [name for name, one in batch.items() if one.array.shapes == ((),)]
    return body is not None and any(name + _LENGTHS in _parameters(body) for name in numbers)


def _call(run: Run, model: Part, batch: Batch) -> None:
    """Call ``forward`` with a batch, of which other fields are not known."""
    body = method_body(run.library, model.path, "forward")
    names = _parameters(body) if body else []
    known = {name: _batched(name, batch[name].array) for name in names if name in batch}
    if known:
        arguments = {name: CallArgument(known.get(name)) for name in names}
        call_method(run, model, "forward", CallArguments(named=arguments), certain=True)


def _call_step(run: Run, model: Part, batch: Batch) -> None:
    """Call ``training_step`` of a ``LightningModule`` with a batch, which is a mapping."""
    body = method_body(run.library, model.path, _STEP)
    fields = {name: CallArgument(_batched(name, one.array)) for name, one in batch.items()}
    for name in _parameters(body)[:1] if body else []:
        arguments = CallArguments(named={name: CallArgument(Item(fields))})
        call_method(run, model, _STEP, arguments, certain=True)


def _batched(name: str, array: Tensor) -> Tensor:
    """Return a field of a batch, whose items are padded along their first axis."""
    shapes = tuple((None, *(_named(size, name) for size in shape)) for shape in array.shapes)
    return Tensor(shapes, array.numbering, meaning=Meaning(0, field=name))


def _named(size: Size | None, name: str) -> Size | None:
    return size and Size(size.value, None, size.argument, size.factor, name)
