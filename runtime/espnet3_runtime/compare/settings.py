"""The settings with which runs were made, from the receipts of their stages, and what differs."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from espnet3_runtime.incremental.receipts import Receipt


def read_settings(receipts: Sequence[Receipt], exp_dir: str) -> dict[str, Any]:
    """Return the settings that some stages read, flat, as ``<role>.<key>`` and ``model.<key>``.

    What names a stage of the own experiment, or its directory, is the same for all: it says who
    the run is, not how it differs.  Secrets are not in receipts.

    Args:
        receipts: Of the train and infer stages of a run; the first wins.
        exp_dir: The experiment's directory, as its configs name it.
    """
    found: dict[str, Any] = {}
    for receipt in receipts:
        for key, value in _receipt_settings(receipt.inputs):
            if value is not _SKIPPED:
                found.setdefault(key, _without_directory(value, exp_dir))
    return found


_SKIPPED = object()


def _receipt_settings(inputs: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    configs = inputs.get("configs")
    for role, config in (configs if isinstance(configs, Mapping) else {}).items():
        for key, leaf in config.get("values", {}).items():
            yield f"{role}.{key}", _plain_leaf(leaf)
    for key, leaf in (inputs.get("model") or {}).items():
        yield f"model.{key}", _plain_leaf(leaf)
    if inputs.get("init_from") is not None:
        yield "init_from", _plain_leaf(inputs["init_from"])


def _plain_leaf(leaf: Any) -> Any:
    """Return a leaf of a fingerprint as it was written; late values as their text."""
    if not isinstance(leaf, Mapping) or not leaf:
        return leaf
    if "float" in leaf:
        return leaf["float"]
    text = str(leaf.get("late", ""))
    return _SKIPPED if "stages." in text or text == "***" else text


def _without_directory(value: Any, exp_dir: str) -> Any:
    return value.replace(exp_dir, "${exp_dir}") if isinstance(value, str) and exp_dir else value


_ROLES = ("training", "model", "inference")


def differing_keys(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the keys whose values are not the same in all runs: of trainings first, then sorted.

    A run that was not measured has no settings of inference at all; it does not differ in them.
    """
    holders: dict[str, list[Mapping[str, Any]]] = {}
    for one in settings:
        for role in {_role_of(key) for key in one}:
            holders.setdefault(role, []).append(one)
    found = [
        key
        for key in {key for one in settings for key in one}
        if len({as_text(one.get(key, _SKIPPED)) for one in holders[_role_of(key)]}) > 1
    ]
    return sorted(found, key=lambda key: (_place_of(_role_of(key)), key))


def _role_of(key: str) -> str:
    return key.partition(".")[0]


def _place_of(role: str) -> int:
    return _ROLES.index(role) if role in _ROLES else len(_ROLES)


def as_text(value: Any) -> str:
    """Return a setting as YAML would show it; nothing for one that a run does not have."""
    if value is _SKIPPED:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """Return for each key the shortest end of it that no other key has."""
    names = {}
    for key in keys:
        parts = key.split(".")
        ends = [".".join(parts[-count:]) for count in range(1, len(parts) + 1)]
        others = [other for other in keys if other != key]
        names[key] = next(
            (end for end in ends if not any(f".{o}".endswith(f".{end}") for o in others)), key
        )
    return names
