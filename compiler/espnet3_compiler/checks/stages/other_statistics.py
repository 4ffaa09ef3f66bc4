"""Statistics of other features than those that the model makes which reads them.

Passes: ``features: ${models.net.frontend}``; an object of the same class whose arguments are
the same, or whose defaults are; one with ``dither: 0`` beside another dither.
Fails: ``features: {_target_: src.features.LogMel, n_mels: 80}`` where the part of the model has
``n_mels: 40``.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from espnet3_compiler.checks.data.bodies import constructor_of, default_values
from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.refusals.constant_values import UnknownValueError, constant_value
from espnet3_compiler.checks.targets.nodes import keyword_arguments
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.manifest.values import text_of
from espnet3_compiler.signature.library import Library
from espnet3_compiler.stage_graph.stage_inputs import certain_config, model_of, output_uses
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, children, node_at
from espnet3_schemas import TARGET

_FEATURES = ("collect_stats", "features")
_STATISTICS = "feats_stats"
_SAME = "name the part of the model there, or give both the same arguments"


class _Difference(Struct, frozen=True):
    """An argument that two objects of a class have otherwise.

    Attributes:
        name: The argument.
        given: Where that of the features is written, and what it is.
        model: Where that of the model is written, and what it is.
    """

    name: str
    given: tuple[Node, object]
    model: tuple[Node, object]


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R442."""
    makers = {}
    for stage in stages_of_kind("collect_stats", recipe):
        config = certain_config(stage, "training", resolved)
        features = node_at(config, _FEATURES) if config else None
        if isinstance(features, Mapping) and features.entry(TARGET):
            makers[str(stage.name.value)] = features
    found: list[Diagnostic] = []
    for stage in stages_of_kind("train", recipe) if makers else ():
        model = model_of(stage, resolved)
        for reader, maker, span in _readers(model) if model else ():
            if maker in makers:
                whole = reader is resolved.models.get(text_of(stage.model))
                found += _compare(recipe.library, stage, reader, (makers[maker], span), whole=whole)
    yield from first_per_location(found)


def _readers(node: Node) -> Iterator[tuple[Mapping, str, Span]]:
    """Yield the objects that read statistics, each with the stage of these and where it does."""
    for _, child in children(node):
        uses = list(output_uses(child)) if isinstance(child, Scalar) else []
        for stage, output, span in uses if isinstance(node, Mapping) else ():
            if output == _STATISTICS and isinstance(node, Mapping):
                yield node, stage, span
        if not isinstance(child, Scalar):
            yield from _readers(child)


def _compare(
    library: Library,
    stage: StageDecl,
    reader: Mapping,
    statistics: tuple[Mapping, Span],
    *,
    whole: bool,
) -> Iterator[Diagnostic]:
    """Report statistics where every part of their class beside them is made otherwise.

    Args:
        library: Reads the class.
        stage: The training.
        reader: The object that reads the statistics.
        statistics: What made the features of these, and where they are read.
        whole: Whether that object is the model itself.
    """
    features, span = statistics
    path = text_of(features.get(TARGET))
    alike = [one for one in reader if path and text_of(node_at(one.value, (TARGET,))) == path]
    rows = [_differences(library, path, features, one.value) for one in alike]
    if not rows or not all(rows):
        return
    first = rows[0][0]
    if reader.entry(first.name):  # the class makes another object with it
        return
    (node, value), (other, needed) = first.given, first.model
    owner = f"models.{text_of(stage.model)}"
    yield value_finding(
        "R442",
        f'stage "{stage.name.value}" reads statistics of features with {first.name}: {value}, and '
        f"its model makes them with {first.name}: {needed}",
        node,
        f"{path} with {value}",
        related=(Label(use_location(other), f"with {needed}"), Label(span, "reads the statistics")),
        advice=(f"write features: ${{{owner}.{alike[0].name}}}" if whole else _SAME,),
    )


def _differences(
    library: Library, path: str, features: Mapping, part: Node
) -> Sequence[_Difference]:
    """Return the arguments that certainly differ, those first that are written for the features.

    Args:
        library: Reads the class.
        path: The class.
        features: What makes the features of the statistics.
        part: The part of the model.
    """
    both = [one for one in (features, part) if isinstance(one, Mapping) and has_certain_keys(one)]
    if len(both) < len((features, part)) or any(one.entry("_args_") for one in both):
        return ()
    mine, theirs = (_arguments(one) for one in both)
    defaults = _defaults(library, path) if mine.keys() ^ theirs.keys() else {}
    found = []
    for name in dict.fromkeys((*mine, *theirs)):
        given, model = mine.get(name), theirs.get(name)
        pair = [_value(one) if one else defaults.get(name) for one in (given, model)]
        if _are_other(*pair):
            found.append(_Difference(name, (given or features, pair[0]), (model or part, pair[1])))
    return found


def _arguments(node: Mapping) -> dict[str, Node]:
    return {entry.name: entry.value for entry in keyword_arguments(node)}


def _value(node: Node) -> object:
    return node.value if isinstance(node, Scalar) and not is_unresolved(node) else None


def _defaults(library: Library, path: str) -> dict[str, object]:
    """Return the defaults of a constructor that are constants."""
    found = constructor_of(library, path)
    values: dict[str, object] = {}
    for name, node in default_values(found.body) if found else ():
        try:
            values[name] = constant_value(node, {})
        except UnknownValueError:
            continue
    return values


def _are_other(first: object, second: object) -> bool:
    """Return whether two values are sizes or rates, and not the same.

    A zero or a switch may turn off what only a training needs, for example dither.
    """
    pair = (first, second)
    numbers = [
        one
        for one in pair
        if isinstance(one, int | float) and not isinstance(one, bool) and one > 0
    ]
    return len(numbers) == len(pair) and first != second
