"""Objects from ``_target_`` nodes, with the meaning that Hydra gives them.

One difference: a target always receives plain dicts and lists, so ``_convert_`` has no effect.

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

FLAGS = (TARGET, "_convert_", "_recursive_", "_partial_")


def instantiate(node: Any, *args: Any, where: str = "", **kwargs: Any) -> Any:
    """Return the object that a node describes.

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
            merged = {key: value for key, value in merged.items() if key not in FLAGS}
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
    value = node[TARGET]
    target = locate_target(value, where) if isinstance(value, str) else value
    if not callable(target):
        raise InstantiateError(f'"{value}" is not callable', where=where)
    name = value if isinstance(value, str) else getattr(value, "__qualname__", repr(value))
    values = {
        key: _build_node(value, join_key(where, key), recursive=True)
        if recursive
        else to_plain(value)
        for key, value in node.items()
        if key not in FLAGS
    }
    positional = values.pop("_args_", ())
    if not isinstance(positional, list | tuple):
        raise InstantiateError(f"_args_ is a list, found {positional!r}", where=where)
    if _read_flag(node, "_partial_", where, default=False):
        target = partial(partial, target)
    try:
        return target(*(args or positional), **values)
    except InstantiateError:
        raise
    except Exception as error:
        what = f"{name} failed: {type(error).__name__}: {error}"
        raise InstantiateError(what, where=where) from error


def _read_flag(node: Mapping[str, Any], key: str, where: str, *, default: bool) -> bool:
    value = node.get(key, default)
    if not isinstance(value, bool):
        raise InstantiateError(f"{key} is true or false, found {value!r}", where=where)
    return value


def _merge_kwargs(node: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(node)
    for key, value in extra.items():
        old: Any = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(old, Mapping)
        merged[key] = _merge_kwargs(old, value) if both else value
    return merged


def _import_module(module: str, target: str, where: str) -> ModuleType:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        text = f'"{module}" needs the module "{error.name}", which is not installed'
        if error.name is not None and f"{module}.".startswith(f"{error.name}."):
            text = f'there is no module "{error.name}"'
        raise InstantiateError(f'cannot import "{target}": {text}', where=where) from error
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        raise InstantiateError(f'cannot import "{target}": {text}', where=where) from error


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
