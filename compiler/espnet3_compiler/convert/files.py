"""Render a converted recipe: one manifest for each training config, configs, and a System."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from espnet3_compiler.build.yaml_text import dump_yaml
from espnet3_compiler.convert.recipe import ConvertedConfig, ConvertedRecipe
from espnet3_compiler.convert.stage_entries import (
    SYSTEM_MODULE,
    model_names,
    stage_entries,
    system_path,
)
from espnet3_compiler.convert.system_file import render_system
from espnet3_compiler.convert.values import LOAD_LINE
from espnet3_compiler.convert.variants import drop_defaults, variant_overrides
from espnet3_compiler.syntax.tree import Plain
from espnet3_schemas import TARGET

OUTPUT_FOLDER = "conf_compile"
MAIN_MANIFEST = "recipe.yaml"
HEADER = "# Written by espnet3-compile --from-espnet3 from {source}; yours to edit.\n"


def config_name(config: ConvertedConfig) -> str:
    """Return the path of a config of ours: that of the original below ``conf``."""
    parts = config.file.path.parts
    below = parts[len(parts) - parts[::-1].index("conf") :]
    return str(PurePosixPath(OUTPUT_FOLDER, *below))


def manifest_name(found: ConvertedRecipe, config: ConvertedConfig | None) -> str:
    """Return the manifest of a training config: ``recipe.yaml``, ``recipe_<variant>.yaml``."""
    if config is None or config is found.trainings[0]:
        return MAIN_MANIFEST
    short = _variant_name(config)
    if sum(_variant_name(other) == short for other in found.trainings[1:]) > 1:
        below = PurePosixPath(config_name(config)).relative_to(OUTPUT_FOLDER)
        short = "_".join(below.with_suffix("").parts)
    return f"recipe_{short}.yaml"


def _variant_name(config: ConvertedConfig) -> str:
    return re.sub("^(training|train)[_-]", "", config.file.stem)


def manifest_configs(found: ConvertedRecipe) -> tuple[ConvertedConfig | None, ...]:
    """Return the training config of each manifest; None for a recipe that trains nothing."""
    return found.trainings or (None,)


def render_files(found: ConvertedRecipe) -> dict[str, str]:
    """Return the text of each file by its path in the recipe."""
    made: dict[str, str] = {}
    main = next(iter(found.trainings), None)
    for config in found.every_config():
        role = config.file.role
        value = drop_defaults(config.draft.values, role)
        if role == "training" and main is not None and config is not main:
            value = variant_overrides(main.draft.values, config.draft.values, role)
        made[config_name(config)] = _render_config(config, value)
    for own in found.stage_configs:
        header = HEADER.format(source=f"what the method {own.stage} reads")
        made[f"{OUTPUT_FOLDER}/{own.name}.yaml"] = header + dump_yaml(own.values)
    for training in manifest_configs(found):
        made[manifest_name(found, training)] = _render_manifest(found, training)
    if found.has_own_stages:
        module, declaration = render_system(found)
        made[f"{SYSTEM_MODULE}.py"] = HEADER.format(source="run.py and its System") + module
        text = HEADER.format(source="run.py and its System") + dump_yaml(declaration)
        made[f"{SYSTEM_MODULE}.yaml"] = text
    return made


def _render_config(config: ConvertedConfig, value: dict[str, Plain]) -> str:
    up = "../" * (config_name(config).count("/"))
    text = dump_yaml(value).replace(f"${{{LOAD_LINE}:", f"${{{LOAD_LINE}:{up}")
    return HEADER.format(source=config.file.path.name) + text


def companion_configs(
    found: ConvertedRecipe, training: ConvertedConfig | None
) -> dict[str, ConvertedConfig]:
    """Return the config of each other role that goes with a training config.

    Of several inference configs, it is the first for the kind of model that is trained.
    """
    task = training.model.values.get("task") if training and training.model else None
    result = {role: configs[0] for role, configs in found.others.items() if configs}
    for config in reversed(found.others["inference"]):
        model = config.draft.values.get("model")
        target = model.get(TARGET) if isinstance(model, dict) else None
        if ("transducer" in str(task).lower()) == ("transducer" in str(target).lower()):
            result["inference"] = config
    return result


def _render_manifest(found: ConvertedRecipe, config: ConvertedConfig | None) -> str:
    others = companion_configs(found, config)
    head: dict[str, Plain] = {"version": 1, "recipe": found.name, "system": system_path(found)}
    head |= config.settings if config else {}
    models: dict[str, Plain] = dict(model_names(found, config))
    parts: Iterable[dict[str, Plain]] = (
        head,
        {"models": models} if models else {},
        {"configs": _config_entries(found, config, others)},
        {"stages": stage_entries(found, config, others)},
    )
    source = f"{config.file.path.name} and run.py" if config else RUN_ALONE
    return HEADER.format(source=source) + "\n".join(dump_yaml(part) for part in parts if part)


RUN_ALONE = "run.py"


def _config_entries(
    found: ConvertedRecipe, config: ConvertedConfig | None, others: dict[str, ConvertedConfig]
) -> dict[str, Plain]:
    made: dict[str, Plain] = {}
    main = next(iter(found.trainings), None)
    base = main.name if main is not None else ""
    if config is not None and main is not None and config is main:
        made[config.name] = config_name(config)
    elif config is not None and main is not None:
        base = f"{main.name}_base"
        made[base] = config_name(main)
        made[main.name] = {"extends": base, "file": config_name(config)}
    for phase in found.phases:
        if phase.file.role == "training":
            made[phase.name] = {"extends": base, "file": config_name(phase)}
        else:
            made[phase.name] = config_name(phase)
    made |= {role: config_name(other) for role, other in others.items()}
    own = {one.name: f"{OUTPUT_FOLDER}/{one.name}.yaml" for one in found.stage_configs}
    return made | own
