"""Outputs of stages that a recipe names, and the weights that a training stage starts from.

Passes: ``checkpoint: ${stages.train.best_checkpoint}``, ``init_from: train_easy``.
Fails: ``checkpoint: ${stages.train.best_ckpt}``, ``init_from: create_dataset``.
"""

import re
from collections.abc import Iterator
from keyword import iskeyword

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.diagnostics.suggest import closest_match, is_certain_match
from espnet3_compiler.manifest.lower import config_roles
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stage_kind
from espnet3_compiler.stage_graph.graph import INIT_OUTPUT
from espnet3_compiler.stage_graph.stage_inputs import outputs_of
from espnet3_compiler.syntax.span_key import SpanKey, span_key
from espnet3_compiler.syntax.unknown_name import (
    did_you_mean,
    format_names,
    rename_fix,
    spelling_fix,
)


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R205 and R404 for stages and outputs that do not exist, R409 for other weights."""
    stages = {str(stage.name.value): stage for stage in recipe.stages}
    stages |= _stages_by_kind(recipe, stages)
    lost: dict[str, list[Span]] = {}
    uses = list(_output_references(recipe, resolved))
    for names, span in uses:
        producer = stages.get(names[0])
        known = outputs_of(producer, recipe) if producer else None
        if producer is None:
            lost.setdefault(names[0], []).append(span)
        elif known is not None and names[1] not in known:
            yield _unknown_output(names[1], span, producer, list(known))
    used = {names[0] for names, _ in uses}
    for name, spans in lost.items():
        if not recipe.complete and not is_certain_match(name, stages):
            continue  # it may be one that could not be read, or whose name cannot be used
        yield _unknown_stage(name, spans, stages, used)
    for stage in recipe.stages:
        start = stage.init_from
        producer = stages.get(str(start.value)) if start else None
        if start and producer and producer is not stage:
            yield from _check_init_from(stage, start.span, producer, recipe)


def _stages_by_kind(recipe: Recipe, stages: dict[str, StageDecl]) -> dict[str, StageDecl]:
    """Return stages whose name cannot be used under their kind: others call them so, surely."""
    found: dict[str, StageDecl] = {}
    for stage in recipe.stages:
        name, kind = str(stage.name.value), stage_kind(stage)
        if kind and kind not in stages and (not name.isidentifier() or iskeyword(name)):
            found.setdefault(kind, stage)
    return found


def _output_references(
    recipe: Recipe, resolved: Resolved
) -> Iterator[tuple[tuple[str, str], Span]]:
    """Yield stage and output of every ``${stages.STAGE.OUTPUT}``, each place once.

    What a config that is only extended says counts where it is inherited: it may be replaced.
    """
    told: set[SpanKey] = set()
    roles = config_roles(recipe)
    extended = {str(config.extends.value) for config in recipe.configs if config.extends}
    bases = {("configs", name) for name in extended if roles.get(name, "") is None}
    for reference in resolved.references:
        namespace, *names = reference.target
        if reference.owner in bases:
            continue
        if namespace == "stages" and len(names) > 1 and span_key(reference.span) not in told:
            told.add(span_key(reference.span))
            yield (str(names[0]), ".".join(map(str, names[1:]))), reference.span


def _unknown_stage(
    name: str, spans: list[Span], stages: dict[str, StageDecl], used: set[str]
) -> Diagnostic:
    """Report a stage that references name and that is not declared.

    Where several references agree on a name, and no reference uses the stage of the nearest name,
    it is that stage that is misspelt.
    """
    near = closest_match(name, stages)
    places = [Label(_key_span(span, name), "named here") for span in spans]
    message = f'no stage is called "{name}"'
    help_ = did_you_mean(near)
    if near and len(spans) > 1 and near not in used:
        stage = stages[near].name
        fix = rename_fix(stage, name, certain=False)
        label = Label(stage.span, f'every reference says "{name}"')
        return Diagnostic(
            "R205", message, label, tuple(places), (f'did you mean to call it "{name}"?',), fix=fix
        )
    label = Label(places[0].span, f"not in ({format_names(stages)})")
    fix = Fix(
        f'write "{near}"',
        tuple(Edit(found.span, near or "") for found in places),
        certain=is_certain_match(name, stages),
    )
    rest = tuple(places[1:])
    return Diagnostic("R205", message, label, rest, help_, fix=fix if near else None)


def _unknown_output(name: str, span: Span, producer: StageDecl, known: list[str]) -> Diagnostic:
    near = closest_match(name, known)
    spot = _key_span(span, name)
    hint = f"it writes {format_names(known)}" if known else "it declares no outputs"
    return Diagnostic(
        code="R404",
        message=f'stage "{producer.name.value}" has no output "{name}"',
        primary=Label(spot, f"not in ({format_names(known)})" if known else "it has none"),
        related=(Label(producer.name.span, "the stage"),),
        help=did_you_mean(near, hint),
        fix=spelling_fix(spot, name, near, known),
    )


def _key_span(span: Span, word: str) -> Span:
    """Return the place of a key inside a ``${…}``, its last one; the whole if it is not there.

    Only a whole key counts: ``infe`` in ``${stages.infe.inference_dir}`` is not that of the output.
    """
    places = [m.start() for m in re.finditer(rf"(?<!\w){re.escape(word)}(?!\w)", span.text)]
    if not places:
        return span
    at = span.start + places[-1]
    return Span(span.source, at, at + len(word))


def _check_init_from(
    stage: StageDecl, spot: Span, producer: StageDecl, recipe: Recipe
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
            primary=Label(spot, "no training stage"),
            related=(Label(producer.name.span, "the stage"),),
            help=(
                f"training stages are {format_names(trains)}"
                if trains
                else "name a training stage",
            ),
        )
    elif stage.model and producer.model and stage.model.value != producer.model.value:
        yield Diagnostic(
            code="R409",
            message=f'init_from takes weights of model "{producer.model.value}" '
            f'for model "{stage.model.value}"',
            primary=Label(spot, f'stage "{name}" trains {producer.model.value}'),
            related=(
                Label(stage.model.span, "the model of this stage"),
                Label(producer.model.span, f'the model of stage "{name}"'),
            ),
            help=("give both stages the same model, or name another stage",),
        )
