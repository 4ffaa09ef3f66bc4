"""Read what a method of an ESPnet3 System does: the work of a stage kind, or something else."""

import ast
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from espnet3_compiler.convert.launched.base_classes import ClassText
from espnet3_compiler.convert.launched.modules import ParsedModule

KIND_ROLES = {
    "create_dataset": "training",
    "train_tokenizer": "training",
    "collect_stats": "training",
    "train": "training",
    "infer": "inference",
    "measure": "metrics",
    "pack_model": "publication",
    "upload_model": "publication",
    "pack_demo": "demo",
    "upload_demo": "demo",
}
"""The stage kinds of ESPnet3 and the role of the config that each works with."""
FUNCTIONS = ("train", "collect_stats", "infer", "measure")
_HARMLESS = (
    "logger.",
    "logging.",
    "log.",
    "print",
    "warnings.",
    "time.",
    "self._reject_stage_args",
)
_HARMLESS_VALUES = ("Path", "getattr", "str", "len", "time.", "logging.")
SUFFIX = "_config"

Roles = dict[str, str]
"""The role of the config in an attribute, by its name."""


class StageWork(Struct, frozen=True):
    """The stage kind whose work a method does, and the role of the config that it does it with."""

    kind: str
    role: str


class _NotOneStage(Exception):  # noqa: N818 - caught in this file
    """A method that does something else."""


def find_method(
    classes: Sequence[ClassText], name: str
) -> tuple[ast.FunctionDef, ClassText] | None:
    """Return the method of a name in the first class that has it, the most derived one first."""
    for cls, module in classes:
        for node in cls.body:
            if isinstance(node, ast.FunctionDef) and node.name == name:
                return node, (cls, module)
    return None


def attribute_roles(classes: Sequence[ClassText]) -> Roles:
    """Return which config a System holds in which attribute, by what its constructors assign."""
    found = find_method(classes, "__init__")
    roles: Roles = {}
    for node in ast.walk(found[0]) if found else ():
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Attribute) and (role := _role_of(node.value, {}, roles)):
                    roles[target.attr] = role
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("__init__"):
            for word in node.keywords:
                if word.arg and (role := _role_of(word.value, {}, roles)):
                    roles[word.arg] = role
    return roles


def stage_work(classes: Sequence[ClassText], name: str, roles: Roles) -> StageWork | None:
    """Return the work of a stage kind that a method does and nothing else; None for other methods.

    Args:
        classes: The class and its bases that can be read, the most derived one first.
        name: The method, or a stage kind that none of them defines.
        roles: The role of the config in each attribute.
    """
    try:
        return _method_work(classes, name, dict(roles), 0)
    except _NotOneStage:
        return None


def _method_work(classes: Sequence[ClassText], name: str, roles: Roles, depth: int) -> StageWork:
    found = find_method(classes, name)
    if found is None and name in KIND_ROLES:
        attribute = KIND_ROLES[name] + SUFFIX
        return StageWork(name, roles.get(attribute, KIND_ROLES[name]))
    if found is None or depth > len(classes) + 5:
        raise _NotOneStage
    method, (cls, module) = found
    reader = _MethodReader(classes, module, roles, depth)
    reader.above = classes[[one for one, _ in classes].index(cls) + 1 :]
    works = list(reader.read_statements(method.body))
    if len(works) != 1:
        raise _NotOneStage
    return works[0]


class _MethodReader:
    """Follows the statements of one method."""

    def __init__(
        self, classes: Sequence[ClassText], module: ParsedModule, roles: Roles, depth: int
    ) -> None:
        self.classes, self.module, self.roles, self.depth = classes, module, roles, depth
        self.above: Sequence[ClassText] = ()
        self.names: Roles = {}

    def read_statements(self, body: Sequence[ast.stmt]) -> Iterator[StageWork]:
        for node in body:
            yield from self._read_statement(node)

    def _read_statement(self, node: ast.stmt) -> Iterator[StageWork]:
        match node:
            case ast.Expr(value=ast.Constant()) | ast.Pass() | ast.Assert() | ast.Import():
                return
            case ast.ImportFrom() | ast.Return(value=None | ast.Constant() | ast.Name()):
                return
            case ast.If() if (
                all(isinstance(one, ast.Raise) for one in node.body) and not node.orelse
            ):
                return
            case ast.Try() if not node.handlers:
                yield from self.read_statements([*node.body, *node.orelse, *node.finalbody])
            case ast.Expr(value=value) | ast.Return(value=ast.expr() as value):
                yield from self._read_value(value)
            case ast.Assign(targets=[target]):
                yield from self._read_assignment(target, node.value)
            case _:
                raise _NotOneStage

    def _read_assignment(self, target: ast.expr, value: ast.expr) -> Iterator[StageWork]:
        role = _role_of(value, self.names, self.roles)
        if isinstance(target, ast.Attribute) and role:
            self.roles[target.attr] = role
        elif isinstance(target, ast.Name) and role:
            self.names[target.id] = role
        elif isinstance(target, ast.Name | ast.Attribute):
            yield from self._read_value(value)
        else:
            raise _NotOneStage

    def _read_value(self, value: ast.expr) -> Iterator[StageWork]:
        if isinstance(value, ast.Call) and (work := self._call_work(value)):
            yield work
            return
        calls = [ast.unparse(one.func) for one in ast.walk(value) if isinstance(one, ast.Call)]
        if not all(call.startswith((*_HARMLESS, *_HARMLESS_VALUES)) for call in calls):
            raise _NotOneStage

    def _call_work(self, call: ast.Call) -> StageWork | None:
        owner, _, name = ast.unparse(call.func).rpartition(".")
        if owner == "self" and not call.args and not name.startswith("_"):
            return _method_work(self.classes, name, self.roles, self.depth + 1)
        if owner.startswith("super("):
            return _method_work(self.above, name, self.roles, self.depth + 1)
        if owner and name in KIND_ROLES and _is_self(call):  # BaseSystem.train(self)
            return _method_work((), name, self.roles, self.depth + 1)
        path = self.module.imported_path(ast.unparse(call.func))
        if name not in FUNCTIONS or not path.startswith("espnet3."):
            return None
        first = next(iter([*call.args, *(word.value for word in call.keywords)]), None)
        role = _role_of(first, self.names, self.roles) if first else None
        if role is None:
            raise _NotOneStage
        return StageWork(name, role)


def _is_self(call: ast.Call) -> bool:
    return bool(call.args) and ast.unparse(call.args[0]) == "self"


def _role_of(node: ast.expr, names: Mapping[str, str], roles: Mapping[str, str]) -> str | None:
    """Return the role of the config that an expression stands for, or None."""
    match node:
        case ast.BoolOp(values=[first, *_]) | ast.IfExp(body=first):
            return _role_of(first, names, roles)
        case ast.Name(id=name) if name in names:
            return names[name]
        case ast.Name(id=name) if name.endswith(SUFFIX):
            return name.removesuffix(SUFFIX)
        case ast.Attribute(value=ast.Name(id="self"), attr=name) if name in roles:
            return roles[name]
        case ast.Attribute(value=ast.Name(id="self"), attr=name) if name.endswith(SUFFIX):
            return name.removesuffix(SUFFIX)
        case ast.Call(
            func=ast.Attribute(attr="get" | "pop"), args=[ast.Constant(value=str(key)), *_]
        ):
            return key.removesuffix(SUFFIX) if key.endswith(SUFFIX) else None
    return None
