"""Outputs of stages that a recipe names, and the weights that a training stage starts from.

Passes: ``checkpoint: ${stages.train.best_checkpoint}``, ``init_from: train_easy``.
Fails: ``checkpoint: ${stages.train.best_ckpt}``, ``init_from: create_dataset``.
"""

import ast
import re
from collections.abc import Iterator

from msgspec.structs import replace

from espnet3_compiler.checks.data.bodies import default_values, method_body
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.diagnostics.suggest import closest_match, is_certain_match
from espnet3_compiler.manifest.group_names import ROW_ADVICE
from espnet3_compiler.manifest.lower import config_roles
from espnet3_compiler.manifest.names import is_identifier
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import is_known_kind, stage_kind
from espnet3_compiler.manifest.values import text_of
from espnet3_compiler.signature.library import Library
from espnet3_compiler.stage_graph.graph import INIT_OUTPUT
from espnet3_compiler.stage_graph.stage_inputs import outputs_of
from espnet3_compiler.syntax.span_key import SpanKey, span_key
from espnet3_compiler.syntax.tree import Mapping, Path, walk_scalars
from espnet3_compiler.syntax.unknown_name import (
    did_you_mean,
    format_names,
    rename_fix,
    spelling_fix,
)
from espnet3_schemas import TARGET


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R205 and R404 for stages and outputs that do not exist, R409 for another model."""
    stages = {str(stage.name.value): stage for stage in recipe.stages}
    for stage in recipe.stages:  # a stage whose name cannot be used is referred to by its kind
        name, kind = str(stage.name.value), stage_kind(stage)
        if kind and not is_identifier(name):
            stages.setdefault(kind, stage)
    unknown: dict[str, list[tuple[Span, Path]]] = {}
    uses = list(_output_references(recipe, resolved))
    for name, output, span, owner in uses:
        producer = stages.get(name)
        known = outputs_of(producer, recipe) if producer else None
        if producer is None:
            unknown.setdefault(name, []).append((span, owner))
        elif known is not None and output not in known:
            yield _unknown_output(output, span, producer, list(known))
    yield from _unknown_stages(unknown, {name for name, _, _, _ in uses}, stages, recipe)
    for stage in recipe.stages:
        start = stage.init_from
        producer = stages.get(str(start.value)) if start else None
        if start and producer and producer is not stage:
            yield from _check_init_from(stage, start.span, producer, recipe, resolved)


def _unknown_stages(
    unknown: dict[str, list[tuple[Span, Path]]],
    used: set[str],
    stages: dict[str, StageDecl],
    recipe: Recipe,
) -> Iterator[Diagnostic]:
    """Yield R205 for stages that references name and nothing declares.

    Args:
        unknown: By the name as it is written the references, each with what holds it.
        used: The stages that references name.
        stages: The declared stages, by name.
        recipe: The recipe.
    """
    groups = recipe.group_names
    for name, places in unknown.items():
        spans, owner = [span for span, _ in places], places[0][1]
        names = groups.visible_names(owner, "stages", stages)
        if not (recipe.complete or is_certain_match(name, names)):
            continue  # it was not read
        if advice := groups.rows_hint("stages", name):
            yield _stage_of_rows(name, spans, advice)
            continue
        near = groups.full_name(owner, "stages", closest_match(name, names) or "")
        to_add = (f'add "{name}" to stages',) if is_known_kind(name, recipe) else ()
        found = _unknown_stage(name, spans, names, stages.get(near), is_used=near in used)
        yield found if found.help else replace(found, help=to_add)


def _stage_of_rows(name: str, spans: list[Span], advice: str) -> Diagnostic:
    """R205: a stage of a group, named outside without the id of a row."""
    labels = tuple(Label(_key_span(span, name), "which of them?") for span in spans)
    return Diagnostic(
        "R205", f'no stage is called "{name}"', labels[0], labels[1:], (advice, ROW_ADVICE)
    )


def _output_references(recipe: Recipe, resolved: Resolved) -> Iterator[tuple[str, str, Span, Path]]:
    """Yield stage, output, span and owner of every ``${stages.STAGE.OUTPUT}``, each span once.

    A config that is only extended is not read itself: another one may replace its values.
    """
    seen: set[SpanKey] = set()
    roles = config_roles(recipe)
    extended = {str(config.extends.value) for config in recipe.configs if config.extends}
    bases = {("configs", name) for name in extended if roles.get(name, "") is None}
    for reference in resolved.references:
        namespace, *names = reference.target
        if reference.owner in bases:
            continue
        if namespace == "stages" and len(names) > 1 and span_key(reference.span) not in seen:
            seen.add(span_key(reference.span))
            output = ".".join(map(str, names[1:]))
            yield str(names[0]), output, reference.span, reference.owner


def _unknown_stage(
    name: str, spans: list[Span], known: list[str], nearest: StageDecl | None, *, is_used: bool
) -> Diagnostic:
    """Report a stage that is not declared, with all references to it.

    Where several references agree on a name, and no reference uses the stage of the nearest name,
    the declaration of that stage is misspelt.

    Args:
        name: The name as it is written.
        spans: The references to it.
        known: The names that could stand there.
        nearest: The stage with the nearest of them.
        is_used: Whether a reference uses that stage.
    """
    near = closest_match(name, known)
    labels = tuple(Label(_key_span(span, name), "named here") for span in spans)
    message = f'no stage is called "{name}"'
    if nearest and len(spans) > 1 and not is_used:
        stage = nearest.name
        fix = rename_fix(stage, name, certain=False)
        label = Label(stage.span, f'every reference says "{name}"')
        advice = (f'did you mean to call it "{name}"?',)
        return Diagnostic("R205", message, label, labels, advice, fix=fix)
    label = Label(labels[0].span, f"not in ({format_names(known)})")
    first = spelling_fix(labels[0].span, name, near, known)
    edits = tuple(Edit(found.span, near or "") for found in labels)
    return Diagnostic(
        "R205",
        message,
        label,
        labels[1:],
        did_you_mean(near),
        fix=first and replace(first, edits=edits),
    )


def _unknown_output(name: str, span: Span, producer: StageDecl, known: list[str]) -> Diagnostic:
    near = closest_match(name, known)
    key = _key_span(span, name)
    hint = f"it writes {format_names(known)}" if known else "it declares no outputs"
    return Diagnostic(
        "R404",
        f'stage "{producer.name.value}" has no output "{name}"',
        Label(key, f"not in ({format_names(known)})" if known else "it has none"),
        related=(Label(producer.name.span, "the stage"),),
        help=did_you_mean(near, hint),
        fix=spelling_fix(key, name, near, known),
    )


def _key_span(span: Span, key: str) -> Span:
    """Return the span of the last such key inside a ``${…}``; its own span without one.

    A part of a key does not count: ``${stages.infe.inference_dir}`` has one key ``infe``.
    """
    found = list(re.finditer(rf"(?<!\w){re.escape(key)}(?!\w)", span.text))
    if not found:
        return span
    return Span(span.source, span.start + found[-1].start(), span.start + found[-1].end())


def _other_sizes(used: str, trained: str, library: Library, resolved: Resolved) -> tuple[str, ...]:
    """Return how two models of one class differ in their numbers.

    Args:
        used: The model of the stage.
        trained: The one that its weights come from.
        library: Reads the class.
        resolved: The models.
    """
    one, other = resolved.models.get(used), resolved.models.get(trained)
    if one is None or other is None or text_of(one.get(TARGET)) != text_of(other.get(TARGET)):
        return ()
    mine, theirs = _values_of(one, library), _values_of(other, library)
    found = [
        f"{'.'.join(map(str, path))}: {value} and {theirs[path]}"
        for path, value in mine.items()
        if theirs.get(path, value) != value
        and any(isinstance(number, int | float) for number in (value, theirs[path]))
    ]
    return (f"the models differ in {format_names(found)}",) if found else ()


def _values_of(model: Mapping, library: Library) -> dict[Path, object]:
    """Return the values of a model's arguments, with the defaults of those that are left out."""
    body = method_body(library, text_of(model.get(TARGET)), "__init__")
    defaults = default_values(body) if body else ()
    values: dict[Path, object] = {path: leaf.value for path, leaf in walk_scalars(model)}
    return values | {
        (name,): node.value
        for name, node in defaults
        if isinstance(node, ast.Constant) and model.entry(name) is None
    }


def _check_init_from(
    stage: StageDecl, start: Span, producer: StageDecl, recipe: Recipe, resolved: Resolved
) -> Iterator[Diagnostic]:
    """Report weights of a stage that trains nothing, or another model.

    Args:
        stage: The stage that starts from them.
        start: Where it says so.
        producer: The stage that it names.
        recipe: The recipe.
        resolved: The values of its configs.
    """
    known = outputs_of(producer, recipe)
    name = producer.name.value
    if known is not None and INIT_OUTPUT not in known:
        trains = [
            str(other.name.value)
            for other in recipe.stages
            if other is not stage and INIT_OUTPUT in (outputs_of(other, recipe) or {})
        ]
        hint = f"training stages are {format_names(trains)}" if trains else "name a training stage"
        yield Diagnostic(
            "R404",
            f'init_from names stage "{name}", which writes no {INIT_OUTPUT}',
            Label(start, "no training stage"),
            related=(Label(producer.name.span, "the stage"),),
            help=(hint,),
        )
    elif stage.init_parts:
        return  # a part of another model, too
    elif stage.model and producer.model and stage.model.value != producer.model.value:
        used, trained = stage.model.value, producer.model.value
        yield Diagnostic(
            "R409",
            f'init_from takes weights of model "{trained}" for model "{used}"',
            Label(start, f'stage "{name}" trains {trained}'),
            related=(
                Label(stage.model.span, "the model of this stage"),
                Label(producer.model.span, f'the model of stage "{name}"'),
            ),
            help=(
                "give both stages the same model, or name another stage",
                f"{name}:PART:PART takes a part of it, whose layers must have the same sizes",
            ),
            notes=_other_sizes(str(used), str(trained), recipe.library, resolved),
        )
