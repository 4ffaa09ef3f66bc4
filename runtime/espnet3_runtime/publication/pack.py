"""Assemble a bundle: weights, configs, code, named files, model card."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espnet3_runtime.atomic import write_json
from espnet3_runtime.build.late_values import parts_of
from espnet3_runtime.build.model_node import is_task
from espnet3_runtime.config import ConfigView, iter_leaves, to_plain
from espnet3_runtime.errors import UserError
from espnet3_runtime.incremental.provenance import git_state
from espnet3_runtime.incremental.versions import package_version
from espnet3_runtime.publication.bundle import (
    CODE,
    FILES,
    FORMAT,
    INFERENCE,
    META,
    METRICS,
    MODEL,
    README,
    SCHEMA_VERSION,
    TRAINING,
    WEIGHTS,
    dump_yaml,
    hash_files,
    path_inside,
)
from espnet3_runtime.publication.bundle_files import BundleFiles, missing_file
from espnet3_runtime.publication.card import card_values, model_card
from espnet3_runtime.publication.load_check import load_elsewhere
from espnet3_runtime.publication.recipe_code import check_code, collect_targets, copy_code
from espnet3_runtime.task_bridge.models import PROVIDERS
from espnet3_runtime.weights import read_weights, weights_digest
from espnet3_schemas import TARGET
from espnet3_schemas.late_values import LateValues, to_json

_LEFT_OUT = ("output_artifacts", "parallel")  # of the stage infer, not of the model
_VERSIONS = ("espnet3-compile", "torch", "numpy")
_TASKS = "espnet2"


@dataclass(frozen=True, kw_only=True)
class BundleParts:
    """The sources of a bundle.

    Attributes:
        recipe: ``<corpus>/<task>``.
        exp_tag: The experiment.
        recipe_dir: Absolute.
        settings: The ``pack_model`` block.
        inference: The inference config, late values filled in.
        composed_inference: The same before they were filled in.
        model: The model's node, late values filled in.
        composed_model: The same before they were filled in.
        late: The parsed late values of the composed configs.
        training: The training config before late values, for the record.
        scores: ``metrics.json`` of the stage measure.
    """

    recipe: str
    exp_tag: str
    recipe_dir: Path
    settings: ConfigView
    inference: ConfigView
    composed_inference: ConfigView
    model: ConfigView | None
    composed_model: ConfigView | None
    late: LateValues
    training: ConfigView | None
    scores: Path | None


def pack_bundle(parts: BundleParts, directory: Path) -> None:
    """Write a bundle into an empty directory, and prove that it loads elsewhere.

    Raises:
        UserError: A file or code that the bundle needs would not be inside.
    """
    bundled = BundleFiles(parts.recipe_dir, directory, parts.late)
    checkpoint = _pack_weights(parts, bundled)
    config, model = _pack_configs(parts, bundled, checkpoint)
    named = _pack_named_files(parts, bundled)
    settings = parts.settings
    code = copy_code(parts.recipe_dir, settings["include"], settings["exclude"], directory / CODE)
    check_code(parts.recipe_dir, collect_targets(config, model), code)
    scores = None
    if parts.scores:
        shutil.copyfile(parts.scores, directory / METRICS)
        scores = json.loads(parts.scores.read_text("utf-8"))
    if parts.training is not None:
        (directory / TRAINING).write_text(dump_yaml(parts.training.plain()), encoding="utf-8")
    late = _late_values(parts, config, model)
    meta = {**_bundle_meta(parts, checkpoint, code, named), "late_values": late}
    _write_meta(directory, meta)
    facts, detail = load_elsewhere(directory), settings["include_model_detail"]
    values = card_values(meta, facts, scores, dump_yaml(config), detail=detail)
    template = parts.recipe_dir / settings["readme"] if settings["readme"] else None
    card = model_card(values, template, settings["readme_context"])
    (directory / README).write_text(card, encoding="utf-8")
    _write_meta(directory, meta)


def _pack_weights(parts: BundleParts, bundled: BundleFiles) -> dict[str, str] | None:
    """Write the checkpoint's weights as safetensors; return where they come from."""
    source = parts.inference["checkpoint"]
    if source is None:
        return None
    path = parts.recipe_dir / source
    if parts.inference["provider"][TARGET] in PROVIDERS and not parts.inference["model"]:
        from safetensors.torch import save_file

        weights = read_weights(path)
        save_file(
            {name: tensor.contiguous().clone() for name, tensor in weights.items()},
            bundled.bundle / WEIGHTS,
            metadata={"format": "pt"},
        )
    elif not path.exists():
        raise UserError(f'there is no checkpoint "{source}"')
    inner = path.is_relative_to(parts.recipe_dir)
    shown = path.relative_to(parts.recipe_dir).as_posix() if inner else path.name
    return {"path": shown, "sha256": weights_digest(path) if path.exists() else ""}


def _pack_configs(
    parts: BundleParts, bundled: BundleFiles, checkpoint: dict[str, str] | None
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    composed, bound = parts.composed_inference.plain(), parts.inference.plain()
    for config in (composed, bound):
        config["dataset"] = {"test": [], "preprocessor": _test_preprocessor(config["dataset"])}
        if checkpoint is not None and (bundled.bundle / WEIGHTS).is_file():
            config["checkpoint"] = None
    for key in _LEFT_OUT:
        composed.pop(key, None)
    config = bundled.rewrite_paths(composed, bound, "inference")
    config["output_artifacts"] = {}
    (bundled.bundle / INFERENCE).write_text(dump_yaml(config), encoding="utf-8")
    if parts.model is None or parts.composed_model is None or parts.inference["model"]:
        return config, None
    where = parts.model.where
    model = bundled.rewrite_paths(parts.composed_model.plain(), parts.model.plain(), where)
    (bundled.bundle / MODEL).write_text(dump_yaml(model), encoding="utf-8")
    return config, model


def _test_preprocessor(dataset: Mapping[str, Any]) -> Any:
    """Return the node of the preprocessor that test sets get."""
    node = dataset.get("preprocessor")
    return node.get("test") if node is not None and TARGET not in node else node


def _pack_named_files(parts: BundleParts, bundled: BundleFiles) -> dict[str, str]:
    named = {}
    for name, source in parts.settings["files"].items():
        path = parts.recipe_dir / source
        if not path.exists():
            raise missing_file(source, f"pack_model.files.{name}")
        path_inside(bundled.bundle / FILES, name)
        named[name] = bundled.add(path, f"{FILES}/{name}")
    return named


def _bundle_meta(
    parts: BundleParts, checkpoint: dict[str, str] | None, code: list[str], named: dict[str, str]
) -> dict[str, Any]:
    used = (*_VERSIONS, _TASKS) if is_task(parts.model) else _VERSIONS
    return {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "recipe": parts.recipe,
        "exp_tag": parts.exp_tag,
        "checkpoint": checkpoint,
        "code": code,
        "named": named,
        "contract": to_plain(parts.inference["contract"]),
        "git": git_state(parts.recipe_dir),
        "versions": {name: number for name in used if (number := package_version(name))},
    }


def _late_values(parts: BundleParts, *configs: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the parsed late values of the packed configs, as JSON."""
    texts = [leaf for _, leaf in iter_leaves(configs) if isinstance(leaf, str) and "${" in leaf]
    return {text: to_json(parts_of(text, parts.late)) for text in texts}


def _write_meta(directory: Path, meta: dict[str, Any]) -> None:
    write_json(directory / META, {**meta, "files": hash_files(directory)})
