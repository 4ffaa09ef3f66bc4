"""Everything that a stage reads, as plain JSON: equal fingerprints mean an equal result."""

import os
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espnet3_runtime.build.late_values import LateHashes
from espnet3_runtime.config import ConfigView
from espnet3_runtime.incremental import versions
from espnet3_runtime.incremental.code_reach import (
    Walks,
    code_of,
    files_of,
    packages_of,
    packed_files,
    texts_of,
)
from espnet3_runtime.incremental.experiment import Experiment
from espnet3_runtime.incremental.slices import configs_of, edges_of, hashed_configs_of, model_of
from espnet3_schemas.build_records import Stage
from espnet3_schemas.initial_weights import InitialWeights, split_init_from
from espnet3_schemas.secret_names import HIDDEN, is_secret

Inputs = dict[str, Any]

_MISSING = "missing"
"""The hash of an output that an earlier stage did not make."""


def inputs_of(
    stage: Stage,
    experiment: Experiment,
    pending: AbstractSet[str] = frozenset(),
    walks: Walks | None = None,
) -> Inputs:
    """Return the fingerprint of a stage as things are now.

    Args:
        stage: The stage.
        experiment: Its receipts and outputs.
        pending: Stages whose outputs are not known yet; their hashes are None.
        walks: See :func:`code_of`.

    Raises:
        UserError: An environment variable without default is not set.
    """
    build = experiment.build
    upstream = _hash_upstream(stage, experiment, pending)
    configs = hashed_configs_of(build, stage)
    model = model_of(build, stage)
    arguments = build.arguments(stage)
    late = LateHashes(upstream.hashes, os.environ, experiment.salt, build.late)
    views = [*configs.values(), arguments, *([] if model is None else [model])]
    start = split_init_from(stage.init_from) if stage.init_from else InitialWeights("")
    texts = [*texts_of(views), *([start.source] if start.source else [])]
    code = code_of(build, stage, configs_of(build, stage).values(), texts, walks)
    declared = {experiment.path(output.path) for output in stage.outputs.values()}
    made = upstream.paths | declared | {build.directory_of(stage)}
    # The names of recipe and experiment may be part of the outputs of the recipe's own stages.
    is_ours = stage.run is not None and "title" in stage.facts
    is_signed = not is_ours or stage.facts.get("signs")
    return {
        "what": stage.run or f"call {stage.call}",
        "signed": [build.recipe, build.exp_tag] if is_signed else [],
        "configs": {
            role: {"name": stage.configs[role], "values": _leaves(late, config)}
            for role, config in configs.items()
        },
        "model": None if model is None else _leaves(late, model),
        "arguments": _leaves(late, arguments),
        "init_from": (start.suffix or None)
        if start.source in upstream.stages
        else late.leaf(stage.init_from),
        "data_dir": _found_data(stage, experiment, configs, upstream),
        "declared": {} if stage.run else {n: o.path for n, o in stage.outputs.items()},
        "upstream": upstream.hashes,
        "code": code.modules,
        "files": {
            experiment.relative_path(path): experiment.file_hash(path)
            for path in files_of(build, texts, code, made) | packed_files(build, stage, configs)
        },
        "versions": versions.relevant_versions(stage, code.packages | packages_of(build, views)),
    }


def _found_data(
    stage: Stage,
    experiment: Experiment,
    configs: Mapping[str, ConfigView],
    upstream: "_UpstreamHashes",
) -> str | None:
    """Return where the data are that a stage reads and no stage makes; None of those made here."""
    reads = stage.run != "create_dataset" and any(view.get("dataset") for view in configs.values())
    if not reads or any(name.endswith(".data_dir") for name in upstream.hashes):
        return None
    return experiment.relative_path(experiment.path(experiment.build.data_dir))


def _leaves(late: LateHashes, view: ConfigView) -> dict[str, Any]:
    """Return every leaf by key path, as JSON; a secret as what does not tell it."""
    leaves = late.leaves(view)
    for path, leaf in view.flat_leaves:
        if is_secret(path, leaf):
            found = leaves[path]
            pending = isinstance(found, dict) and found.get("digest", "") is None
            digest = None if pending else late.slow_hash(repr(found))
            leaves[path] = {"late": HIDDEN, "digest": digest}
    return leaves


@dataclass(frozen=True, slots=True)
class _UpstreamHashes:
    """Hashes of outputs by ``stage.output`` (None: not known yet), their paths and stages."""

    hashes: Mapping[str, str | None]
    paths: frozenset[Path]
    stages: frozenset[str]


def _hash_upstream(
    stage: Stage, experiment: Experiment, pending: AbstractSet[str]
) -> _UpstreamHashes:
    hashes: dict[str, str | None] = {}
    paths = set()
    edges = edges_of(experiment.build, stage)
    for name, wanted in edges.items():
        found = experiment.outputs(name)
        for output in sorted(found if wanted is None else wanted):
            known = found.get(output)
            content = known.sha256 if known is not None else None
            hashes[f"{name}.{output}"] = None if name in pending else content or _MISSING
            if known is not None:
                paths.add(experiment.path(known.record.path))
        if wanted is None and name in pending:
            hashes[f"{name}.*"] = None
    return _UpstreamHashes(hashes, frozenset(paths), frozenset(edges))


def own_files(stage: Stage, experiment: Experiment, before: Inputs) -> tuple[str, ...]:
    """Return files that settings name and that the stage wrote.

    Args:
        stage: The stage.
        experiment: Its receipts and outputs.
        before: The inputs when the stage began.
    """
    return tuple(sorted(inputs_of(stage, experiment)["files"].keys() - before["files"].keys()))
