"""Attributes of the context that a stage of the recipe reads, against those that it has.

Passes: ``context.log.info(…)``.
Fails: ``context.logger.info(…)`` in a method of a System, or in the function of a ``call`` stage.
"""

import ast
from collections.abc import Iterator

from espnet3_compiler.checks.data.bodies import FunctionBody, class_of, function_body, method_body
from espnet3_compiler.checks.data.certain_code import is_asked, may_be_another
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import WILDCARD, stage_kind
from espnet3_compiler.signature.classes import attributes_of
from espnet3_compiler.signature.flow import all_nodes
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.unknown_name import did_you_mean, format_names

_CONTEXT = "context"
_CLASS = "espnet3_runtime.stage.StageContext"


def check(recipe: Recipe, _: Resolved) -> Iterator[Diagnostic]:
    """Yield R517."""
    users = list(_users(recipe))
    found = class_of(recipe.library, _CLASS) if users else None
    known = attributes_of(recipe.library, found) if found else ()
    yield from first_per_location(
        _unknown(body, item, used, known)
        for body, used in users
        for item in _reads(body)
        if known and item.attr not in known
    )


def _users(recipe: Recipe) -> Iterator[tuple[FunctionBody, Span]]:
    """Yield the functions of the recipe that get a context, each with what names it."""
    for stage in recipe.stages:
        kind = stage_kind(stage)
        if stage.call:
            body = function_body(recipe.library, str(stage.call.value))
        elif kind and WILDCARD not in recipe.system.kinds:
            body = method_body(recipe.library, recipe.system.class_path, kind)
        else:
            body = None
        if body and _takes_context(body) and not _may_differ(body):
            yield body, stage.call.span if stage.call else recipe.system.name.span


def _takes_context(body: FunctionBody) -> bool:
    args = body.node.args
    return any(one.arg == _CONTEXT for one in (*args.posonlyargs, *args.args, *args.kwonlyargs))


def _may_differ(body: FunctionBody) -> bool:
    """Return whether a function may read another context, or asks what its own has."""
    return may_be_another(body.node, _CONTEXT) or is_asked(body.node, _CONTEXT)


def _reads(body: FunctionBody) -> Iterator[ast.Attribute]:
    for item in all_nodes(body.node):
        match item:
            case ast.Attribute(value=ast.Name(id=name), ctx=ast.Load()) if name == _CONTEXT:
                yield item


def _unknown(
    body: FunctionBody, item: ast.Attribute, used: Span, known: tuple[str, ...]
) -> Diagnostic:
    """Return the finding about an attribute.

    Args:
        body: The function that reads it.
        item: The expression that reads it.
        used: What names the function.
        known: The attributes of a context.
    """
    shown = sorted(name for name in known if not name.startswith("_"))
    hint = f"a context has {format_names(shown, len(shown))}"
    return Diagnostic(
        "R517",
        f'the context of a stage has no attribute "{item.attr}"',
        Label(body.span_in(item), "no such attribute"),
        (Label(used, "used here"),),
        did_you_mean(closest_match(item.attr, shown), hint),
    )
