"""Follow a model with what the items of its data are, and say what it cannot take."""

import ast
from collections.abc import Iterator
from typing import NamedTuple

from espnet3_compiler.checks.code.modules import recipe_modules
from espnet3_compiler.checks.data.bodies import FunctionBody, method_body
from espnet3_compiler.checks.data.fields import split_entries
from espnet3_compiler.checks.shapes.calls import call_function, call_method, construct
from espnet3_compiler.checks.shapes.classes import model_class
from espnet3_compiler.checks.shapes.frames import Run
from espnet3_compiler.checks.shapes.interpreter import start_run
from espnet3_compiler.checks.shapes.made.arrays import array_of
from espnet3_compiler.checks.shapes.mismatches import layer_findings
from espnet3_compiler.checks.shapes.targets import changes_layers, target_arguments
from espnet3_compiler.checks.shapes.values import CallArgument, CallArguments, Part, Size, Tensor
from espnet3_compiler.checks.sizes.item_values import split_item
from espnet3_compiler.checks.sizes.numberings import numbering_findings
from espnet3_compiler.checks.sizes.padded_axes import Field, axis_findings
from espnet3_compiler.checks.targets.datasets import is_available
from espnet3_compiler.checks.targets.nodes import target_path
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.values import as_texts
from espnet3_compiler.signature.flow import all_nodes
from espnet3_compiler.syntax.tree import Mapping, Node, node_at

_SPLITS = {"train": ("train", "valid"), "infer": ("test",)}
_LENGTHS = "_lengths"


class _Model(NamedTuple):
    """A model that is called with batches.

    Attributes:
        run: What is shared by all that is followed.
        part: The object.
        body: Its ``forward``.
    """

    run: Run
    part: Part
    body: FunctionBody


def check_model(
    node: Mapping, config: Mapping, kind: str, recipe: Recipe, resolved: Resolved
) -> list[Diagnostic]:
    """Return R524, R434 and R431 for the items that a model is called with.

    Args:
        node: The model.
        config: The config of the stage that calls it.
        kind: ``train`` or ``infer``.
        recipe: The recipe.
        resolved: The values of its configs.
    """
    model = _made(node, recipe)
    if model is None:
        return []
    fields = list(_fields(model, config, kind, recipe))
    found = axis_findings(fields)
    run = model.run
    run.mismatches = [one for one in run.mismatches if one.got.field]
    found += layer_findings(run) + numbering_findings(run.over)
    changed = found and changes_layers(run, recipe_modules(recipe, resolved))
    return [] if changed else found


def _made(node: Mapping, recipe: Recipe) -> _Model | None:
    """Return the object that is the model; None where it, or its ``forward``, is not known."""
    run, path = start_run(recipe.library), target_path(node)
    arguments = target_arguments(run, node, ())
    found = model_class(run.library, path)
    if found:
        part = construct(run, path, arguments, certain=True)
    else:
        value = call_function(run, path, arguments, certain=True)
        part = value if isinstance(value, Part) else None
        found = model_class(run.library, part.path) if part else None
    body = method_body(run.library, part.path, "forward") if part else None
    return _Model(run, part, body) if part and body and found and not found.steps else None


def _fields(model: _Model, config: Mapping, kind: str, recipe: Recipe) -> Iterator[Field]:
    """Call a model with an item of each of its data sets, and yield the fields that it takes."""
    inputs = [str(one.value) for one in as_texts(config.get("input_key"))]
    single = {str(one.value) for one in as_texts(_collate(config, "not_sequence"))}
    for split in _SPLITS[kind]:
        for data in split_entries(recipe, config, split):
            item = split_item(recipe.library, config, split, data) if is_available(data) else None
            known = {} if item is None else dict(item.fields)
            given = {name: known[name] for name in known if kind == "train" or name in inputs}
            yield from _call(model, given, single)


def _collate(config: Mapping, name: str) -> Node | None:
    return node_at(config, ("dataloader", "collate_fn", name))


def _call(model: _Model, given: dict[str, CallArgument], single: set[str]) -> Iterator[Field]:
    """Call ``forward`` with a batch of some fields, and yield those that are arrays.

    Args:
        model: The model.
        given: The fields of an item.
        single: Those that have no lengths.
    """
    args = model.body.node.args
    names = [one.arg for one in (*args.posonlyargs, *args.args, *args.kwonlyargs)][1:]
    arrays = {name: array for name in names if name in given and (array := array_of(given[name]))}
    read = {one.id for one in all_nodes(model.body.node) if isinstance(one, ast.Name)}
    for name, array in arrays.items():
        lengths = name + _LENGTHS
        if lengths in names and lengths in read and name not in single:
            yield Field(name, model.part.path, given[name], array)
    batch = {name: CallArgument(_batched(name, array)) for name, array in arrays.items()}
    unknown = {name: CallArgument(None) for name in names}
    if batch:
        arguments = CallArguments(named={**unknown, **batch})
        call_method(model.run, model.part, "forward", arguments, certain=True)


def _batched(name: str, array: Tensor) -> Tensor:
    """Return a field of a batch, whose items are padded along their first axis."""
    shapes = tuple((None, *(_named(size, name) for size in shape)) for shape in array.shapes)
    return Tensor(shapes, array.numbering)


def _named(size: Size | None, name: str) -> Size | None:
    return size and Size(size.value, None, size.argument, size.factor, name)
