"""The tensors that ``forward`` of a model certainly gets: the fields of a batch that is padded."""

from collections.abc import Collection

from msgspec.structs import replace

from espnet3_compiler.checks.data.bodies import FunctionBody
from espnet3_compiler.checks.methods.forward import has_plain_batches
from espnet3_compiler.checks.shapes.meanings.words import LENGTHS
from espnet3_compiler.checks.shapes.tensors import RANKS, any_tensor
from espnet3_compiler.checks.shapes.values import CallArgument, CallArguments, Meaning, Tensor
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.stage_graph.stage_inputs import certain_config, model_of
from espnet3_compiler.syntax.span_key import span_key
from espnet3_compiler.syntax.tree import Mapping


def plainly_trained(recipe: Recipe, resolved: Resolved) -> frozenset[object]:
    """Return the places of the models that only batches of the runtime train.

    Args:
        recipe: The recipe.
        resolved: The values of its configs.
    """
    plain: dict[object, bool] = {}
    for stage in stages_of_kind("train", recipe):
        model = model_of(stage, resolved)
        if model is not None:
            key = place_of(model)
            plain[key] = plain.get(key, True) and _is_plain(stage, resolved)
    return frozenset(key for key, yes in plain.items() if yes)


def place_of(model: Mapping) -> object:
    """Return what tells a model of the recipe from others."""
    return span_key(model.span)


def _is_plain(stage: StageDecl, resolved: Resolved) -> bool:
    config = certain_config(stage, "training", resolved)
    return config is not None and all(has_plain_batches(config, one) for one in ("train", "valid"))


def batch_arguments(body: FunctionBody) -> CallArguments:
    """Return the arguments of a ``forward`` that gets a batch: those that it needs are fields."""
    args = body.node.args
    ordered = [*args.posonlyargs, *args.args][1:]
    needed = ordered[: len(ordered) - len(args.defaults)] if args.defaults else ordered
    needed += [
        one for one, usual in zip(args.kwonlyargs, args.kw_defaults, strict=True) if not usual
    ]
    names = [one.arg for one in needed]
    named = {name: CallArgument(_field(name, names)) for name in names}
    return CallArguments(named=named, complete=False)


def _field(name: str, names: Collection[str]) -> Tensor:
    """Return a field of a batch: one that has lengths has the axis that these count."""
    counted = name + LENGTHS in names
    ranks = RANKS[:1] if name.endswith(LENGTHS) else RANKS[counted:]
    return replace(any_tensor(ranks), meaning=Meaning(0, field=name))
