"""Outputs of stages that a recipe names, and the weights that a training stage starts from.

Passes: ``checkpoint: ${stages.train.best_checkpoint}``, ``init_from: train_easy``.
Fails: ``checkpoint: ${stages.train.best_ckpt}``, ``init_from: create_dataset``.
"""

from collections.abc import Iterator

from espnet3_compiler.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.ir import Recipe, Resolved, StageDecl
from espnet3_compiler.lower_report import listed
from espnet3_compiler.reading import OutputUse, all_uses, outputs_of
from espnet3_compiler.source import Span
from espnet3_compiler.stage_graph import INIT_OUTPUT
from espnet3_compiler.suggest import is_sure, nearest


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R404 for outputs that do not exist, R409 for weights of another model."""
    stages = {str(stage.name.value): stage for stage in recipe.stages}
    for use in all_uses(recipe, resolved):
        producer = stages.get(use.stage)
        known = outputs_of(producer, recipe) if producer else None
        if producer and known is not None and use.output not in known:
            yield _unknown_output(use, producer, list(known))
    for stage in recipe.stages:
        start = stage.init_from
        producer = stages.get(str(start.value)) if start else None
        if start and producer and producer is not stage:
            yield from _start(stage, start.span, producer, recipe)


def _unknown_output(use: OutputUse, producer: StageDecl, known: list[str]) -> Diagnostic:
    near = nearest(use.output, known)
    place = _last(use.place, use.output)
    hint = f"it writes {listed(known)}" if known else "it declares no outputs"
    label = f"not in ({listed(known)})" if known else "it has none"
    fix = None
    if near:
        fix = Fix(f'write "{near}"', (Edit(place, near),), certain=is_sure(use.output, known))
    return Diagnostic(
        code="R404",
        message=f'stage "{use.stage}" has no output "{use.output}"',
        primary=Label(place, label),
        related=(Label(producer.name.span, "the stage"),),
        help=(f'did you mean "{near}"?',) if near else (hint,),
        fix=fix,
    )


def _last(place: Span, word: str) -> Span:
    """Return the place of a word inside a ``${…}``, its last one; the whole if it is not there."""
    at = place.text.rfind(word)
    if at < 0:
        return place
    return Span(place.source, place.start + at, place.start + at + len(word))


def _start(
    stage: StageDecl, place: Span, producer: StageDecl, recipe: Recipe
) -> Iterator[Diagnostic]:
    known = outputs_of(producer, recipe)
    name = producer.name.value
    if known is not None and INIT_OUTPUT not in known:
        trains = [
            str(other.name.value)
            for other in recipe.stages
            if other is not stage and INIT_OUTPUT in (outputs_of(other, recipe) or {})
        ]
        yield Diagnostic(
            code="R404",
            message=f'init_from names stage "{name}", which writes no {INIT_OUTPUT}',
            primary=Label(place, "no training stage"),
            related=(Label(producer.name.span, "the stage"),),
            help=(f"training stages are {listed(trains)}" if trains else "name a training stage",),
        )
    elif stage.model and producer.model and stage.model.value != producer.model.value:
        yield Diagnostic(
            code="R409",
            message=f'init_from takes weights of model "{producer.model.value}" '
            f'for model "{stage.model.value}"',
            primary=Label(place, f'stage "{name}" trains {producer.model.value}'),
            related=(
                Label(stage.model.span, "the model of this stage"),
                Label(producer.model.span, f'the model of stage "{name}"'),
            ),
            help=("give both stages the same model, or name another stage",),
        )
