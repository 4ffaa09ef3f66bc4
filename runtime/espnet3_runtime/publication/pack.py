"""Assemble a bundle: weights, configs, code, named files, model card."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from espnet3_runtime.atomic import write_json
from espnet3_runtime.build.late_values import parts_of
from espnet3_runtime.build.model_node import is_task
from espnet3_runtime.config import iter_leaves, to_plain
from espnet3_runtime.errors import UserError
from espnet3_runtime.incremental.provenance import git_state
from espnet3_runtime.incremental.versions import package_version
from espnet3_runtime.publication import bundle as layout
from espnet3_runtime.publication.bundle_files import BundleFiles, missing_file
from espnet3_runtime.publication.card import card_values, model_card
from espnet3_runtime.publication.load_check import load_elsewhere
from espnet3_runtime.publication.recipe_code import check_code, collect_targets, copy_code
from espnet3_runtime.stage import StageContext
from espnet3_runtime.task_bridge.models import PROVIDERS
from espnet3_runtime.weights import TIED, find_tied, read_weights, weights_digest
from espnet3_schemas import TARGET
from espnet3_schemas.late_values import to_json

_LEFT_OUT = ("output_artifacts", "parallel")  # of the stage infer, not of the model
_VERSIONS = ("espnet3-compile", "torch", "numpy")
_TASKS = "espnet2"


def pack_bundle(context: StageContext, directory: Path) -> None:
    """Write a bundle into an empty directory, and prove that it loads elsewhere.

    Raises:
        UserError: A file or code that the bundle needs would not be inside.
    """
    bundled = BundleFiles(context.recipe_dir, directory, context.late, context.data_dir)
    checkpoint = _pack_weights(context, bundled)
    config, model = _pack_configs(context, bundled, checkpoint)
    named = _pack_named_files(context, bundled)
    settings = context.configs["publication"]["pack_model"]
    recipe, target = context.recipe_dir, directory / layout.CODE
    code = copy_code(recipe, settings, target)
    check_code(recipe, collect_targets(config, model), code)
    scores, scores_file = None, context.find("measure", "metrics")
    if scores_file:
        shutil.copyfile(scores_file, directory / layout.METRICS)
        scores = json.loads(scores_file.read_text("utf-8"))
    training = context.composed.get("training")
    if training is not None:
        text = layout.dump_yaml(training.plain())
        (directory / layout.TRAINING).write_text(text, encoding="utf-8")
    meta = _bundle_meta(context, checkpoint, code, named)
    meta["late_values"] = _late_values(context, config, model)
    _write_meta(directory, meta)
    facts, detail = load_elsewhere(directory), settings["include_model_detail"]
    text, hub = layout.dump_yaml(config), _hub_metadata(settings["card"])
    values = card_values(meta, facts, scores, text, detail=detail, hub=hub)
    template = recipe / settings["readme"] if settings["readme"] else None
    card = model_card(values, template, settings["readme_context"])
    (directory / layout.README).write_text(card, encoding="utf-8")
    _write_meta(directory, meta)


def _hub_metadata(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a config says of a model, by the names of the hub."""
    named = {key: to_plain(value) for key, value in card.items()}
    return {**named.pop("metadata"), **named}


def _pack_weights(context: StageContext, bundled: BundleFiles) -> dict[str, str] | None:
    """Write the checkpoint's weights as safetensors; return where they come from."""
    inference = context.configs["inference"]
    source = inference["checkpoint"]
    if source is None:
        return None
    path = context.recipe_dir / source
    if inference["provider"][TARGET] in PROVIDERS and not inference["model"]:
        from safetensors.torch import save_file

        weights = read_weights(path)
        tied = find_tied(weights)
        own = {name: value for name, value in weights.items() if name not in tied}
        kept = {name: tensor.contiguous().clone() for name, tensor in own.items()}
        # One key, because safetensors writes several in an order that changes.
        metadata = {TIED: json.dumps(tied)} if tied else {"format": "pt"}
        save_file(kept, bundled.bundle / layout.WEIGHTS, metadata=metadata)
        umask = os.umask(0)
        os.umask(umask)
        (bundled.bundle / layout.WEIGHTS).chmod(0o666 & ~umask)  # safetensors makes it 0600
    elif not path.exists():
        raise UserError(f'there is no checkpoint "{source}"')
    inside = path.is_relative_to(context.recipe_dir)
    shown = path.relative_to(context.recipe_dir).as_posix() if inside else path.name
    return {"path": shown, "sha256": weights_digest(path) if path.exists() else ""}


def _pack_configs(
    context: StageContext, bundled: BundleFiles, checkpoint: dict[str, str] | None
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    node, composed_node = context.model, context.composed_model
    composed, bound = context.composed["inference"].plain(), context.configs["inference"].plain()
    for config in (composed, bound):
        config["dataset"] = {"test": [], "preprocessor": _test_preprocessor(config["dataset"])}
        if checkpoint is not None and (bundled.bundle / layout.WEIGHTS).is_file():
            config["checkpoint"] = None
    for key in _LEFT_OUT:
        composed.pop(key, None)
    config = bundled.rewrite_paths(composed, bound, "inference")
    config["output_artifacts"] = {}
    (bundled.bundle / layout.INFERENCE).write_text(layout.dump_yaml(config), encoding="utf-8")
    if node is None or composed_node is None or bound["model"]:
        return config, None
    model = bundled.rewrite_paths(composed_node.plain(), node.plain(), node.where)
    (bundled.bundle / layout.MODEL).write_text(layout.dump_yaml(model), encoding="utf-8")
    return config, model


def _test_preprocessor(dataset: Mapping[str, Any]) -> Any:
    """Return the node of the preprocessor that test sets get."""
    node = dataset.get("preprocessor")
    return node.get("test") if node is not None and TARGET not in node else node


def _pack_named_files(context: StageContext, bundled: BundleFiles) -> dict[str, str]:
    named = {}
    for name, source in context.configs["publication"]["pack_model"]["files"].items():
        path = context.recipe_dir / source
        if not path.exists():
            raise missing_file(source, f"pack_model.files.{name}")
        layout.path_inside(bundled.bundle / layout.FILES, name)
        named[name] = bundled.add(path, f"{layout.FILES}/{name}")
    return named


def _bundle_meta(
    context: StageContext, checkpoint: dict[str, str] | None, code: list[str], named: dict[str, str]
) -> dict[str, Any]:
    used = (*_VERSIONS, _TASKS) if is_task(context.model) else _VERSIONS
    return {
        "format": layout.FORMAT,
        "schema_version": layout.SCHEMA_VERSION,
        "recipe": context.recipe,
        "exp_tag": context.exp_tag,
        "checkpoint": checkpoint,
        "code": code,
        "named": named,
        "contract": to_plain(context.configs["inference"]["contract"]),
        "git": git_state(context.recipe_dir),
        "versions": {name: number for name in used if (number := package_version(name))},
    }


def _late_values(context: StageContext, *configs: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the parsed late values of the packed configs, as JSON."""
    texts = [leaf for _, leaf in iter_leaves(configs) if isinstance(leaf, str) and "${" in leaf]
    return {text: to_json(parts_of(text, context.late)) for text in texts}


def _write_meta(directory: Path, meta: dict[str, Any]) -> None:
    write_json(directory / layout.META, {**meta, "files": layout.hash_files(directory)})
