"""Objects from ``_target_`` nodes, with the meaning that Hydra gives them.

One difference: a target always receives plain dicts and lists (Hydra's ``_convert_: all``),
because configs here are plain data and there is no other kind of container to hand over.
``_convert_`` is accepted and has no further effect.

Source: https://hydra.cc/docs/advanced/instantiate_objects/overview/
"""

import inspect
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any

from espnet3_runtime.config import ConfigView, join_key, to_plain
from espnet3_runtime.errors import InstantiateError, did_you_mean
from espnet3_schemas import TARGET

_FLAGS = (TARGET, "_convert_", "_recursive_", "_partial_")
_CONVERT = ("none", "partial", "object", "all")


def instantiate(node: Any, *args: Any, where: str = "", **kwargs: Any) -> Any:
    """Return what a node describes.

    Args:
        node: A mapping with ``_target_`` becomes the result of calling it; a mapping or list
            without becomes a dict or list with the nodes inside instantiated; None stays None.
        *args: Positional arguments; they replace ``_args_``.
        where: The key path of the node for messages; a :class:`ConfigView` brings its own.
        **kwargs: Further keyword arguments; they win over the node's, mappings are merged.

    Raises:
        InstantiateError: A target does not exist or its call failed.  The message names the key
            path and the target; ``__cause__`` is the original exception.
    """
    path = where or (node.where if isinstance(node, ConfigView) else "")
    if node is None:
        return None
    if isinstance(node, Mapping):
        merged = _merge_kwargs(node, kwargs)
        recursive = _read_flag(merged, "_recursive_", path, default=True)
        if TARGET not in merged:
            merged = {key: value for key, value in merged.items() if key not in _FLAGS}
        return _build_node(merged, path, args, recursive=recursive)
    if isinstance(node, list | tuple):
        recursive = _read_flag(kwargs, "_recursive_", path, default=True)
        return _build_node(node, path, (), recursive=recursive)
    raise InstantiateError(f"expected a mapping or a list, found {node!r}", where=path)


def parameters_of(node: Mapping[str, Any], where: str = "") -> set[str]:
    """Return the names of the parameters of a node's target; none of one without a signature.

    Raises:
        InstantiateError: There is no such target.
    """
    try:
        return set(inspect.signature(locate_target(node[TARGET], where)).parameters)
    except (TypeError, ValueError):
        return set()


def locate_target(target: str, where: str = "") -> Any:
    """Import and return what a dotted name names.

    Raises:
        InstantiateError: There is no such module or attribute, or importing it failed.
    """
    parts = target.split(".")
    if not all(parts):
        raise InstantiateError(f'"{target}" is not a dotted name', where=where)
    found = _import_module(parts[0], target, where)
    for index, part in enumerate(parts[1:], start=1):
        try:
            found = getattr(found, part)
        except AttributeError as error:
            if not isinstance(found, ModuleType):
                raise _no_attribute(target, found, part, where) from error
            found = _import_submodule(found, part, ".".join(parts[: index + 1]), target, where)
    return found


def _build_node(node: Any, where: str, args: Sequence[Any] = (), *, recursive: bool) -> Any:
    if isinstance(node, Mapping):
        recursive = _read_flag(node, "_recursive_", where, default=recursive)
        if TARGET in node:
            return _call_target(node, where, args, recursive=recursive)
        return {
            key: _build_node(value, join_key(where, key), recursive=recursive)
            for key, value in node.items()
        }
    if isinstance(node, list | tuple):
        return [
            _build_node(item, join_key(where, index), recursive=recursive)
            for index, item in enumerate(node)
        ]
    return node


def _call_target(
    node: Mapping[str, Any], where: str, args: Sequence[Any], *, recursive: bool
) -> Any:
    _check_convert(node, where)
    target, name = _resolve_target(node[TARGET], where)
    values = {key: value for key, value in node.items() if key not in _FLAGS}
    if recursive:
        values = {
            key: _build_node(value, join_key(where, key), recursive=True)
            for key, value in values.items()
        }
    else:
        values = {key: to_plain(value) for key, value in values.items()}
    positional = values.pop("_args_", ())
    if not isinstance(positional, list | tuple):
        raise InstantiateError(f"_args_ is a list, found {positional!r}", where=where)
    positional = args or positional
    partially = _read_flag(node, "_partial_", where, default=False)
    try:
        if partially:
            return partial(target, *positional, **values)
        return target(*positional, **values)
    except InstantiateError:
        raise
    except Exception as error:
        what = f"{name} failed: {type(error).__name__}: {error}"
        raise InstantiateError(what, where=where) from error


def _resolve_target(value: Any, where: str) -> tuple[Any, str]:
    target = locate_target(value, where) if isinstance(value, str) else value
    if not callable(target):
        raise InstantiateError(f'"{value}" is not callable', where=where)
    name = value if isinstance(value, str) else getattr(value, "__qualname__", repr(value))
    return target, name


def _read_flag(node: Mapping[str, Any], key: str, where: str, *, default: bool) -> bool:
    value = node.get(key, default)
    if not isinstance(value, bool):
        raise InstantiateError(f"{key} is true or false, found {value!r}", where=where)
    return value


def _check_convert(node: Mapping[str, Any], where: str) -> None:
    value = node.get("_convert_", "all")
    if str(getattr(value, "value", value)).lower() not in _CONVERT:
        raise InstantiateError(f"_convert_ is one of {', '.join(_CONVERT)}", where=where)


def _merge_kwargs(node: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(node)
    for key, value in extra.items():
        old = merged.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            merged[key] = _merge_kwargs(old, value)
        else:
            merged[key] = value
    return merged


def _import_module(module: str, target: str, where: str) -> ModuleType:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module}.".startswith(f"{error.name}."):
            raise InstantiateError(
                f'cannot import "{target}": there is no module "{error.name}"', where=where
            ) from error
        raise InstantiateError(
            f'cannot import "{target}": "{module}" needs the module "{error.name}", '
            "which is not installed",
            where=where,
        ) from error
    except Exception as error:
        what = f'cannot import "{target}": {type(error).__name__}: {error}'
        raise InstantiateError(what, where=where) from error


def _import_submodule(
    parent: ModuleType, part: str, module: str, target: str, where: str
) -> ModuleType:
    try:
        return _import_module(module, target, where)
    except InstantiateError as error:
        cause = error.__cause__
        if isinstance(cause, ModuleNotFoundError) and cause.name == module:
            raise _no_attribute(target, parent, part, where) from cause
        raise


def _no_attribute(target: str, owner: Any, part: str, where: str) -> InstantiateError:
    name = getattr(owner, "__name__", type(owner).__name__)
    public = sorted(attribute for attribute in dir(owner) if not attribute.startswith("_"))
    hint = did_you_mean(part, public)
    return InstantiateError(
        f'cannot find "{target}": "{name}" has no "{part}"',
        where=where,
        hint=hint if hint.startswith("did") else "",
    )
