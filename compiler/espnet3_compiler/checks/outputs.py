"""Outputs of stages that a recipe names, and the weights that a training stage starts from.

Passes: ``checkpoint: ${stages.train.best_checkpoint}``, ``init_from: train_easy``.
Fails: ``checkpoint: ${stages.train.best_ckpt}``, ``init_from: create_dataset``.
"""

import re
from collections.abc import Iterator
from keyword import iskeyword

from espnet3_compiler.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.ir import Recipe, Resolved, StageDecl
from espnet3_compiler.kinds import kind_of
from espnet3_compiler.lower import roles_of
from espnet3_compiler.lower_report import did_you_mean, listed, rename, spelling_fix
from espnet3_compiler.places import Place, place
from espnet3_compiler.reading import outputs_of
from espnet3_compiler.source import Span
from espnet3_compiler.stage_graph import INIT_OUTPUT
from espnet3_compiler.suggest import is_sure, nearest


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R205 and R404 for stages and outputs that do not exist, R409 for other weights."""
    stages = {str(stage.name.value): stage for stage in recipe.stages}
    stages |= _renamed(recipe, stages)
    lost: dict[str, list[Span]] = {}
    uses = list(_uses(recipe, resolved))
    for names, span in uses:
        producer = stages.get(names[0])
        known = outputs_of(producer, recipe) if producer else None
        if producer is None:
            lost.setdefault(names[0], []).append(span)
        elif known is not None and names[1] not in known:
            yield _unknown_output(names[1], span, producer, list(known))
    used = {names[0] for names, _ in uses}
    for name, spans in lost.items():
        if not recipe.whole and not is_sure(name, stages):
            continue  # it may be one that could not be read, or whose name cannot be used
        yield _unknown_stage(name, spans, stages, used)
    for stage in recipe.stages:
        start = stage.init_from
        producer = stages.get(str(start.value)) if start else None
        if start and producer and producer is not stage:
            yield from _start(stage, start.span, producer, recipe)


def _renamed(recipe: Recipe, stages: dict[str, StageDecl]) -> dict[str, StageDecl]:
    """Return stages whose name cannot be used under their kind: others call them so, surely."""
    found: dict[str, StageDecl] = {}
    for stage in recipe.stages:
        name, kind = str(stage.name.value), kind_of(stage)
        if kind and kind not in stages and (not name.isidentifier() or iskeyword(name)):
            found.setdefault(kind, stage)
    return found


def _uses(recipe: Recipe, resolved: Resolved) -> Iterator[tuple[tuple[str, str], Span]]:
    """Yield stage and output of every ``${stages.STAGE.OUTPUT}``, each place once.

    What a config that is only extended says counts where it is inherited: it may be replaced.
    """
    told: set[Place] = set()
    roles = roles_of(recipe)
    extended = {str(config.extends.value) for config in recipe.configs if config.extends}
    bases = {("configs", name) for name in extended if roles.get(name, "") is None}
    for reference in resolved.references:
        namespace, *names = reference.target
        if reference.owner in bases:
            continue
        if namespace == "stages" and len(names) > 1 and place(reference.span) not in told:
            told.add(place(reference.span))
            yield (str(names[0]), ".".join(map(str, names[1:]))), reference.span


def _unknown_stage(
    name: str, spans: list[Span], stages: dict[str, StageDecl], used: set[str]
) -> Diagnostic:
    """Report a stage that references name and that is not declared.

    Where several references agree on a name, and no reference uses the stage of the nearest name,
    it is that stage that is misspelt.
    """
    near = nearest(name, stages)
    places = [Label(_word(span, name), "named here") for span in spans]
    message = f'no stage is called "{name}"'
    help_ = did_you_mean(near)
    if near and len(spans) > 1 and near not in used:
        stage = stages[near].name
        fix = rename(stage, name, certain=False)
        label = Label(stage.span, f'every reference says "{name}"')
        return Diagnostic(
            "R205", message, label, tuple(places), (f'did you mean to call it "{name}"?',), fix=fix
        )
    label = Label(places[0].span, f"not in ({listed(stages)})")
    fix = Fix(
        f'write "{near}"',
        tuple(Edit(found.span, near or "") for found in places),
        certain=is_sure(name, stages),
    )
    rest = tuple(places[1:])
    return Diagnostic("R205", message, label, rest, help_, fix=fix if near else None)


def _unknown_output(name: str, span: Span, producer: StageDecl, known: list[str]) -> Diagnostic:
    near = nearest(name, known)
    spot = _word(span, name)
    hint = f"it writes {listed(known)}" if known else "it declares no outputs"
    return Diagnostic(
        code="R404",
        message=f'stage "{producer.name.value}" has no output "{name}"',
        primary=Label(spot, f"not in ({listed(known)})" if known else "it has none"),
        related=(Label(producer.name.span, "the stage"),),
        help=did_you_mean(near, hint),
        fix=spelling_fix(spot, name, near, known),
    )


def _word(span: Span, word: str) -> Span:
    """Return the place of a key inside a ``${…}``, its last one; the whole if it is not there.

    Only a whole key counts: ``infe`` in ``${stages.infe.inference_dir}`` is not that of the output.
    """
    places = [m.start() for m in re.finditer(rf"(?<!\w){re.escape(word)}(?!\w)", span.text)]
    if not places:
        return span
    at = span.start + places[-1]
    return Span(span.source, at, at + len(word))


def _start(
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
            help=(f"training stages are {listed(trains)}" if trains else "name a training stage",),
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
