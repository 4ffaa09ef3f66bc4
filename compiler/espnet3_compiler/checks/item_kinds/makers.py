"""The kinds of the fields of an item, through the data set, transforms and preprocessors."""

import ast

from msgspec.structs import replace

from espnet3_compiler.checks.data.attributes import Known, chosen_branch, known_settings
from espnet3_compiler.checks.data.bodies import placed_method, returned_values
from espnet3_compiler.checks.data.parts import looped_parts, part_of
from espnet3_compiler.checks.data.sample_fields import (
    FRAMES,
    INDEXING,
    SAME_FIELDS,
    sample_parameter,
)
from espnet3_compiler.checks.item_kinds.kinds import (
    ARRAY,
    NUMBER,
    OTHER,
    TEXT,
    UNKNOWN,
    FieldKind,
    ItemKinds,
    Maker,
    common_kinds,
)
from espnet3_compiler.checks.item_kinds.values import called_body, value_kind
from espnet3_compiler.checks.item_kinds.variables import Rules, variable_kinds
from espnet3_compiler.checks.targets.datasets import DatasetEntry
from espnet3_compiler.manifest.values import text_of
from espnet3_compiler.signature.flow import all_nodes, literal_text
from espnet3_compiler.signature.library import Library
from espnet3_compiler.syntax.tree import Mapping, Node, is_null
from espnet3_schemas import TARGET

_DEPTH = 5


def item_kinds(data: DatasetEntry) -> ItemKinds:
    """Return the kinds of the fields of an item of a ``Dataset``, before any transform."""
    path, known = f"{data.module}.Dataset", known_settings(data)
    key = ("kinds", data.module, tuple(known.items()))
    if key not in data.library.memo:
        made = _by_method(data.library, path, "__getitem__", known)
        data.library.memo[key] = made or ItemKinds()
    kinds: ItemKinds = data.library.memo[key]
    return kinds


def changed_kinds(library: Library, node: Node | None, given: ItemKinds) -> ItemKinds:
    """Return the kinds of the fields of an item after a transform or preprocessor.

    Args:
        library: Reads the code of the recipe.
        node: The transform or preprocessor; null changes nothing.
        given: The kinds before.
    """
    if is_null(node):
        return given
    found = _changed(library, node, given) if isinstance(node, Mapping) else None
    return found or ItemKinds()


def _changed(library: Library, node: Mapping, given: ItemKinds, depth: int = 0) -> ItemKinds | None:
    path = text_of(node.get(TARGET))
    if path in SAME_FIELDS:
        field = _named_field(node, "field", SAME_FIELDS[path])
        return _replaced(given, field, field, ARRAY) if field else None
    if path in INDEXING:
        field = _named_field(node, "field", INDEXING[path])
        to = _named_field(node, "to", field)
        kind = NUMBER if path.endswith("LabelToIndex") else ARRAY
        return _replaced(given, field, to, kind) if field and to else None
    if path == FRAMES:
        field = _named_field(node, "field", "labels")
        return given.with_field(field, FieldKind(ARRAY)) if field else None
    if not path or node.entry("_partial_"):
        return None
    return _by_method(library, path, "__call__", {}, given=given, depth=depth)


def _named_field(node: Mapping, argument: str, usual: str) -> str:
    """Return the field that an argument names; empty where that is not known."""
    value = node.get(argument)
    if value is None or is_null(value):
        return "" if node.entry("_args_") or node.entry("_partial_") else usual
    return text_of(value) if "$" not in text_of(value) else ""


def _replaced(given: ItemKinds, field: str, to: str, kind: str) -> ItemKinds:
    """Return an item of which a text was replaced by numbers; what is no text stays."""
    before = given.named(field).name
    if given.closed and field not in given.fields:
        return ItemKinds()  # it fails there
    if before == TEXT:
        return given.without(field).with_field(to, FieldKind(kind))
    if field == to:
        return given.with_field(field, FieldKind(UNKNOWN)) if before == OTHER else given
    lost = before in (UNKNOWN, OTHER)
    return replace(given.without(field).without(to), closed=False) if lost else given


def _by_method(
    library: Library,
    path: str,
    method: str,
    known: Known,
    *,
    after: int = -1,
    given: ItemKinds | None = None,
    depth: int = 0,
) -> ItemKinds | None:
    """Return the kinds of the fields of what a method returns.

    Args:
        library: Reads modules.
        path: The dotted path of its class.
        method: Its name.
        known: What attributes of the object are known to be.
        after: Only classes behind this index count, as for ``super()``.
        given: The item that it gets; None if it gets none.
        depth: How many objects hold this one.
    """
    placed = placed_method(library, path, method, after)
    if placed is None or depth > _DEPTH:
        return None
    sample = "" if given is None else sample_parameter(placed.body.node)
    maker = Maker(
        *(library, path, placed.body, placed.position, known),
        *(sample, given or ItemKinds()),
        depth=depth,
    )
    return common_kinds(mapping_kinds(one, maker) for one in returned_values(placed.body.node))


def mapping_kinds(value: ast.expr, maker: Maker) -> ItemKinds | None:
    """Return the fields of the mapping that an expression makes; None where it is not known.

    Args:
        value: The expression.
        maker: The function in which it stands.
    """
    match value:
        case ast.Dict():
            return _literal_item(value, maker)
        case ast.Name(id=name):
            if name in maker.bound:
                return maker.bound[name]
            return _variable_item(name, maker)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            one, other = mapping_kinds(left, maker), mapping_kinds(right, maker)
            return one.updated(other) if one and other else None
        case ast.IfExp(body=body, orelse=orelse):
            branch = chosen_branch(value, maker.known)
            either = [branch] if branch else [body, orelse]
            return common_kinds(mapping_kinds(one, maker) for one in either)
        case ast.Subscript(value=owner):
            part = part_of(maker.library, maker.path, owner)
            path = text_of(part.get(TARGET)) if part else ""
            inside = maker.depth + 1
            return (
                _by_method(maker.library, path, "__getitem__", {}, depth=inside) if path else None
            )
        case ast.Call():
            return _called_item(value, maker)
    return None


def _literal_item(value: ast.Dict, maker: Maker) -> ItemKinds:
    found = ItemKinds(closed=True)
    for key, item in zip(value.keys, value.values, strict=True):
        if key is None:
            inner = mapping_kinds(item, maker)
            found = found.updated(inner) if inner else found.doubtful()
            continue
        name = literal_text(key)
        found = (
            found.doubtful() if name is None else found.with_field(name, field_kind(item, maker))
        )
    return found


def _called_item(call: ast.Call, maker: Maker) -> ItemKinds | None:
    match call:
        case ast.Call(func=ast.Name(id="dict"), args=args, keywords=keywords) if len(args) <= 1:
            found = mapping_kinds(args[0], maker) if args else ItemKinds(closed=True)
            for one in keywords:
                if found is None or one.arg is None:
                    return None
                found = found.with_field(one.arg, field_kind(one.value, maker))
            return found
        case ast.Call(func=ast.Attribute(value=inner, attr="copy"), args=[]):
            return mapping_kinds(inner, maker)
        case ast.Call(
            func=ast.Attribute(value=ast.Call(func=ast.Name(id="super"), args=[]), attr=method),
            args=args,
        ) if method == maker.body.node.name:
            given = mapping_kinds(args[-1], maker) if maker.sample and args else None
            if maker.sample and given is None:
                return None
            return _by_method(
                *(maker.library, maker.path, method, maker.known),
                after=maker.position,
                given=given,
                depth=maker.depth,
            )
        case ast.Call():
            body = called_body(call, maker)
            if body is not None:
                return _by_function(body, call, maker)
            return _by_steps(call, call.args[0], maker) if len(call.args) == 1 else None
    return None


def _by_function(body: Maker, call: ast.Call, maker: Maker) -> ItemKinds | None:
    """Return the item that another function of the recipe makes, perhaps of one that it gets."""
    if maker.depth >= _DEPTH or any(isinstance(one, ast.Starred) for one in call.args):
        return None
    args = body.body.node.args
    names = [one.arg for one in (*args.posonlyargs, *args.args)]
    names = names[1:] if body.path and names[:1] == ["self"] else names
    pairs = [*zip(names, call.args, strict=False), *((one.arg, one.value) for one in call.keywords)]
    given = [(name, mapping_kinds(one, maker)) for name, one in pairs if name]
    known = [(name, kinds) for name, kinds in given if kinds is not None]
    sample, kinds = known[0] if len(known) == 1 else ("", ItemKinds())
    inside = replace(body, sample=sample, given=kinds, depth=maker.depth + 1)
    return common_kinds(mapping_kinds(one, inside) for one in returned_values(body.body.node))


def _by_steps(call: ast.Call, argument: ast.expr, maker: Maker) -> ItemKinds | None:
    """Return an item after ``self.step(item)``, or after all steps of a loop."""
    library, path = maker.library, maker.path
    if isinstance(call.func, ast.Name):
        steps = looped_parts(library, path, maker.body.node, call.func.id) or ()
    else:
        part = part_of(library, path, call.func)
        steps = (part,) if part else ()
    found = mapping_kinds(argument, maker) if steps else None
    for step in steps:
        found = _changed(library, step, found, maker.depth + 1) if found else None
    return found


def field_kind(value: ast.expr, maker: Maker) -> FieldKind:
    """Return what an expression is.

    Args:
        value: The expression.
        maker: The function in which it stands.
    """
    return FieldKind(value_kind(value, maker, _field_of), value, maker.body)


def _field_of(owner: ast.expr, name: str, maker: Maker) -> str:
    """Return what ``owner[name]`` is; nothing where a variable is changed on the way."""
    if isinstance(owner, ast.Name) and owner.id not in maker.bound:
        stores = [one for one in all_nodes(maker.body.node) if _changes(one, owner.id)]
        if len(stores) > (owner.id != maker.sample):
            return UNKNOWN
    found = mapping_kinds(owner, maker)
    return found.named(name).name if found else UNKNOWN


def _changes(node: ast.AST, name: str) -> bool:
    """Return whether a node sets a variable or one of its fields."""
    match node:
        case ast.Name(id=other, ctx=ast.Store() | ast.Del()):
            return other == name
        case ast.Subscript(value=ast.Name(id=other), ctx=ast.Store() | ast.Del()):
            return other == name
    return False


def _variable_item(name: str, maker: Maker) -> ItemKinds | None:
    """Return the fields of the mapping that a variable is."""
    return variable_kinds(name, maker, Rules(mapping_kinds, field_kind))
