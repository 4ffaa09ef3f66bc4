"""Loops that change something round by round, and return it at the end of their first round.

Passes: ``for step in self.steps: item = step(item)`` with ``return item`` below the loop; ``for
path in paths: return path``, which only takes the first; a round that may ``continue``, or that
sets ``item`` anew.
Fails: the same with ``return item`` one indentation deeper: only the first step is done.
"""

import ast
import re
from collections.abc import Iterator, Sequence

from espnet3_compiler.checks.code.modules import RecipeModule
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.signature.flow import FunctionNode
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location

_LIKELY = re.compile(
    rb"\n( *)for [^\n]*:[^\n]*\n(?:\1 [^\n]*\n|\s*\n)*?\1 +return [A-Za-z_]\w* *\n"
)
_ADDING = ("append", "extend", "update", "add", "insert", "setdefault")


def check_early_returns(modules: Sequence[RecipeModule]) -> Iterator[Diagnostic]:
    """Yield R526, once for each loop."""
    for module in modules:
        likely = module.time != "maybe" and _LIKELY.search(b"\n" + module.file.content)
        if likely and not module.file.wrong:
            yield from first_per_location(_check_module(module))


def _check_module(module: RecipeModule) -> Iterator[Diagnostic]:
    for node in ast.walk(module.file.tree):
        if isinstance(node, ast.FunctionDef):
            yield from _check_function(module, node)


def _check_function(module: RecipeModule, function: FunctionNode) -> Iterator[Diagnostic]:
    for loop in ast.walk(function):
        match loop:
            case ast.For(body=[_, *_, ast.Return(value=ast.Name(id=name)) as last]) if (
                _is_known_before(function, loop, name)
                and any(_changes(step, name) for step in loop.body)
                and not _is_set_anew(loop, name)
                and not any(isinstance(item, ast.Continue) for item in ast.walk(loop))
            ):
                yield _finding(module, loop, last, name)


def _is_known_before(function: FunctionNode, loop: ast.For, name: str) -> bool:
    """Return whether a variable is an argument, or is set above a loop."""
    return any(
        (isinstance(item, ast.arg) and item.arg == name)
        or (
            isinstance(item, ast.Name)
            and item.id == name
            and isinstance(item.ctx, ast.Store)
            and item.lineno < loop.lineno
        )
        for item in ast.walk(function)
    )


def _is_set_anew(loop: ast.For, name: str) -> bool:
    """Return whether each round makes a variable without what it was before."""
    steps = [one for one in loop.body if isinstance(one, ast.Assign)]
    anew = [part for one in steps if not _mentions(one.value, name) for part in one.targets]
    return any(_names(part, name) for part in (loop.target, *anew))


def _names(target: ast.expr, name: str) -> bool:
    """Return whether a variable itself is among what is assigned."""
    match target:
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return any(_names(part, name) for part in parts)
    return isinstance(target, ast.Name) and target.id == name


def _changes(step: ast.stmt, name: str) -> bool:
    """Return whether a statement of a loop's body makes something new of what a variable was."""
    match step:
        case ast.AugAssign(target=ast.Name(id=changed)):
            return changed == name
        case ast.Assign(targets=[ast.Name(id=changed)], value=value):
            return changed == name and _mentions(value, name)
        case ast.Assign(targets=[ast.Subscript(value=ast.Name(id=changed))]):
            return changed == name
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=changed), attr=method))):
            return changed == name and method in _ADDING
        case ast.If(body=body, orelse=otherwise):
            return any(_changes(item, name) for item in (*body, *otherwise))
    return False


def _mentions(value: ast.expr, name: str) -> bool:
    return any(isinstance(item, ast.Name) and item.id == name for item in ast.walk(value))


def _finding(module: RecipeModule, loop: ast.For, last: ast.Return, name: str) -> Diagnostic:
    """Return the finding about a loop.

    Args:
        module: The module of the recipe.
        loop: The loop.
        last: The statement that ends it.
        name: The variable that it returns.
    """
    return Diagnostic(
        "R526",
        f'the loop over "{ast.unparse(loop.iter)}" ends in its first round',
        Label(module.file.span_of(last.lineno, "return"), "stands in the loop"),
        (
            Label(module.file.span_of(loop.lineno, "for"), "one round"),
            Label(use_location(module.name), "imported for this"),
        ),
        (f'write "return {name}" below the loop, at the indentation of "for"',),
    )
