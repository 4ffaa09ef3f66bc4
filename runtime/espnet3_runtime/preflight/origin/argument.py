"""Which argument of a node a message is about."""

import inspect
import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, get_type_hints

from espnet3_runtime.build.instantiate import FLAGS, locate_target
from espnet3_runtime.build.model_node import key_of
from espnet3_runtime.errors import InstantiateError, exception_chain
from espnet3_schemas import TARGET

_SURE = 2
_LONG_NAME = 7
_COMMON = (0, 1, None, True, False)


def blame_argument(node: Any, error: BaseException) -> tuple[str, list[str]]:
    """Return the key of the argument that an error is about, otherwise of the target; and advice.

    Args:
        node: The node that could not become an object.
        error: Why.
    """
    wanted = class_wanted(node[TARGET], node) if TARGET in node else None
    if wanted:
        return wanted[0], [f"{wanted[0]} is an object; did you mean {wanted[1]}?"]
    message = next(str(link) for link in exception_chain(error) if not link.__cause__)
    return argument_at_fault(node, message) or key_of(node), []


def argument_at_fault(node: Any, message: str) -> str | None:
    """Return the key of the only argument whose name and value a message surely means.

    Args:
        node: The node that could not become an object.
        message: What its target said.
    """
    if not isinstance(node, Mapping):
        return None
    scores = {key: _score(key, node[key], message) for key in node if key not in (*FLAGS, "_args_")}
    best = max(scores.values(), default=0)
    named = [key for key, score in scores.items() if score == best]
    return named[0] if best >= _SURE and len(named) == 1 else None


def _score(key: str, value: Any, message: str) -> int:
    sure = "_" in key or len(key) >= _LONG_NAME
    named = (1 + sure) if key and _has_word(message, key, re.IGNORECASE) else 0
    if isinstance(value, list | tuple):
        return named + max((_score("", item, message) for item in value), default=0)
    if isinstance(value, Mapping) or value in _COMMON:
        return named
    return named + _SURE * _has_word(message, str(value))


def _has_word(message: str, word: str, flags: int = 0) -> bool:
    """Return whether a word is in a message; 8 is not in 8.5, 1e-8 and -8."""
    after = r"(?![\w]|\.\d)"
    return bool(re.search(rf"(?<![\w.-]){re.escape(word)}{after}", message, flags))


def class_wanted(name: str, node: Any) -> tuple[str, str] | None:
    """Return an argument that is plain and should be an object, and how that is written.

    Args:
        name: The target of the node.
        node: The node.
    """
    try:
        target: Any = locate_target(name)
    except InstantiateError:
        return None
    try:
        function: Any = vars(target).get("__init__") if isinstance(target, type) else target
        hints = get_type_hints(function)
        names = inspect.signature(target).parameters
    except Exception:  # noqa: BLE001 - annotations are code of the recipe, which may raise anything
        return None
    for key, value in node.items() if isinstance(node, Mapping) else ():
        wanted = hints.get(key) if key in names else None
        if not isinstance(wanted, type):
            continue
        name = f"{wanted.__module__}.{wanted.__qualname__}"
        if issubclass(wanted, Enum) and type(value) is str and not issubclass(wanted, str):
            return key, _write_enum(wanted, name, value)
        if isinstance(value, Mapping) and "_target_" not in value and _is_own_class(wanted):
            return key, f"{{_target_: {name}, …}}"
    return None


def _write_enum(wanted: type[Enum], name: str, value: str) -> str:
    values = [str(member.value) for member in wanted]
    chosen = value if value in values else next(iter(values), value)
    return f"{{_target_: {name}, _args_: [{chosen}]}}"


def _is_own_class(wanted: type) -> bool:
    return wanted.__module__ != "builtins" and not issubclass(wanted, Mapping | dict)
