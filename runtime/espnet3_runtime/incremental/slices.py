"""The part of configs, models and earlier outputs that a stage may read, and that is hashed."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from espnet3_runtime.build.late_values import find_references, references_of
from espnet3_runtime.build.lock import Build
from espnet3_runtime.build.model_node import without_endings
from espnet3_runtime.config import ConfigView, to_plain
from espnet3_schemas.build_records import Stage
from espnet3_schemas.initial_weights import split_init_from
from espnet3_schemas.late_values import StageOutput

SPLITS = ("train", "valid", "test")


def configs_of(build: Build, stage: Stage) -> dict[str, ConfigView]:
    """Return by role the config with the keys that the stage's kind declares to read."""
    roles = stage.facts["roles"]
    ignores = tuple(stage.facts.get("ignores", ()))
    return {
        role: _slice_config(build, name, tuple(roles.get(role, {}).get("reads", ["*"])), ignores)
        for role, name in stage.configs.items()
    }


def hashed_configs_of(build: Build, stage: Stage) -> dict[str, ConfigView]:
    """Return the same without the keys that cannot change the result.

    Those are ``harmless`` in its declaration, for one role with ``role:`` before the key.
    Of ``dataset``, ``create_dataset`` uses the builders alone (``hashes``).
    """
    harmless = [pattern.rpartition(":") for pattern in stage.facts.get("harmless", ())]
    views = {
        role: without_keys(view, [path for owner, _, path in harmless if owner in ("", role)])
        for role, view in configs_of(build, stage).items()
    }
    if stage.facts.get("hashes") == "builders":
        return {role: _builders_only(view) for role, view in views.items()}
    return views


def _builders_only(view: ConfigView) -> ConfigView:
    """Return a config with its distinct builders, sorted, in place of its dataset."""
    values = view.plain()
    entries = (e for split in SPLITS for e in (values.get("dataset") or {}).get(split) or ())
    found = {}
    for entry in entries:
        builder = [entry.get("data_src"), entry.get("builder_args") or {}]
        found[json.dumps(builder, sort_keys=True)] = builder
    values["dataset"] = [found[key] for key in sorted(found)]
    return ConfigView(values, view.where, hidden=view.hidden)


@lru_cache(maxsize=1024)
def _slice_config(
    build: Build, name: str, keys: tuple[str, ...], ignores: tuple[str, ...]
) -> ConfigView:
    config = build.config(name)
    return without_keys(config if "*" in keys else config.only(keys), ignores)


def model_of(build: Build, stage: Stage) -> ConfigView | None:
    """Return the model node that the stage uses: of the manifest, or of its training config.

    A kind for which a model is optional does without it when its config says so (``model_unless``
    of the kind), or when the node needs an output that does not exist before the stage:
    ``collect_stats`` cannot build a model that reads the statistics.  The model of a task it builds
    without the keys that read them (``task_without``).
    """
    node = None if stage.facts.get("model") == "none" else _model_node(build, stage)
    if node is None:
        return None
    model = without_endings(node, stage.facts.get("task_without", ()))
    if stage.facts.get("model") == "optional" and stage.run is not None:
        role, _, path = stage.facts.get("model_unless", "").partition(".")
        config = build.config(stage.configs[role]) if role in stage.configs else {}
        if path and look_up(config, path) is not None:
            return None
        late = [found for _, found in find_references(model, build.late)]
        needed = {found.stage for found in late if isinstance(found, StageOutput)}
        if not all(_is_earlier(build, name, stage) for name in needed):
            return None
    return model


def _model_node(build: Build, stage: Stage) -> ConfigView | None:
    if stage.model is not None:
        return build.model(stage.model)
    if stage.run is None or "training" not in stage.configs:
        return None
    own = build.config(stage.configs["training"]).get("model")
    return own if isinstance(own, ConfigView) else None


@lru_cache(maxsize=4096)
def edges_of(build: Build, stage: Stage) -> dict[str, frozenset[str] | None]:
    """Return the earlier stages whose outputs count, and which outputs; None means all of them.

    All outputs count of a stage whose kind this kind consumes, and of one that only ``needs``
    names; of others, those that a ``${stages.…}`` names.  A consumer does not read outputs that
    only report how the work went (``record``).
    """
    named: dict[str, set[str]] = {}
    views = [*configs_of(build, stage).values(), model_of(build, stage), build.arguments(stage)]
    late = (find_references(view, build.late) for view in views if view is not None)
    for read in (*(found for pairs in late for _, found in pairs), *_listed_outputs(build, stage)):
        if isinstance(read, StageOutput) and _is_earlier(build, read.stage, stage):
            named.setdefault(read.stage, set()).add(read.output)
    consumed = stage.facts.get("consumes", ())
    edges: dict[str, frozenset[str] | None] = {}
    needs = {name for name in stage.needs if _is_earlier(build, name, stage)}
    for name in sorted(needs | named.keys(), key=build.position.__getitem__):
        other = build.stage(name)
        consumes = other.run in consumed
        if name in named and not (consumes and name in needs):
            edges[name] = frozenset(named[name])
            continue
        known = other.facts.get("outputs", {}) if consumes else {}
        records = {output for output in other.outputs if known.get(output, {}).get("record")}
        unread = records - named.get(name, set())
        edges[name] = frozenset(other.outputs.keys() - unread) if records else None
    return edges


def _is_earlier(build: Build, name: str, stage: Stage) -> bool:
    return build.position.get(name, len(build.stages)) < build.position[stage.name]


def without_keys(view: ConfigView, patterns: Sequence[str]) -> ConfigView:
    """Return the view without keys: ``dataset.*.*.transform`` takes any key or index for ``*``."""
    if not patterns:
        return view
    heads = {pattern.partition(".")[0] for pattern in patterns}
    values = {key: to_plain(x) if heads & {key, "*"} else x for key, x in view.items()}
    for pattern in patterns:
        _drop_path(values, pattern.split("."))
    return ConfigView(values, view.where, hidden=view.hidden)


def look_up(value: Any, path: str) -> Any:
    """Return the value at a dotted path, or None."""
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _listed_outputs(build: Build, stage: Stage) -> list[StageOutput]:
    """Return the outputs that ``init_from`` and the lock name."""
    init_from = split_init_from(stage.init_from).source if stage.init_from else ""
    listed = [x for x in references_of(init_from, build.late) if isinstance(x, StageOutput)]
    if init_from and "${" not in init_from:
        listed = [StageOutput(init_from, "best_checkpoint")]
    if stage.run is None or stage.facts.get("title") is None:  # the recipe's own: reads everything
        listed += stage.reads
    return listed


def _drop_path(value: Any, pattern: Sequence[str]) -> None:
    head, rest = pattern[0], pattern[1:]
    if isinstance(value, list) and head == "*":
        for item in value:
            _drop_path(item, rest)
    if not isinstance(value, dict):
        return
    for key in [key for key in value if head in ("*", key)]:
        if rest:
            _drop_path(value[key], rest)
        else:
            del value[key]
