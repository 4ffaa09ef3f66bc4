"""Values that a class of the recipe itself refuses, by a condition that its arguments decide.

Passes: ``heads: 4`` where ``__init__`` has ``if size % heads: raise ValueError(…)``.
Fails: ``heads: 6`` there, for ``size: 256``; ``kernel_size: 32`` below ``assert kernel_size % 2``.
"""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from espnet3_compiler.checks.data.bodies import FunctionBody, method_body
from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.methods.constant_values import UnknownValueError, constant_value
from espnet3_compiler.checks.targets.nodes import TargetNode, find_targets, keyword_arguments
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.values import as_text
from espnet3_compiler.signature.flow import dotted_name
from espnet3_compiler.signature.library import Library
from espnet3_compiler.syntax.span_key import first_per_location, is_written, span_key
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, children, to_python
from espnet3_schemas import TARGET

_DEEPEST = 4
"""So many constructors that call one another are followed."""


class _Refusal(NamedTuple):
    """Where a constructor raises an exception: the condition, what it says, who decides it."""

    statement: ast.stmt
    condition: ast.expr | None
    message: str
    arguments: frozenset[str] = frozenset()
    body: FunctionBody | None = None


@dataclass
class _Frame:
    """A constructor that is followed.

    Attributes:
        library: Reads the classes that it calls.
        path: The dotted path of its class.
        known: What names are known to be; attributes of the object are called ``self.NAME``.
        origins: The arguments of the target that decide a name.
        depth: How many constructors called one another to get here.
    """

    library: Library
    path: str
    known: dict[str, Any]
    origins: dict[str, frozenset[str]]
    depth: int = 0

    def value(self, node: ast.expr | None) -> tuple[Any] | None:
        """Return the value of an expression in a tuple; None where it is not known."""
        try:
            return (constant_value(node, self.known),) if node is not None else None
        except UnknownValueError:
            return None

    def deciding(self, node: ast.AST) -> frozenset[str]:
        """Return the arguments of the target that decide an expression."""
        names = [_target_name(one) for one in ast.walk(node)]
        return frozenset(origin for name in names for origin in self.origins.get(name or "", ()))

    def assign(self, name: str, value: ast.expr | None) -> None:
        """Note what a name is from here on; nothing where that is not known."""
        found, origins = self.value(value), self.deciding(value) if value else frozenset()
        self.known.pop(name, None)
        if found is not None:
            self.known[name], self.origins[name] = found[0], origins

    def forget(self, item: ast.stmt) -> None:
        """Drop what a statement may assign."""
        for one in ast.walk(item):
            if isinstance(one, ast.Name | ast.Attribute) and not isinstance(one.ctx, ast.Load):
                self.known.pop(_target_name(one) or "", None)


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R523."""
    targets = {  # configs that inherit from each other hold the same ones
        (
            span_key(target.node.span),
            tuple(span_key(entry.value.span) for entry in target.node),
        ): target
        for target in reversed(find_targets(recipe, resolved))
        if target.judged and not target.is_task
    }
    yield from first_per_location(
        found
        for target in reversed(targets.values())
        for found in _check_target(recipe.library, target)
    )


def _check_target(library: Library, target: TargetNode) -> Iterator[Diagnostic]:
    path = as_text(target.node.get(TARGET))
    if path is None or is_unresolved(path) or target.node.entry("_args_"):
        return
    given = {entry.name: entry.value for entry in keyword_arguments(target.node)}
    values = {name: to_python(node) for name, node in given.items() if _is_plain(node)}
    origins = {name: frozenset((name,)) for name in given}
    refusal = _refusal_of(library, str(path.value), values, set(given), origins, 0)
    if refusal is not None:
        yield from _finding(path, target.node, refusal)


def _is_plain(node: Node) -> bool:
    """Return whether a value reaches the constructor as it is written."""
    if isinstance(node, Scalar):
        return not is_unresolved(node)
    if isinstance(node, Mapping) and any(entry.name.startswith("_") for entry in node):
        return False
    return all(_is_plain(child) for _, child in children(node))


def _refusal_of(
    library: Library,
    path: str,
    values: dict[str, Any],
    given: set[str],
    origins: dict[str, frozenset[str]],
    depth: int,
) -> _Refusal | None:
    """Return where the constructor of a class certainly raises an exception, if it does.

    Args:
        library: Reads the class.
        path: Its dotted path.
        values: The arguments whose values are known.
        given: All arguments that are given.
        origins: The arguments of the target that decide each of them.
        depth: How many constructors called one another to get here.
    """
    body = method_body(library, path, "__init__") if depth < _DEEPEST else None
    if body is None:
        return None
    frame = _Frame(library, path, {}, dict(origins), depth)
    for name, default in _defaults(body):
        if name not in given:
            frame.assign(name, default)
    frame.known |= {name: values[name] for name in _parameters(body) if name in values}
    found = _first_refusal(body.node.body, frame)
    return found and (found if found.body else found._replace(body=body))


def _parameters(body: FunctionBody) -> list[str]:
    args = body.node.args
    return [one.arg for one in (*args.posonlyargs, *args.args, *args.kwonlyargs)]


def _defaults(body: FunctionBody) -> Iterator[tuple[str, ast.expr | None]]:
    args = body.node.args
    plain = [*args.posonlyargs, *args.args]
    tail = plain[len(plain) - len(args.defaults) :]
    yield from ((one.arg, value) for one, value in zip(tail, args.defaults, strict=True))
    pairs = zip(args.kwonlyargs, args.kw_defaults, strict=True)
    yield from ((one.arg, value) for one, value in pairs)


def _first_refusal(body: Sequence[ast.stmt], frame: _Frame) -> _Refusal | None:
    """Return where statements certainly raise an exception, if they do."""
    for item in body:
        if isinstance(item, ast.Raise):
            raised = item.exc
            first = raised.args[0] if isinstance(raised, ast.Call) and raised.args else None
            return _Refusal(item, None, _said(first, frame))
        found = _judge_statement(item, frame)
        if found is not None:
            return found
    return None


def _judge_statement(item: ast.stmt, frame: _Frame) -> _Refusal | None:
    match item:
        case ast.Assert(test=test, msg=message):
            value = frame.value(test)
            if value and not value[0]:
                return _Refusal(item, test, _said(message, frame), frame.deciding(test))
        case ast.If() if not any(isinstance(one, ast.Return) for one in ast.walk(item)):
            return _judge_condition(item, frame)
        case ast.If() | ast.Return():
            frame.known.clear()  # what follows may not run
        case ast.Assign(value=value) | ast.AnnAssign(value=value) | ast.Expr(value=value):
            found = _judge_calls(value, frame) if value else None
            _note_assignment(item, frame)
            return found
        case _:
            frame.forget(item)
    return None


def _note_assignment(item: ast.stmt, frame: _Frame) -> None:
    match item:
        case ast.Assign(targets=[target], value=value) | ast.AnnAssign(target=target, value=value):
            if name := _target_name(target):
                frame.assign(name, value)
                return
    frame.forget(item)


def _judge_condition(item: ast.If, frame: _Frame) -> _Refusal | None:
    """Judge the branch that is taken; where that is not known, forget what both assign."""
    value = frame.value(item.test)
    if value is None:
        frame.forget(item)
        return None
    found = _first_refusal(item.body if value[0] else item.orelse, frame)
    if found is None or found.condition is not None:
        return found
    condition = item.test if value[0] else ast.UnaryOp(ast.Not(), item.test)
    return found._replace(condition=condition, arguments=frame.deciding(condition))


def _judge_calls(value: ast.expr, frame: _Frame) -> _Refusal | None:
    """Follow the constructors of the recipe's classes that an expression certainly calls."""
    for item in ast.walk(value):
        name = dotted_name(item.func) if isinstance(item, ast.Call) else ""
        conditional = isinstance(value, ast.IfExp | ast.BoolOp)
        if name and isinstance(item, ast.Call) and not conditional and _is_own(name, frame):
            module = frame.path.rpartition(".")[0]
            found = _judge_call(f"{module}.{name}", item, frame)
            if found is not None:
                return found
    return None


def _is_own(name: str, frame: _Frame) -> bool:
    """Return whether a dotted name begins with something of the recipe."""
    place = frame.library.find_module(frame.path.rpartition(".")[0])
    summary = frame.library.module(place) if place else None
    rows = summary.bindings.get(name.partition(".")[0], ()) if summary else ()
    tops = (row.source.partition(".")[0] for row in rows if row.kind != "piece")
    found = [frame.library.find_module(top) for top in tops if top]
    return bool(rows) and all(one is not None and one.local for one in found)


def _judge_call(path: str, call: ast.Call, frame: _Frame) -> _Refusal | None:
    body = method_body(frame.library, path, "__init__")
    if body is None or any(isinstance(one, ast.Starred) for one in call.args):
        return None
    pairs = dict(zip(_parameters(body)[1:], call.args, strict=False))
    pairs |= {one.arg: one.value for one in call.keywords if one.arg}
    if any(one.arg is None for one in call.keywords):
        return None
    values = {name: found[0] for name, one in pairs.items() if (found := frame.value(one))}
    origins = {name: frame.deciding(one) for name, one in pairs.items()}
    return _refusal_of(frame.library, path, values, set(pairs), origins, frame.depth + 1)


def _target_name(target: ast.AST) -> str | None:
    match target:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            return f"self.{name}"
    return None


def _said(message: ast.expr | None, frame: _Frame) -> str:
    found = frame.value(message)
    return str(found[0]) if found else ""


def _finding(path: Scalar, node: Mapping, refusal: _Refusal) -> Iterator[Diagnostic]:
    """Yield the finding at the last argument that decides it and is written."""
    given = [one for one in node if one.name in refusal.arguments and is_written(one.value)]
    if refusal.condition is None or refusal.body is None or not given:
        return
    text = ast.unparse(refusal.condition)
    needs = isinstance(refusal.statement, ast.Assert)
    line = refusal.statement.lineno + refusal.body.shift
    yield value_finding(
        "R523",
        f"{path.value} refuses {given[-1].name}: {refusal.message or text}",
        given[-1].value,
        "raises an exception",
        related=tuple(Label(entry.value.span, "and this") for entry in given[:-1]),
        advice=(f"write values for which {text} {'holds' if needs else 'does not hold'}",),
        notes=(f"raised at {refusal.body.file.source.name}:{line}",),
    )
