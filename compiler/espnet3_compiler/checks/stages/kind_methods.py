"""What the method of a stage kind uses, against what its System declares of the kind.

Passes: ``context.outputs["weights"]`` where the declaration has ``outputs: {weights: …}``;
``context.configs["training"]["seed"]`` where ``reads`` has ``seed``.
Fails: ``return {"class_weights": …}`` there; ``context.configs["training"]["seed"]`` beside
``reads: [dataset]``, as a stage sees no other key; ``super().measure(context)["scores"]``.

Only what runs in any case is judged, and of a context that stays what it is.
"""

import ast
from collections.abc import Callable, Collection, Iterator
from functools import partial

from msgspec import Struct

from espnet3_compiler.checks.data.bodies import FunctionBody, class_of, method_body
from espnet3_compiler.checks.data.certain_code import certain_nodes, is_stored
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import WILDCARD, has_own_method, stage_kind
from espnet3_compiler.manifest.system_declaration import read_declaration
from espnet3_compiler.signature.classes import ResolvedMethod, find_method
from espnet3_compiler.signature.definitions import ClassFound
from espnet3_compiler.signature.flow import all_nodes, literal_text, own_returns
from espnet3_compiler.signature.resolve_name import resolution_order
from espnet3_compiler.stage_graph.stage_inputs import binding_keys, outputs_of
from espnet3_compiler.syntax.tree import node_at
from espnet3_compiler.syntax.unknown_name import did_you_mean, format_names

_CONTEXT = "context"
_RUNTIME = "espnet3_runtime."
_LOOKING = ("get", "items", "keys", "values")


class _KindMethod(Struct, frozen=True):
    """The method of a kind as the System of the recipe has it.

    Attributes:
        kind: The kind.
        stage: The first stage that runs it.
        body: The method.
        recipe: The recipe.
    """

    kind: str
    stage: StageDecl
    body: FunctionBody
    recipe: Recipe


def check(recipe: Recipe, _: Resolved) -> Iterator[Diagnostic]:
    """Yield R404 for outputs that are not declared, R214 for keys that are not, once for each."""
    first: dict[str, Diagnostic] = {}
    for method in _kind_methods(recipe):
        for found in (*_outputs(method), *_base_outputs(method), *_reads(method)):
            first.setdefault(found.message, found)
    yield from first.values()


def _kind_methods(recipe: Recipe) -> Iterator[_KindMethod]:
    system = recipe.system
    stages = {kind: stage for stage in reversed(recipe.stages) if (kind := stage_kind(stage))}
    for kind, stage in stages.items() if WILDCARD not in system.kinds else ():
        known = kind in system.own or kind in system.specs  # else its declaration is wrong
        body = method_body(recipe.library, system.class_path, kind) if known else None
        if body and not is_stored(body.node, _CONTEXT):
            yield _KindMethod(kind, stage, body, recipe)


def _outputs(method: _KindMethod) -> Iterator[Diagnostic]:
    """Report outputs that a method writes to, or returns, and its kind does not declare."""
    known = outputs_of(method.stage, method.recipe) or {}
    is_outputs = partial(_is_of_context, attribute="outputs")
    keys = [key for key, _ in _keys_of(method.body, is_outputs, changes=True)]
    for returned in own_returns(method.body.node) if known else ():  # else it may return any
        keys += filter(None, returned.value.keys if isinstance(returned.value, ast.Dict) else ())
    for key in keys:
        name = literal_text(key)
        if name is not None and name not in known:
            yield _unknown_output(method, key, name, known)


def _unknown_output(
    method: _KindMethod, key: ast.expr, name: str, known: Collection[str]
) -> Diagnostic:
    """Return R404 at a key.

    Args:
        method: The method that uses the output.
        key: The expression that names it.
        name: Its name.
        known: The outputs that the kind declares.
    """
    hint = (
        f"declare it, with its path, in the YAML file beside the class: kinds.{method.kind}.outputs"
    )
    return Diagnostic(
        "R404",
        f'the stage kind "{method.kind}" has no output "{name}"',
        Label(method.body.span_in(key), _not_in(known)),
        _declared_at(method, "outputs"),
        did_you_mean(closest_match(name, known), hint),
    )


def _base_outputs(method: _KindMethod) -> Iterator[Diagnostic]:
    """Report outputs of a kind that ships which a method looks for in what ``super()`` returned."""
    known = method.recipe.system.specs.get(method.kind, {}).get("outputs")
    if known is None or not _replaces_shipped(method):
        return
    for key, name in _keys_of(method.body, partial(_is_base_call, method.kind), changes=True):
        if name not in known:
            yield Diagnostic(
                "R404",
                f'"{method.kind}" of the base class returns no output "{name}"',
                Label(method.body.span_in(key), _not_in(known)),
                (Label(method.recipe.system.name.span, "the System"),),
                did_you_mean(
                    closest_match(name, known), f"it returns {format_names(known) or 'none'}"
                ),
            )


def _is_base_call(kind: str, item: ast.AST) -> bool:
    match item:
        case ast.Call(
            func=ast.Attribute(value=ast.Call(func=ast.Name(id="super"), args=[]), attr=method)
        ):
            return method == kind
    return False


def _replaces_shipped(method: _KindMethod) -> bool:
    """Return whether the next class that has a method of this name is one of the runtime."""
    library = method.recipe.library
    found = class_of(library, method.recipe.system.class_path)
    order = resolution_order(library, found) if found else ()
    own = find_method(library, order, method.kind)
    after = own.position if isinstance(own, ResolvedMethod) else len(order)
    base = find_method(library, order, method.kind, after)
    return isinstance(base, ResolvedMethod) and base.method.location.name.startswith(_RUNTIME)


def _reads(method: _KindMethod) -> Iterator[Diagnostic]:
    """Report configs, and keys of them, that a method reads and its kind does not declare."""
    if has_own_method(method.stage, method.recipe):
        return
    bound = {binding.role: binding for binding in method.stage.configs}
    roles = {*bound, *method.stage.spec["roles"]}
    for key, role in _keys_of(method.body, partial(_is_of_context, attribute="configs")):
        if role not in roles:
            hint = f"declare it: kinds.{method.kind}.roles.{role}, with the keys that it reads"
            yield _undeclared_read(method, key, f'the config "{role}"', roles, (hint, "roles"))
    for role, binding in bound.items():
        known = binding_keys(method.stage, binding, method.recipe)
        for key, name in _keys_of(method.body, partial(_is_config, role)):
            if name not in known and WILDCARD not in known:
                what, hint = f'"{name}" of its {role} config', f"add {name} to reads"
                where = (hint, "roles", role, "reads")
                yield _undeclared_read(method, key, what, known, where)


def _is_config(role: str, item: ast.AST) -> bool:
    """Return whether an expression is ``context.configs["ROLE"]``."""
    match item:
        case ast.Subscript(value=value, slice=key):
            return _is_of_context(value, "configs") and literal_text(key) == role
    return False


def _undeclared_read(
    method: _KindMethod,
    key: ast.expr,
    what: str,
    known: Collection[str],
    where: tuple[str, ...],
) -> Diagnostic:
    """Return R214 at a key.

    Args:
        method: The method that reads it.
        key: The expression that names it.
        what: What it reads.
        known: What the kind declares instead.
        where: What to do, and the path in the declaration.
    """
    hint, *path = where
    return Diagnostic(
        "R214",
        f'the stage kind "{method.kind}" reads {what}, and its declaration does not say so',
        Label(method.body.span_in(key), _not_in(known)),
        _declared_at(method, *path),
        did_you_mean(closest_match(literal_text(key) or "", known), hint),
        ("a stage sees no more of the configs than its kind declares",),
    )


def _keys_of(
    body: FunctionBody, is_source: Callable[[ast.AST], bool], *, changes: bool = False
) -> Iterator[tuple[ast.expr, str]]:
    """Yield the ``"key"`` of each ``SOURCE["key"]``, also of a variable that the source is kept in.

    Args:
        body: The function.
        is_source: Whether an expression is the source.
        changes: Whether others may put keys into what the source gives.
    """
    kept: set[str] = set()
    for item in all_nodes(body.node):
        match item:
            case ast.Subscript(value=value, ctx=ast.Store()) if changes and is_source(value):
                return
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if is_source(value):
                kept |= {name} if _stays(body, name, plain=changes) else set()
    for item in certain_nodes(body.node.body):
        match item:
            case ast.Subscript(
                value=value, slice=ast.Constant(value=str(text)) as key, ctx=ast.Load()
            ) if is_source(value) or (isinstance(value, ast.Name) and value.id in kept):
                yield key, text


def _stays(body: FunctionBody, name: str, *, plain: bool) -> bool:
    """Return whether a variable is assigned once, and (``plain``) then only read or returned."""
    nodes = all_nodes(body.node)
    uses = [item for item in nodes if isinstance(item, ast.Name) and item.id == name]
    stored = [item for item in uses if not isinstance(item.ctx, ast.Load)]
    read: list[ast.AST | None] = []
    for item in nodes:
        match item:
            case ast.Subscript(value=value, ctx=ast.Load()) | ast.Return(value=value):
                read.append(value)
            case ast.Attribute(value=value, attr=attr) if attr in _LOOKING:
                read.append(value)
            case ast.Dict(keys=keys, values=values):
                read += [one for key, one in zip(keys, values, strict=True) if key is None]
    return len(stored) == 1 and (not plain or all(one in (*stored, *read) for one in uses))


def _not_in(known: Collection[str]) -> str:
    return f"not in ({format_names(known)})" if known else "it declares none"


def _is_of_context(item: ast.AST, attribute: str) -> bool:
    """Return whether an expression is ``context.ATTRIBUTE``."""
    match item:
        case ast.Attribute(value=ast.Name(id=name), attr=attr):
            return name == _CONTEXT and attr == attribute
    return False


def _declared_at(method: _KindMethod, *path: str) -> tuple[Label, ...]:
    """Return where the System declares something of a kind, the last class that does so."""
    library = method.recipe.library
    found = class_of(library, method.recipe.system.class_path)
    for item in resolution_order(library, found) if found else ():
        beside = isinstance(item, ClassFound) and read_declaration(library, item.location)[0]
        node = node_at(beside.tree, ("kinds", method.kind, *path)) if beside else None
        if node is not None:
            return (Label(node.span, "declared here"),)
    return (Label(method.recipe.system.name.span, "the System"),)
