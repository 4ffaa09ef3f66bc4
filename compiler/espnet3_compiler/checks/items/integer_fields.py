"""Fields of whole numbers that reach, as they are, what PyTorch computes with floats only.

Passes: ``soundfile.read(path, dtype="float32")``; ``dtype="int16"`` where a preprocessor, a
transform or the model writes ``.float()`` or divides.
Fails: ``dtype="int16"`` of ``speech``, which ``forward`` hands to ``torch.stft`` or to a layer.
"""

import ast
from collections.abc import Iterator

from espnet3_compiler.checks.code.modules import any_mentions, recipe_modules
from espnet3_compiler.checks.data.bodies import FunctionBody, method_body
from espnet3_compiler.checks.data.fields import COLLATE
from espnet3_compiler.checks.items.batches import split_kinds
from espnet3_compiler.checks.items.float_uses import FloatUse, Taker, float_use
from espnet3_compiler.checks.items.integer_arrays import INTEGERS, whole_numbers
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.manifest.values import text_of
from espnet3_compiler.signature.flow import dotted_name
from espnet3_compiler.stage_graph.lightning_models import lightning_model
from espnet3_compiler.stage_graph.stage_inputs import certain_config, model_of
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location, written_entry
from espnet3_compiler.syntax.tree import Mapping, node_at
from espnet3_schemas import TARGET

_WORDS = tuple(name.encode() for name in INTEGERS)


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R431, once for each place that makes whole numbers."""
    modules = recipe_modules(recipe, resolved) if recipe.complete else ()
    stages = stages_of_kind("train", recipe) if any_mentions(modules, _WORDS) else ()
    found: list[Diagnostic] = []
    for stage in stages:
        config, model = certain_config(stage, "training", resolved), model_of(stage, resolved)
        own = lightning_model(stage, recipe, resolved)[1] is not None
        if config and model and not own and _makes_plain_batches(config):
            found += _check_fields(recipe, config, model)
    yield from first_per_location(found)


def _makes_plain_batches(config: Mapping) -> bool:
    loader = node_at(config, ("dataloader", "train"))
    own = isinstance(loader, Mapping) and written_entry(loader, "loader") is not None
    return text_of(node_at(config, ("dataloader", "collate_fn", TARGET))) == COLLATE and not own


def _check_fields(recipe: Recipe, config: Mapping, model: Mapping) -> Iterator[Diagnostic]:
    path = text_of(model.get(TARGET))
    body = method_body(recipe.library, path, "forward")
    fields = split_kinds(recipe, config, "train").fields if body else {}
    for name, kind in fields.items():
        if body is None or kind.node is None or kind.body is None:
            continue
        place = whole_numbers(recipe.library, kind.node, kind.body)
        taker = Taker(recipe.library, model, path, body)
        use = float_use(taker, name) if place else None
        if place and use:
            yield _finding(name, kind.body, place, use, model)


def _finding(
    field: str, body: FunctionBody, place: ast.expr, use: FloatUse, model: Mapping
) -> Diagnostic:
    """Return R431 at what makes whole numbers.

    Args:
        field: The field.
        body: The function that makes it.
        place: What says that they are whole.
        use: What takes floats.
        model: The model that is trained.
    """
    kind = str(place.value) if isinstance(place, ast.Constant) else dotted_name(place)
    path = model.get(TARGET)
    assert path is not None
    related = (
        Label(use.body.span_in(use.call.func), "takes floats"),
        Label(use_location(path), "trained here"),
    )
    return Diagnostic(
        "R431",
        f'{use.name} takes floats, and gets "{field}" as the {kind} that the data set gives',
        Label(body.span_in(place), "whole numbers"),
        related,
        ('read audio with dtype="float32", or make floats of it: .float() / 32768',),
    )
