"""Read what ``run.py`` launches: the System, its defaults, its stages and flags."""

import ast
from collections.abc import Iterator

from msgspec import Struct

from espnet3_compiler.convert.launched.modules import ParsedModule

STARTERS = ("launch", "main", "run_stages")
TEMPLATE_PACKAGE = "egs3.TEMPLATE."
MAX_STEPS = 20
UNREADABLE = ""
"""In the place of a stage that cannot be read."""


class RunScript(Struct, frozen=True):
    """What ``run.py`` says.

    Attributes:
        system: The expression of the System class; None where none is launched.
        package: The package of default configs that it names, or that ``main`` comes from.
        stages: The expression of the stages that it gives; None where the System has them.
        flags: The flags that it adds to the parser, with their calls.
    """

    system: ast.expr | None
    package: str | None
    stages: ast.expr | None
    flags: tuple[tuple[str, ast.Call], ...]


def read_run_script(module: ParsedModule) -> RunScript:
    """Read ``run.py``; the first call of ``launch``, ``main`` or ``run_stages`` counts."""
    calls = [node for node in ast.walk(module.tree) if isinstance(node, ast.Call)]
    starts = [call for call in calls if _last_name(call.func) in STARTERS]
    start = next((call for call in starts if _system_argument(call) is not None), None)
    words = {word.arg: word.value for word in start.keywords} if start else {}
    system = _system_argument(start) if start else None
    package = words.get("conf_package") or words.get("default_package")
    return RunScript(
        _class_of(system, module) if system is not None else None,
        _text_of(package, module) or (_package_of(start, module) if start else None),
        words.get("stages") if start and _last_name(start.func) != "launch" else None,
        tuple(_added_flags(calls)),
    )


def _system_argument(call: ast.Call) -> ast.expr | None:
    for word in call.keywords:
        if word.arg in ("system_cls", "system"):
            return word.value
    first = call.args[0] if call.args else None
    return first if _last_name(call.func) == "launch" else None


def _class_of(node: ast.expr, module: ParsedModule) -> ast.expr:
    """Return the class behind a name, a lambda, a partial or an instance."""
    for _ in range(MAX_STEPS):
        if isinstance(node, ast.Lambda):
            node = node.body
        elif isinstance(node, ast.Call):
            node = node.args[0] if _last_name(node.func) == "partial" and node.args else node.func
        elif isinstance(node, ast.Name) and (value := module.assigned(node.id)) is not None:
            node = value
        else:
            break
    return node


def _package_of(call: ast.Call, module: ParsedModule) -> str | None:
    """Return the template whose ``run.py`` the starting function comes from, or None."""
    path = module.imported_path(ast.unparse(call.func))
    if path.startswith(TEMPLATE_PACKAGE):
        return ".".join(path.split(".")[:3])
    return None


def _text_of(node: ast.expr | None, module: ParsedModule) -> str | None:
    if isinstance(node, ast.Name):
        node = module.assigned(node.id)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _added_flags(calls: list[ast.Call]) -> Iterator[tuple[str, ast.Call]]:
    for call in calls:
        if _last_name(call.func) == "add_argument":
            for argument in call.args:
                if isinstance(argument, ast.Constant) and str(argument.value).startswith("--"):
                    yield str(argument.value), call


def stage_list(node: ast.expr | None, module: ParsedModule, known: tuple[str, ...]) -> list[str]:
    """Return the names in a list of stages; ``UNREADABLE`` for what else is in it.

    Args:
        node: A list, a sum of lists, or the name of one.
        module: Where it is written.
        known: The stages of a list that is imported.
    """
    if isinstance(node, ast.List | ast.Tuple):
        parts = (stage_list(item, module, known) for item in node.elts)
        return [name for part in parts for name in part]
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    if isinstance(node, ast.Starred):
        return stage_list(node.value, module, known)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [
            *stage_list(node.left, module, known),
            *stage_list(node.right, module, known),
        ]
    if isinstance(node, ast.Call) and _last_name(node.func) in ("list", "tuple") and node.args:
        return stage_list(node.args[0], module, known)
    if isinstance(node, ast.Name) and (value := module.assigned(node.id, node)) is not None:
        return stage_list(value, module, known)
    if isinstance(node, ast.Name | ast.Attribute):  # imported
        return list(known)
    return [] if node is None else [*known, UNREADABLE]


def _last_name(node: ast.expr) -> str:
    return ast.unparse(node).rpartition(".")[2]
