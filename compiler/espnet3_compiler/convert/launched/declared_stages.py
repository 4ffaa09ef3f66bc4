"""Read the stages that an ESPnet3 System declares, or that ``run.py`` lists, in their order."""

import ast
from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from espnet3_compiler.convert.launched.base_classes import ClassText
from espnet3_compiler.convert.launched.modules import ModuleFinder, ParsedModule
from espnet3_compiler.convert.launched.run_script import UNREADABLE, stage_list
from espnet3_compiler.convert.launched.stage_work import KIND_ROLES

ASR_ONLY = ("train_tokenizer",)
ROLES_OF_PACKING = ("training", "publication")


class StageEntry(Struct, frozen=True):
    """A stage as it is declared: its name, roles and where; ``log_dir`` is a key of a config."""

    name: str
    roles: tuple[str, ...]
    log_dir: str | None
    node: ast.AST


def declared_stages(
    classes: Sequence[ClassText],
    base: str,
    listed: ast.expr | None,
    module: ParsedModule,
    finder: ModuleFinder,
) -> list[StageEntry]:
    """Return the stages of a System in their order.

    Args:
        classes: The class and its bases that can be read, the most derived one first.
        base: The System of ESPnet3 below them, ``asr`` or ``base``.
        listed: The stages that ``run.py`` gives, as releases before 202611 do.
        module: ``run.py``.
        finder: Reads the module that a list is imported from.
    """
    own = _own_stages(classes, base)
    if not any(entry.name for entry in own):
        own = [*own, *_stages_of_base(base, module.tree)]
    if listed is None:
        return own
    known = {entry.name: entry for entry in own}
    names = _listed_names(listed, module, finder, tuple(known))
    return [
        known.get(name) or StageEntry(name, (KIND_ROLES.get(name, "training"),), None, listed)
        for name in dict.fromkeys(names)
        if name in known or name not in KIND_ROLES
    ]


def _listed_names(
    listed: ast.expr, module: ParsedModule, finder: ModuleFinder, known: tuple[str, ...]
) -> list[str]:
    """Return the names in a list; one that is imported is looked for where it comes from."""
    names = _names_in(listed)
    for name in [*names]:
        value = module.assigned(name)
        names |= _names_in(value) if value is not None else {}
    for name in names:
        path = module.imported_path(name)
        there = finder.read(path.rpartition(".")[0]) if path != name else None
        value = there.assigned(path.rpartition(".")[2]) if there else None
        if there and value is not None:
            known = tuple(stage_list(value, there, known))
    return stage_list(listed, module, known)


def _names_in(node: ast.expr) -> dict[str, None]:
    return {one.id: None for one in ast.walk(node) if isinstance(one, ast.Name)}


def _stages_of_base(base: str, node: ast.AST) -> list[StageEntry]:
    return [
        StageEntry(kind, ROLES_OF_PACKING if kind == "pack_model" else (role,), None, node)
        for kind, role in KIND_ROLES.items()
        if base == "asr" or kind not in ASR_ONLY
    ]


def _own_stages(classes: Sequence[ClassText], base: str) -> list[StageEntry]:
    """Return the stages of the first class that declares some; none where no class does."""
    for index, (cls, module) in enumerate(classes):
        for node in cls.body:
            targets = node.targets if isinstance(node, ast.Assign) else []
            targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
            if any(ast.unparse(target) == "stages" for target in targets):
                below = _own_stages(classes[index + 1 :], base) or _stages_of_base(base, node)
                value = getattr(node, "value", None)
                return list(_read_stages(value, module, below)) if value is not None else []
    return []


def _read_stages(
    node: ast.expr, module: ParsedModule, below: list[StageEntry]
) -> Iterator[StageEntry]:
    """Yield the stages of a tuple, a sum of tuples or a part of those of a base class."""
    match node:
        case ast.Tuple(elts=items) | ast.List(elts=items):
            for item in items:
                yield from _read_stages(item, module, below)
        case ast.Starred(value=inner) | ast.Call(func=ast.Name(id="tuple" | "list"), args=[inner]):
            yield from _read_stages(inner, module, below)
        case ast.BinOp(op=ast.Add()):
            yield from _read_stages(node.left, module, below)
            yield from _read_stages(node.right, module, below)
        case ast.Subscript(value=inner, slice=ast.Slice(lower=low, upper=high)):
            every = list(_read_stages(inner, module, below))
            yield from every[_number(low) : _number(high)]
        case ast.Subscript(value=inner, slice=index) if _number(index) is not None:
            every = list(_read_stages(inner, module, below))
            place = _number(index) or 0
            yield from every[place:][:1]
        case ast.Attribute(attr="stages"):
            yield from below
        case ast.Name(id=name) if (value := module.assigned(name, node)) is not None:
            yield from _read_stages(value, module, below)
        case ast.Call() if ast.unparse(node.func).endswith("StageSpec"):
            yield _read_spec(node)
        case _:
            yield StageEntry(UNREADABLE, (), None, node)


def _read_spec(call: ast.Call) -> StageEntry:
    """Return the stage of ``StageSpec(name=…, config=…, log_dir=…)``."""
    words = {str(word.arg): word.value for word in call.keywords}
    words |= dict(zip(("name", "config", "log_dir"), call.args, strict=False))
    values = {key: _constant(value) for key, value in words.items()}
    name, config, log_dir = values.get("name"), values.get("config"), values.get("log_dir")
    roles = config if isinstance(config, tuple) else (config,) if config else ()
    is_read = isinstance(name, str) and isinstance(config, str | tuple)
    entry = StageEntry(str(name) if is_read else UNREADABLE, tuple(map(str, roles)), None, call)
    return replace(entry, log_dir=log_dir) if isinstance(log_dir, str) else entry


def _constant(node: ast.expr) -> object:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


def _number(node: ast.expr | None) -> int | None:
    value = _constant(node) if node is not None else None
    return value if isinstance(value, int) else None
