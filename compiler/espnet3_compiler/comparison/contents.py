"""What a recipe comes to: its settings, stages, models and configs, each value with its place."""

from collections.abc import Iterator, Mapping

from msgspec import Struct

from espnet3_compiler.build.plan import Plan, StagePlan
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.manifest.lower import GLOBALS
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.pipeline import display_name
from espnet3_compiler.result import CompileResult
from espnet3_compiler.syntax.tree import Node, Path, Plain, children, format_path, to_python

DEFAULT = "the default"
"""The place of a value that stands in no file of the recipe."""


class PlacedValue(Struct, frozen=True):
    """A value, and the place where it is written, as ``conf/training.yaml:12:5``."""

    value: Plain
    place: str


class RecipePart(Struct, frozen=True):
    """A stage, model or config: where it is declared, and its values by their paths."""

    place: str
    values: Mapping[str, PlacedValue]


class RecipeContents(Struct, frozen=True):
    """What a recipe comes to after composition.

    Attributes:
        name: The manifest or lock, as reports call it.
        tag_by_name: The experiment tag that a manifest of this file name has by default.
        settings: recipe, system, exp_tag, exp_dir and data_dir.
        parts: Stages, models and configs, by block and name, in the order of the manifest.
        note: What a reader must know of where the contents come from.
    """

    name: str
    tag_by_name: str
    settings: Mapping[str, PlacedValue]
    parts: Mapping[tuple[str, str], RecipePart]
    note: str = ""


def compiled_contents(outcome: CompileResult, name: str) -> RecipeContents | None:
    """Return what a compiled manifest comes to; None where it has mistakes.

    Args:
        outcome: The manifest after all steps.
        name: What reports call the manifest or lock.
    """
    plan, recipe, resolved = outcome.plan, outcome.recipe, outcome.resolved
    if plan is None or recipe is None or resolved is None:
        return None
    parts = dict(_stage_parts(plan, recipe, resolved))
    for model in recipe.models:
        node = resolved.models[str(model.name.value)]
        parts["models", str(model.name.value)] = _part(model.name.span, node)
    for config in recipe.configs:
        node = resolved.configs[str(config.name.value)]
        parts["configs", str(config.name.value)] = _part(config.name.span, node)
    return RecipeContents(name, outcome.path.stem, _settings(plan, recipe), parts)


def place_of(span: Span) -> str:
    """Return a place as ``conf/training.yaml:12:5``."""
    if span.source.kind == "schema":
        return DEFAULT
    if span.source.kind == "set":
        return f"--set {span.source.text}"
    line, column = span.source.line_column(span.start)
    name = display_name(span.source.path) if span.source.path else span.source.name
    return f"{name}:{line}:{column}"


def placed_values(node: Node, path: Path = ()) -> Iterator[tuple[str, PlacedValue]]:
    """Yield the leaves of a tree by their paths; an empty mapping or list is one."""
    below = children(node)
    for step, child in below:
        yield from placed_values(child, (*path, step))
    if not below:
        yield format_path(path), PlacedValue(to_python(node), place_of(node.span))


def _part(declared: Span, node: Node) -> RecipePart:
    return RecipePart(place_of(declared), dict(placed_values(node)))


def _settings(plan: Plan, recipe: Recipe) -> dict[str, PlacedValue]:
    found = {
        "recipe": PlacedValue(plan.recipe, place_of(recipe.name.span)),
        "system": PlacedValue(plan.system, place_of(recipe.system.name.span)),
    }
    for name in GLOBALS:
        node = recipe.globals.get(name)
        assert node is not None
        found[name] = PlacedValue(plan.globals[name], place_of(node.span))
    return found


def _stage_parts(
    plan: Plan, recipe: Recipe, resolved: Resolved
) -> Iterator[tuple[tuple[str, str], RecipePart]]:
    for planned, stage in zip(plan.stages, recipe.stages, strict=True):
        values = _stage_values(planned, stage)
        call = resolved.calls.get(planned.name)
        values |= dict(placed_values(call)) if call and call.entries else {}
        yield ("stages", planned.name), RecipePart(place_of(stage.name.span), values)


def _stage_values(planned: StagePlan, stage: StageDecl) -> dict[str, PlacedValue]:
    here = place_of(stage.name.span)
    found = {}
    for key, node in (("run", stage.run), ("call", stage.call), ("model", stage.model)):
        if node is not None:
            found[key] = PlacedValue(node.value, place_of(node.span))
    for binding in stage.configs:
        found[f"config.{binding.role}"] = PlacedValue(binding.config, place_of(binding.span))
    if stage.init_from:
        found["init_from"] = PlacedValue(planned.init_from, place_of(stage.init_from.span))
    if planned.needs:
        found["needs"] = PlacedValue(list(planned.needs), here)
    return found
