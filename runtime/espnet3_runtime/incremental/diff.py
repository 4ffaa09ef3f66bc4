"""The differences between two fingerprints, in words: why a stage has to run."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from espnet3_runtime.incremental.fingerprint import Inputs

_LONGEST = 40
_NONE = object()
_PARTS = {
    "declared": "output {} changed its path",
    "code": "code of {} changed",
    "files": "file {} changed",
}


def describe_changes(old: Inputs, new: Inputs, own: tuple[str, ...] = ()) -> list[str]:
    """Return what changed, the most informative first; empty when nothing did.

    Args:
        old: The fingerprint in a receipt, which may have any form.
        new: The fingerprint now.
        own: Files that the stage made itself although settings name them.
    """
    try:
        return list(dict.fromkeys(_iter_changes(old, new, own)))
    except (AttributeError, TypeError, KeyError):
        return ["its receipt was written by another version"]


def pending_upstream(inputs: Inputs) -> list[str]:
    """Return the stages whose outputs are not known yet."""
    names = (key.partition(".")[0] for key, value in inputs["upstream"].items() if value is None)
    return list(dict.fromkeys(names))


def _iter_changes(old: Inputs, new: Inputs, own: tuple[str, ...]) -> Iterator[str]:
    if old["what"] != new["what"]:
        yield f"it runs {new['what']} instead of {old['what']}"
    if old["signed"] != new["signed"]:
        yield f"it is signed {_join_names(new['signed'])} instead of {_join_names(old['signed'])}"
    upstream = list(_upstream_changes(old["upstream"], new["upstream"]))
    for reason in (
        *_config_changes(old["configs"], new["configs"]),
        *_leaf_changes("model", old["model"] or {}, new["model"] or {}),
        *_leaf_changes("with", old["arguments"], new["arguments"]),
    ):
        if not (upstream and "${stages." in reason):  # said better by the upstream reason
            yield reason
    yield from _source_changes(old, new)
    for part, text in _PARTS.items():
        for key in _changed_keys(old[part], new[part]):
            if part != "files" or key not in own:
                yield text.format(key)
    yield from upstream
    before, now = old["versions"], new["versions"]
    for key in _changed_keys(before, now):
        yield f"version of {key} changed ({before.get(key, 'none')} -> {now.get(key, 'none')})"


def _source_changes(old: Inputs, new: Inputs) -> Iterator[str]:
    for key in ("init_from", "data_dir"):
        if key in old and old[key] != new[key]:  # earlier receipts have no data_dir
            yield f"{key} changed{_arrow(old[key], new[key])}"


def _config_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for role in sorted(old.keys() | new.keys()):
        if role not in old:
            yield f"it reads the config {new[role]['name']} now"
        elif role not in new:
            yield f"it reads the config {old[role]['name']} no more"
        else:
            name = new[role]["name"]
            yield from _leaf_changes(f"config {name}", old[role]["values"], new[role]["values"])


def _leaf_changes(owner: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    joined = f"{owner}." if owner.startswith("config ") else f"{owner} "
    for key in sorted(old.keys() | new.keys()):
        if key not in old:
            yield f"{joined}{key} is new ({_shorten_value(new[key])})"
        elif key not in new:
            yield f"{joined}{key} is gone"
        elif _is_late(old[key]) and _is_late(new[key]):
            if new[key]["digest"] not in (None, old[key]["digest"]):
                yield f"{joined}{key} changed: {new[key]['late']} has another value"
        elif type(old[key]) is not type(new[key]) or old[key] != new[key]:
            yield f"{joined}{key} changed{_arrow(old[key], new[key])}"


def _is_late(value: Any) -> bool:
    return isinstance(value, dict) and "late" in value


def _arrow(old: Any, new: Any) -> str:
    return f" ({_shorten_value(old)} -> {_shorten_value(new)})"


def _shorten_value(value: Any) -> str:
    text = value["late"] if _is_late(value) else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _changed_keys(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    keys = sorted(old.keys() | new.keys())
    return [key for key in keys if old.get(key, _NONE) != new.get(key, _NONE)]


def _upstream_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Compare contents, even where a stage was renamed; outputs that are not known are skipped."""
    before = sorted((key.partition(".")[2], value) for key, value in old.items())
    if None in new.values() or before == sorted((k.partition(".")[2], v) for k, v in new.items()):
        return
    for key, value in new.items():
        if old.get(key) != value:
            stage, _, output = key.partition(".")
            yield f"upstream {stage} changed ({output})"
    for key in sorted(old.keys() - new.keys()):
        yield f"upstream {key} is gone"


def _join_names(names: Sequence[str]) -> str:
    return " ".join(names) or "by nobody"
