"""Render a converted recipe: one manifest for each training config, and the configs."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from espnet3_compiler.build.yaml_text import dump_yaml
from espnet3_compiler.convert.recipe import ConvertedConfig, ConvertedRecipe
from espnet3_compiler.convert.values import LOAD_LINE
from espnet3_compiler.convert.variants import drop_defaults, variant_overrides
from espnet3_compiler.syntax.tree import Plain
from espnet3_schemas import TARGET

OUTPUT_FOLDER = "conf_compile"
MAIN_MANIFEST = "recipe.yaml"
BASE_CONFIG = "training_base"
MODEL_NAME = "model"
HEADER = "# Written by espnet3-compile --from-espnet3 from {source}; yours to edit.\n"


def config_name(config: ConvertedConfig) -> str:
    """Return the path of a config of ours: that of the original below ``conf``."""
    parts = config.file.path.parts
    below = parts[len(parts) - parts[::-1].index("conf") :]
    return str(PurePosixPath(OUTPUT_FOLDER, *below))


def manifest_name(found: ConvertedRecipe, config: ConvertedConfig) -> str:
    """Return the manifest of a training config: ``recipe.yaml``, ``recipe_<variant>.yaml``."""
    if config is found.trainings[0]:
        return MAIN_MANIFEST
    short = _variant_name(config)
    if sum(_variant_name(other) == short for other in found.trainings[1:]) > 1:
        below = PurePosixPath(config_name(config)).relative_to(OUTPUT_FOLDER)
        short = "_".join(below.with_suffix("").parts)
    return f"recipe_{short}.yaml"


def _variant_name(config: ConvertedConfig) -> str:
    return re.sub("^(training|train)[_-]", "", config.file.stem)


def render_files(found: ConvertedRecipe) -> dict[str, str]:
    """Return the text of each file by its path in the recipe."""
    made: dict[str, str] = {}
    main = found.trainings[0]
    for config in found.trainings:
        value = drop_defaults(config.draft.values, "training")
        if config is not main:
            value = variant_overrides(main.draft.values, config.draft.values, "training")
        made[config_name(config)] = _render_config(config, value)
    for role, configs in found.others.items():
        for config in configs:
            value = drop_defaults(config.draft.values, role)
            made[config_name(config)] = _render_config(config, value)
    for config in found.trainings:
        made[manifest_name(found, config)] = _render_manifest(found, config)
    return made


def _render_config(config: ConvertedConfig, value: dict[str, Plain]) -> str:
    up = "../" * (config_name(config).count("/"))
    text = dump_yaml(value).replace(f"${{{LOAD_LINE}:", f"${{{LOAD_LINE}:{up}")
    return HEADER.format(source=config.file.path.name) + text


def companion_configs(
    found: ConvertedRecipe, training: ConvertedConfig
) -> dict[str, ConvertedConfig]:
    """Return the config of each other role that goes with a training config.

    Of several inference configs, it is the first for the kind of model that is trained.
    """
    task = training.model.values.get("task") if training.model else None
    result = {role: configs[0] for role, configs in found.others.items() if configs}
    for config in reversed(found.others["inference"]):
        model = config.draft.values.get("model")
        target = model.get(TARGET) if isinstance(model, dict) else None
        if ("transducer" in str(task).lower()) == ("transducer" in str(target).lower()):
            result["inference"] = config
    return result


def _render_manifest(found: ConvertedRecipe, config: ConvertedConfig) -> str:
    others = companion_configs(found, config)
    head: dict[str, Plain] = {"version": 1, "recipe": found.name, "system": found.system}
    head |= config.settings
    parts: Iterable[dict[str, Plain]] = (
        head,
        {"models": {MODEL_NAME: config.model.values}} if config.model else {},
        {"configs": _config_entries(found, config, others)},
        {"stages": _stage_entries(found, config, others)},
    )
    header = HEADER.format(source=f"{config.file.path.name} and run.py")
    return header + "\n".join(dump_yaml(part) for part in parts if part)


def _config_entries(
    found: ConvertedRecipe, config: ConvertedConfig, others: dict[str, ConvertedConfig]
) -> dict[str, Plain]:
    made: dict[str, Plain] = {}
    if config is found.trainings[0]:
        made["training"] = config_name(config)
    else:
        made[BASE_CONFIG] = config_name(found.trainings[0])
        made["training"] = {"extends": BASE_CONFIG, "file": config_name(config)}
    return made | {role: config_name(other) for role, other in others.items()}


def _stage_entries(
    found: ConvertedRecipe, config: ConvertedConfig, others: dict[str, ConvertedConfig]
) -> list[Plain]:
    stages: list[Plain] = ["create_dataset"]
    if found.system == "asr" and "tokenizer" in config.draft.values:
        stages.append("train_tokenizer")
    stages += ["collect_stats", "train"]
    if "inference" in others:
        stages.append("infer")
        stages += ["measure"] if "metrics" in others else []
        if "publication" in others:
            stages += ["pack_model", "upload_model"]
            stages += ["pack_demo", "upload_demo"] if "demo" in others else []
    return stages
