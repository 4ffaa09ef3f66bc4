"""Follow the constructor and the methods of a model's classes with what is known of each value.

Statements are followed in order.  What is not known decides nothing: of a condition both branches
are followed, and a value that may be several has the shapes of all.
"""

import ast
from collections.abc import Sequence

from espnet3_compiler.checks.shapes.calls import call_by_name, call_on, call_value
from espnet3_compiler.checks.shapes.frames import FollowedFunction, Run, inner_bodies
from espnet3_compiler.checks.shapes.made.arrays import KNOWN_METHODS
from espnet3_compiler.checks.shapes.made.lists import constant_mapping, list_items
from espnet3_compiler.checks.shapes.methods import field_name, store_item
from espnet3_compiler.checks.shapes.names import absolute_name
from espnet3_compiler.checks.shapes.operators import (
    attribute_of,
    compared,
    negated,
    operated,
    part_of,
)
from espnet3_compiler.checks.shapes.values import (
    CallArgument,
    CallArguments,
    Constant,
    Group,
    Item,
    Layer,
    Part,
    Repeated,
    Tensor,
    Value,
    either,
    mark_changed,
)
from espnet3_compiler.signature.flow import all_statements, child_nodes, dotted_name
from espnet3_compiler.signature.library import Library

_ENDS = (ast.Break, ast.Continue, ast.Return)
_READING = ("dict", "len", "isinstance", "list", "sorted", "set")


def start_run(library: Library) -> Run:
    """Return what the functions share that are followed from here on."""
    return Run(library, _follow, _evaluate)


def _follow(statements: Sequence[ast.stmt], frame: FollowedFunction) -> bool:
    """Follow statements; return whether they certainly do not go on to what stands behind them."""
    return any(_follow_one(item, frame) for item in statements)


def _follow_one(item: ast.stmt, frame: FollowedFunction) -> bool:
    match item:
        case ast.Assign() | ast.AnnAssign() | ast.AugAssign() | ast.Delete():
            _follow_assignment(item, frame)
        case ast.Return(value=value):
            frame.returned.append(_evaluate(value, frame) if value else Constant(None))
            return True
        case ast.Raise() | ast.Break() | ast.Continue():
            return True
        case ast.If(test=test, body=body, orelse=other):
            truth = _truth(test, frame)
            if truth is None:
                return _follow_either([body, other], frame)
            return _follow(body if truth else other, frame)
        case ast.With():
            return _follow_with(item, frame)
        case ast.For():
            return _follow_loop(item, frame)
        case ast.Expr(value=value):
            _evaluate(value, frame)
        case ast.Assert() | ast.Pass():
            pass
        case _:
            return _follow_unsure(item, inner_bodies(item), frame)
    return False


def _follow_with(item: ast.With, frame: FollowedFunction) -> bool:
    """Follow a block: only those of PyTorch are known to let every error through."""
    for one in item.items:
        _evaluate(one.context_expr, frame)
        if one.optional_vars is not None:
            _bind(one.optional_vars, None, frame)
    before = len(frame.returned)
    certain = all(_is_of_torch(one.context_expr, frame) for one in item.items)
    ends = _follow(item.body, frame if certain else frame.part(frame.names, certain=False))
    frame.certain = frame.certain and (certain or len(frame.returned) == before)
    return ends and certain


def _is_of_torch(node: ast.expr, frame: FollowedFunction) -> bool:
    name = (isinstance(node, ast.Call) and dotted_name(node.func)) or ""
    return absolute_name(frame.run.library, frame.body, name).startswith("torch.")


def _follow_loop(item: ast.For, frame: FollowedFunction) -> bool:
    values = list_items(_evaluate(item.iter, frame))
    ends = any(isinstance(one, _ENDS) for part in item.body for one in all_statements(part))
    if values is None or item.orelse or ends:
        return _follow_unsure(item, inner_bodies(item), frame)
    before: list[dict[str, Value]] = []
    for place, value in enumerate(values):
        same = place and all(one is values[place - 1] for one in values[place:])
        if same and frame.names in before:
            break  # it would go on in the same way
        _bind(item.target, value, frame)
        before.append(dict(frame.names))
        if _follow(item.body, frame):
            return True
    return False


def _follow_assignment(
    item: ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Delete, frame: FollowedFunction
) -> None:
    match item:
        case ast.Assign(targets=targets, value=value):
            found = _evaluate(value, frame)
            for target in targets:
                _bind(target, found, frame)
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            _bind(target, _evaluate(value, frame), frame)
        case ast.AugAssign(target=target):
            _bind(target, _augmented(item, frame), frame)
        case ast.Delete(targets=targets):
            for gone in targets:
                _bind(gone, None, frame)


def _augmented(item: ast.AugAssign, frame: FollowedFunction) -> Value:
    """Return what a name is after ``+=`` and the like, which change a list itself."""
    given = _evaluate(item.value, frame)
    old = _evaluate(item.target, frame)
    found = operated(item, old, given, frame)
    if isinstance(old, Group | Repeated):
        frame.replace(old, found)
    return found


def _follow_either(bodies: Sequence[Sequence[ast.stmt]], frame: FollowedFunction) -> bool:
    """Follow several statements of which one is taken, and keep what is the same after all."""
    ways = []
    before = len(frame.returned)
    for body in bodies:
        way = frame.part(dict(frame.names), certain=False)
        if not _follow(body, way):
            ways.append(way.names)
    frame.certain = frame.certain and len(frame.returned) == before
    if not ways:
        return True
    names = dict.fromkeys(name for way in ways for name in way)
    after = {name: either(way.get(name) for way in ways) for name in names}
    frame.names.clear()
    frame.names.update(after)
    return False


def _follow_unsure(
    item: ast.stmt, bodies: Sequence[Sequence[ast.stmt]], frame: FollowedFunction
) -> bool:
    """Forget what a statement may change, of which it is not known how often it runs."""
    frame.forget(item)
    before = len(frame.returned)
    for body in bodies:
        _follow(body, frame.part(dict(frame.names), certain=False))
    frame.certain = frame.certain and len(frame.returned) == before
    return False


def _bind(target: ast.expr, value: Value, frame: FollowedFunction) -> None:
    """Give a value to what stands left of an assignment."""
    match target:
        case ast.Name(id=name):
            frame.names[name] = value
        case ast.Attribute(value=ast.Name(id="self"), attr=attr):
            frame.names[f"self.{attr}"] = value
        case ast.Attribute(value=inner, attr=attr):
            owner = _evaluate(inner, frame)
            if isinstance(owner, Part):
                owner.attributes[attr] = None
            mark_changed([owner] if isinstance(owner, Layer) else [])
        case ast.Tuple(elts=items) | ast.List(elts=items):
            given = list_items(value) or []
            whole = len(given) == len(items)
            for place, one in enumerate(items):
                _bind(one, given[place] if whole else None, frame)
        case ast.Starred(value=inner):
            _bind(inner, None, frame)
        case ast.Subscript(value=inner):
            owner = _evaluate(inner, frame)
            key = _evaluate(target.slice, frame)
            store_item(owner, key, frame.argument(value, target), frame)


def _truth(test: ast.expr, frame: FollowedFunction) -> bool | None:
    """Return whether a condition holds; None where that is not known."""
    known = frame.constant(test)
    if known is not None:
        return bool(known.value)
    match test:
        case ast.Compare(
            left=left, ops=[ast.Is() | ast.IsNot() as how], comparators=[ast.Constant(value=None)]
        ):
            value = _evaluate(left, frame)
            there = isinstance(value, Layer | Part | Tensor | Group)
            return isinstance(how, ast.IsNot) if there else None
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            truth = _truth(inner, frame)
            return None if truth is None else not truth
    _evaluate(test, frame)
    return None


def _evaluate(node: ast.expr, frame: FollowedFunction) -> Value:
    """Return what an expression is, after following all calls in it."""
    match node:
        case ast.Name(id=name):
            return frame.look_up(name)
        case ast.Constant(value=value):
            return Constant(value)
        case ast.Attribute():
            return _attribute(node, frame)
        case ast.BinOp():
            return _operated(node, frame)
        case ast.Subscript():
            return part_of(node, frame)
    known = frame.constant(node)
    if known is not None:
        return known
    match node:
        case ast.Call():
            return _call(node, frame)
        case ast.Compare(left=left, ops=[_], comparators=[right]):
            return compared(_evaluate(left, frame), _evaluate(right, frame))
        case ast.Tuple(elts=items) | ast.List(elts=items):
            arguments = _arguments(items, [], frame)
            values = tuple(one.value for one in arguments.positional)
            return Group(values) if arguments.complete else None
    return _evaluate_rare(node, frame)


def _attribute(node: ast.Attribute, frame: FollowedFunction) -> Value:
    name = dotted_name(node)
    known = frame.look_up(name) if name else None
    return attribute_of(_evaluate(node.value, frame), node.attr) if known is None else known


def _operated(node: ast.BinOp, frame: FollowedFunction) -> Value:
    """Return what an operator gives: a constant only where both its values may be some."""
    left, right = _evaluate(node.left, frame), _evaluate(node.right, frame)
    match left, right:
        case (Constant() | Group(), Constant() | Group()) if known := frame.constant(node):
            return known
    return operated(node, left, right, frame)


def _evaluate_rare(node: ast.expr, frame: FollowedFunction) -> Value:
    match node:
        case ast.UnaryOp(operand=inner, op=ast.USub() | ast.UAdd() | ast.Invert()):
            return negated(_evaluate(inner, frame))
        case ast.ListComp() | ast.GeneratorExp():
            return _comprehended(node, frame)
        case ast.IfExp(test=test, body=body, orelse=other):
            return _chosen(test, body, other, frame)
        case ast.NamedExpr(target=target, value=inner):
            value = _evaluate(inner, frame)
            _bind(target, value, frame)
            return value
        case ast.Dict() | ast.DictComp():
            return _mapping(node, frame)
        case ast.Lambda() | ast.SetComp():
            return None
        case ast.BoolOp(values=[first, *_]):
            _evaluate(first, frame)
            return None
    for child in child_nodes(node):
        if isinstance(child, ast.expr):
            _evaluate(child, frame)
    return None


def _mapping(node: ast.Dict | ast.DictComp, frame: FollowedFunction) -> Value:
    """Return the mapping that is written out, perhaps of others, or made in a loop."""
    if isinstance(node, ast.DictComp):
        return _comprehended_mapping(node, frame)
    found = Item(closed=True)
    for key, one in zip(node.keys, node.values, strict=True):
        value = _evaluate(one, frame)
        if key is None:
            found = found.updated(value)
        else:
            name = field_name(_evaluate(key, frame))
            found = found.with_field(name, frame.argument(value, one))
    return found


def _call(node: ast.Call, frame: FollowedFunction) -> Value:
    """Return what a call gives, after which a mapping that it got may be another."""
    arguments = _arguments(node.args, node.keywords, frame)
    found = _call_with(node, arguments, frame)
    for one in arguments.values:
        if isinstance(one, Item) and dotted_name(node.func) not in _READING:
            frame.replace(one, None)
    return found


def _call_with(node: ast.Call, arguments: CallArguments, frame: FollowedFunction) -> Value:
    name = dotted_name(node.func)
    if name and not _is_known(name, frame):
        held, _, method = name.rpartition(".")
        owner = frame.look_up(held) if held and method in KNOWN_METHODS else None
        if isinstance(owner, Constant):
            return call_on(owner, method, arguments, frame)
        return call_by_name(name, node, arguments, frame)
    called = frame.look_up(name) if name else None
    if called is not None or not isinstance(node.func, ast.Attribute):
        value = called if name else _evaluate(node.func, frame)
        return call_value(value, arguments, frame)
    return call_on(_evaluate(node.func.value, frame), node.func.attr, arguments, frame)


def _is_known(name: str, frame: FollowedFunction) -> bool:
    """Return whether a dotted name begins with a name of the function."""
    return name in frame.names or name.partition(".")[0] in frame.names


def _arguments(
    positional: Sequence[ast.expr], named: Sequence[ast.keyword], frame: FollowedFunction
) -> CallArguments:
    """Return the arguments of a call, or the items of a list."""
    given: list[CallArgument] = []
    complete = in_order = True
    for node in positional:
        if isinstance(node, ast.Starred):
            items = list_items(_evaluate(node.value, frame))
            in_order = in_order and items is not None
            given += [frame.argument(item, node) for item in items or ()]
        else:
            given.append(frame.argument(_evaluate(node, frame), node))
    words: dict[str, CallArgument] = {}
    for one in named:
        value = _evaluate(one.value, frame)
        if one.arg:
            words[one.arg] = frame.argument(value, one.value)
        else:
            complete = False
    return CallArguments(tuple(given), words, complete and in_order, in_order)


def _comprehended(node: ast.ListComp | ast.GeneratorExp, frame: FollowedFunction) -> Value:
    """Return the values of a list that is made of another one."""
    loop, *others = node.generators
    source = _evaluate(loop.iter, frame)
    items = list_items(source)
    if others or loop.is_async:
        return None
    if items is None or loop.ifs:
        inner = frame.part(dict(frame.names), certain=False)
        _bind(loop.target, source.item if isinstance(source, Repeated) else None, inner)
        return Repeated(_evaluate(node.elt, inner))
    values = []
    for item in items:
        inner = frame.part(dict(frame.names), certain=frame.certain)
        _bind(loop.target, item, inner)
        values.append(_evaluate(node.elt, inner))
    return Group(tuple(values))


def _comprehended_mapping(node: ast.DictComp, frame: FollowedFunction) -> Value:
    """Return a mapping of constants that is made of a list; None for any other."""
    pair = ast.Tuple([node.key, node.value], ast.Load())
    rows = _comprehended(ast.ListComp(pair, node.generators), frame)
    return constant_mapping(rows)


def _chosen(test: ast.expr, body: ast.expr, other: ast.expr, frame: FollowedFunction) -> Value:
    """Return what one of two expressions gives."""
    truth = _truth(test, frame)
    if truth is not None:
        return _evaluate(body if truth else other, frame)
    unsure = frame.part(frame.names, certain=False)
    return either([_evaluate(body, unsure), _evaluate(other, unsure)])
