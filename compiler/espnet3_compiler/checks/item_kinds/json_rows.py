"""Rows that a data set reads from JSON, by what its builder in the same module writes there.

``language, line = self.rows[index]`` are two texts where ``self.rows`` is ``json.loads((… /
f"{split}.json").read_text())``, and the only thing that the module writes as JSON is ``(… /
f"{split}.json").write_text(json.dumps(rows))`` with rows of two texts.
"""

import ast

from msgspec import Struct
from msgspec.structs import replace

from espnet3_compiler.checks.data.attributes import Assigned, attribute_users, attribute_values
from espnet3_compiler.checks.data.bodies import FunctionBody
from espnet3_compiler.checks.data.certain_code import (
    assigned_values,
    listed_items,
    unpacked_source,
)
from espnet3_compiler.checks.item_kinds.kinds import Maker
from espnet3_compiler.checks.item_kinds.rows import is_changed
from espnet3_compiler.signature.definitions import full_name
from espnet3_compiler.signature.flow import FunctionNode, all_nodes, dotted_name, literal_text
from espnet3_compiler.signature.library import Library, ModuleFile
from espnet3_compiler.signature.locate import ModuleLocation

_DEPTH = 6
_WRITERS = ("json.dumps", "json.dump")


class StoredValue(Struct, frozen=True):
    """A value that a builder writes.

    Attributes:
        value: The expression.
        maker: The function in which it stands.
    """

    value: ast.expr
    maker: Maker

    def part(self, key: ast.expr) -> "StoredValue | None":
        """Return one of its parts, by a number or a name; None where that is not known."""
        match self.value, key:
            case ((ast.List(elts=parts) | ast.Tuple(elts=parts)), ast.Constant(value=int(index))):
                plain = not any(isinstance(one, ast.Starred) for one in parts)
                found = parts[index] if plain and -len(parts) <= index < len(parts) else None
            case ast.Dict(keys=keys, values=values), _ if None not in keys:
                pairs = zip(map(literal_text, keys), values, strict=True)
                found = dict(pairs).get(literal_text(key) or "")
            case _:
                found = None
        return replace(self, value=found) if found is not None else None


def stored_value(value: ast.expr, maker: Maker, depth: int = 0) -> StoredValue | None:
    """Return what a builder writes of what an expression reads; None where that is not certain.

    Args:
        value: The expression: ``self.rows[index]``, a variable that is that, or a part of it.
        maker: The function in which it stands.
        depth: How many names were followed.
    """
    if depth > _DEPTH:
        return None
    match value:
        case ast.Name(id=name):
            given = assigned_values(maker.body.node, name) or []
            return stored_value(given[0], maker, depth + 1) if len(given) == 1 else None
        case ast.Subscript(slice=ast.Slice()):
            return None
        case ast.Subscript(value=ast.Attribute(value=ast.Name(id="self"), attr=name)):
            return _stored_item(name, maker) if maker.path else None
        case ast.Subscript(value=owner, slice=key):
            whole = stored_value(owner, maker, depth + 1)
            return whole.part(key) if whole else None
    return None


def unpacked_value(name: str, maker: Maker) -> StoredValue | None:
    """Return what a builder writes of a variable that ``a, b = self.rows[index]`` sets.

    Args:
        name: The variable.
        maker: The function.
    """
    unpacked = unpacked_source(maker.body.node, name)
    whole = stored_value(unpacked[0], maker) if unpacked else None
    return whole.part(ast.Constant(unpacked[1])) if whole and unpacked else None


def _stored_item(attribute: str, maker: Maker) -> StoredValue | None:
    """Return an item of the list that an attribute is, as the builder makes it."""
    key = ("stored", maker.path, attribute)
    if key not in maker.library.memo:
        maker.library.memo[key] = _find_item(attribute, maker)
    item: StoredValue | None = maker.library.memo[key]
    return item


def _find_item(attribute: str, maker: Maker) -> StoredValue | None:
    given = attribute_values(maker.library, maker.path, attribute)
    pattern = _read_pattern(given[0], maker.library) if len(given) == 1 else ""
    users = attribute_users(maker.library, maker.path, attribute) if pattern else ()
    if not pattern or any(map(is_changed, users)):
        return None
    location = given[0].found.location
    file = maker.library.file(location)
    return _written_item(pattern, location, file, maker.library) if file else None


def _read_pattern(given: Assigned, library: Library) -> str:
    """Return the name of the file that ``json.loads(path.read_text())`` reads; else nothing."""
    match given.value:
        case ast.Call(
            func=function,
            args=[ast.Call(func=ast.Attribute(value=path, attr="read_text"))],
        ):
            name = full_name(library, given.found.location, dotted_name(function) or "")
            return _pattern_of(path) if name == "json.loads" else ""
    return ""


def _pattern_of(path: ast.expr) -> str:
    """Return the parts of a path behind its root, with ``*`` for what is computed of them."""
    parts: list[str] = []
    while isinstance(path, ast.BinOp) and isinstance(path.op, ast.Div):
        words = path.right.values if isinstance(path.right, ast.JoinedStr) else [path.right]
        parts.insert(0, "".join(literal_text(one) or "*" for one in words))
        path = path.left
    return "/".join(parts) if parts and parts[-1].strip("*") else ""


def _written_item(
    pattern: str, location: ModuleLocation, file: ModuleFile, library: Library
) -> StoredValue | None:
    """Return an item of the list that a module writes to a file, if it writes no other JSON.

    Args:
        pattern: The name of the file.
        location: The module.
        file: Its text.
        library: Reads modules.
    """
    functions = [one for one in all_nodes(file.tree) if isinstance(one, FunctionNode)]
    found = [
        (node, item)
        for node in functions
        for item in all_nodes(node)
        if isinstance(item, ast.Call)
        and full_name(library, location, dotted_name(item.func) or "") in _WRITERS
    ]
    if len(found) != 1 or _target_of(found[0][1], found[0][0]) != pattern:
        return None
    node, call = found[0]
    maker = Maker(library, "", FunctionBody(node, location.name, file, 0), 0, {})
    items = listed_items(call.args[0], node, call.args)
    return StoredValue(items[0], maker) if len(items) == 1 else None


def _target_of(call: ast.Call, node: FunctionNode) -> str:
    """Return the name of the file that gets what a call makes; nothing where it is not plain."""
    for item in all_nodes(node):
        match item:
            case ast.Call(func=ast.Attribute(value=path, attr="write_text"), args=[text, *_]):
                if text is call and call.args:
                    return _pattern_of(path)
    return ""
