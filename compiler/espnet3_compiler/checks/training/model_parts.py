"""Parts of a model that a training config names: those to freeze, to start afresh, to optimize.

Passes: ``freeze: [encoder]`` where the model's code has a word ``encoder``; ``freeze: [layers.0]``.
Fails: ``freeze: [encodr]``, ``reinit: [haed]``, ``init_from: easy:encoder:encodr``,
``optimizers: {a: {params: haed, …}}`` where no code of the model has such a word;
``freeze: ["*"]``, or a list of all parts; ``init_from: easy:encoder`` where the model of ``easy``
has none.

Names are attributes of objects, of which only running code knows all: a part counts as missing
only if its name is nowhere in the code that builds the model.
"""

import re
from collections.abc import Iterator
from typing import TypeGuard

from msgspec.structs import replace

from espnet3_compiler.checks.code.part_names import PartNames, part_names, parts_of
from espnet3_compiler.checks.findings import name_fix, value_finding
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.signature.library import Library
from espnet3_compiler.stage_graph.stage_inputs import (
    certain_config,
    model_of,
    walk_leaves,
)
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, Sequence, children, node_at
from espnet3_compiler.syntax.unknown_name import did_you_mean, format_names
from espnet3_schemas import TARGET

_ALL = "*"
_MOST_NAMED = 8


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R807 for parts that the model does not have, R415 where nothing is left to train."""
    found: list[Diagnostic] = []
    for stage in stages_of_kind("train", recipe):
        config = certain_config(stage, "training", resolved)
        selectors = list(_selectors(stage, config)) if config else []
        model = _complete_model(stage, resolved) if selectors else None
        names = part_names(recipe.library, _targets(model)) if model else None
        for key, node in selectors:
            if key == "freeze" and node.value == _ALL:
                found.append(_nothing_left(node))
            elif names and model and names.first_missing(str(node.value).split(".")) is not None:
                own = _top_parts(model, recipe.library) if "." not in str(node.value) else ()
                shown = f"the model has {format_names(sorted(own), _MOST_NAMED)}"
                found += _check_selector(key, node, names, (shown,) if own else ())
        found += _check_contradiction(selectors)
        if names and model and any(key == "freeze" for key, _ in selectors):
            found += _check_rest(selectors, model, recipe.library)
        source = list(_check_source(stage, names, recipe, resolved))
        found += source or (_check_target(stage, model, recipe.library) if model else ())
    yield from first_per_location(found)


def _selectors(stage: StageDecl, config: Mapping) -> Iterator[tuple[str, Scalar]]:
    """Yield the parts that a training names, each with the key that names it."""
    for key in ("freeze", "reinit") if stage.init_from else ("freeze",):
        listed = config.get(key)
        for item in listed.items if isinstance(listed, Sequence) else ():
            if _is_text(item):
                yield key, item
    if target := _target_of_weights(stage):
        yield "init_from", target
    named = config.get("optimizers")
    for entry in named if isinstance(named, Mapping) else ():
        part = node_at(entry.value, ("params",))
        if part is not None and _is_text(part):
            yield f"optimizers.{entry.name}.params", part


def _target_of_weights(stage: StageDecl) -> Scalar | None:
    """Return the part of the model that ``init_from`` names last."""
    written = stage.node.get("init_from") if isinstance(stage.node, Mapping) else None
    target = stage.init_parts.rpartition(":")[2]
    if not target or not isinstance(written, Scalar):
        return None
    return _word_of(written, target, written.span.text.rfind(target))


def _word_of(written: Scalar, word: str, offset: int) -> Scalar:
    start = written.span.start + offset
    span = replace(written.span, start=start, end=start + len(word))
    return Scalar(word, span, "plain", written.via)


def _check_source(
    stage: StageDecl, own: PartNames | None, recipe: Recipe, resolved: Resolved
) -> Iterator[Diagnostic]:
    """Report a part that ``init_from`` takes of a model of another stage, which has none."""
    written = stage.node.get("init_from") if isinstance(stage.node, Mapping) else None
    part = stage.init_parts.split(":")[1] if stage.init_parts else ""
    start = stage.init_from.value if part and stage.init_from else None
    trained = stages_of_kind("train", recipe) if start else ()
    source = next((one for one in trained if one.name.value == start), None)
    model = _complete_model(source, resolved) if source else None
    if model is None or not isinstance(written, Scalar):
        return
    names, mine = part_names(recipe.library, _targets(model)), _complete_model(stage, resolved)
    node = _word_of(written, part, written.span.text.find(f":{part}") + 1)
    known = own is not None and own.first_missing(part.split(".")) is None
    whole = known or (mine is not None and part in _top_parts(mine, recipe.library))
    advice = (f"for all of its weights into {part}: {start}::{part}",) if whole else ()
    found = list(_check_selector("init_from", node, names, advice)) if names else []
    place = written if whole else node
    yield from found or _check_top((str(start), place), part, model, recipe.library, advice)


def _check_target(stage: StageDecl, model: Mapping, library: Library) -> Iterator[Diagnostic]:
    """Report a part into which ``init_from`` shall copy weights, and that the model lacks."""
    if target := _target_of_weights(stage):
        yield from _check_top(("", target), str(target.value), model, library, ())


def _check_top(
    at: tuple[str, Scalar], part: str, model: Mapping, library: Library, advice: tuple[str, ...]
) -> Iterator[Diagnostic]:
    """Report a part of ``init_from`` that is none of the attributes that a model's class sets.

    Args:
        at: The stage of the model, empty for that of the stage itself; and the place to show.
        part: The part.
        model: The model.
        library: Reads its class.
        advice: What to write instead.
    """
    parts = _top_parts(model, library)
    first = part.partition(".")[0]
    whose = f'the model of "{at[0]}"' if at[0] else "the model"
    if parts and first not in parts:
        near = closest_match(first, parts)
        yield value_finding(
            "R807",
            f'{whose} has no part "{first}", of which init_from takes the weights',
            at[1],
            "matches nothing",
            advice=did_you_mean(near, *advice, f"its parts are {format_names(sorted(parts), 8)}"),
        )


def _check_contradiction(selectors: list[tuple[str, Scalar]]) -> Iterator[Diagnostic]:
    """Report parts that start from random weights and are frozen: they are never trained."""
    afresh = {str(node.value): node for key, node in selectors if key == "reinit"}
    for key, node in selectors:
        other = afresh.get(str(node.value)) if key == "freeze" else None
        if other:
            yield value_finding(
                "R415",
                f'"{node.value}" is frozen, and reinit gives it random weights',
                node,
                "never trained",
                related=(Label(use_location(other), "starts afresh"),),
                advice=("take it out of freeze, or out of reinit",),
            )


def _is_text(node: Node) -> TypeGuard[Scalar]:
    return isinstance(node, Scalar) and isinstance(node.value, str) and "$" not in node.value


def _complete_model(stage: StageDecl, resolved: Resolved) -> Mapping | None:
    """Return the model that a stage trains, if it was read to its end."""
    model = model_of(stage, resolved)
    complete = model is not None and all(map(has_certain_keys, _mappings(model)))
    return model if complete else None


def _mappings(node: Node) -> Iterator[Mapping]:
    if isinstance(node, Mapping):
        yield node
    for _, child in children(node):
        yield from _mappings(child)


def _targets(model: Mapping) -> list[str]:
    """Return the dotted paths of a model and of the objects that it is given; none of a task."""
    if model.entry(TARGET) is None:
        return []
    return [str(leaf.node.value) for leaf in walk_leaves(model) if leaf.path[-1] == TARGET]


def _nothing_left(node: Scalar) -> Diagnostic:
    return value_finding(
        "R415",
        "freeze names every part of the model, and leaves no parameter to train",
        node,
        "nothing to train",
        advice=("name the parts that are not trained, for example [encoder]",),
    )


def _check_rest(
    selectors: list[tuple[str, Scalar]], model: Mapping, library: Library
) -> Iterator[Diagnostic]:
    """Report parts to freeze that are all that the model has."""
    frozen = {str(node.value): node for key, node in selectors if key == "freeze"}
    parts = _top_parts(model, library)
    if parts and parts <= frozen.keys():
        yield _nothing_left(next(iter(frozen.values())))


def _top_parts(model: Mapping, library: Library) -> frozenset[str]:
    """Return the attributes of a model that may have parameters; none where there may be more."""
    objects = frozenset(entry.name for entry in model if not isinstance(entry.value, Scalar))
    target = model.get(TARGET)
    if not isinstance(target, Scalar):
        return frozenset()
    return parts_of(library, str(target.value), objects)


def _check_selector(
    key: str, node: Scalar, names: PartNames, advice: tuple[str, ...] = ()
) -> Iterator[Diagnostic]:
    parts = str(node.value).split(".")
    wrong = names.first_missing(parts)
    if wrong is None:
        return
    above = parts[parts.index(wrong) - 1] if parts[0] != wrong else ""
    inner = names.inside.get(above, ())
    alike = [one for one in inner if one.partition("_")[0] == wrong.partition("_")[0]]
    near = closest_match(re.sub(r"[*?].*", "", wrong), alike or inner or names.attributes)
    meant = ".".join(near if near and part == wrong else part for part in parts)
    hint = f"the model's code sets {format_names(names.attributes, _MOST_NAMED)}"
    if inner:
        hint = f"{above or 'the model'} has {format_names(inner, _MOST_NAMED)}"
    yield value_finding(
        "R807",
        f'no parameter of the model has "{wrong}" in its name, which {key} asks for',
        node,
        "matches nothing",
        advice=did_you_mean(
            meant if near else None, *(advice or ((hint,) if names.attributes else ()))
        ),
        fix=name_fix(node, meant if near else None, [], sure=False),
    )
