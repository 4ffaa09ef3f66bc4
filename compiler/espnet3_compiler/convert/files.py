"""The files of a converted recipe: one manifest for each training config, and their configs."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from espnet3_compiler.convert.recipe import Config, Found
from espnet3_compiler.convert.trim import differences, trimmed
from espnet3_compiler.convert.values import LOAD_LINE
from espnet3_compiler.emit.yaml_text import write
from espnet3_compiler.tree import Plain
from espnet3_schemas import TARGET

FOLDER = "conf_compile"
MAIN = "recipe.yaml"
BASE = "training_base"
MODEL = "model"
HEADER = "# Written by espnet3-compile --from-espnet3 from {source}; yours to edit.\n"


def config_name(config: Config) -> str:
    """Return where a config of ours is written, as the original lies below ``conf``."""
    parts = config.file.path.parts
    below = parts[len(parts) - parts[::-1].index("conf") :]
    return str(PurePosixPath(FOLDER, *below))


def manifest_name(found: Found, config: Config) -> str:
    """Return the manifest of a training config: ``recipe.yaml``, ``recipe_<variant>.yaml``."""
    if config is found.trainings[0]:
        return MAIN
    short = _short(config)
    if sum(_short(other) == short for other in found.trainings[1:]) > 1:
        below = PurePosixPath(config_name(config)).relative_to(FOLDER)
        short = "_".join(below.with_suffix("").parts)
    return f"recipe_{short}.yaml"


def _short(config: Config) -> str:
    stem = config.file.stem
    for prefix in ("training_", "train_", "training-", "train-"):
        stem = stem.removeprefix(prefix)
    return stem


def texts(found: Found) -> dict[str, str]:
    """Return relative path to text for everything that is written."""
    made: dict[str, str] = {}
    main = found.trainings[0]
    for config in found.trainings:
        value = trimmed(config.draft.values, "training")
        if config is not main:
            value = differences(main.draft.values, config.draft.values, "training")
        made[config_name(config)] = _file(config, value)
    for role, configs in found.others.items():
        for config in configs:
            made[config_name(config)] = _file(config, trimmed(config.draft.values, role))
    for config in found.trainings:
        made[manifest_name(found, config)] = _manifest(found, config)
    return made


def _file(config: Config, value: dict[str, Plain]) -> str:
    source = config.file.path.name
    up = "../" * (config_name(config).count("/"))
    text = write(value).replace(f"${{{LOAD_LINE}:", f"${{{LOAD_LINE}:{up}")
    return HEADER.format(source=source) + text


def chosen(found: Found, training: Config) -> dict[str, Config]:
    """Return the config of each other role that goes with a training config.

    Several inference configs: the first that decodes what the task trains.
    """
    task = str(training.model.values.get("task", "")) if training.model else ""
    result = {}
    for role, configs in found.others.items():
        fitting = [c for c in configs if role != "inference" or _decodes(c, task)]
        if configs:
            result[role] = (fitting or configs)[0]
    return result


def _decodes(config: Config, task: str) -> bool:
    model = config.draft.values.get("model")
    target = str(model.get(TARGET, "")) if isinstance(model, dict) else ""
    return ("transducer" in task.lower()) == ("transducer" in target.lower())


def _manifest(found: Found, config: Config) -> str:
    others = chosen(found, config)
    head: dict[str, Plain] = {"version": 1, "recipe": found.name, "system": found.system}
    head |= config.settings
    models: dict[str, Plain] = {MODEL: config.model.values} if config.model else {}
    parts: Iterable[dict[str, Plain]] = (
        head,
        {"models": models} if models else {},
        {"configs": _configs(found, config, others)},
        {"stages": _stages(found, config, others)},
    )
    header = HEADER.format(source=_sources(config))
    return header + "\n".join(write(part) for part in parts if part)


def _sources(config: Config) -> str:
    return f"{config.file.path.name} and run.py"


def _configs(found: Found, config: Config, others: dict[str, Config]) -> dict[str, Plain]:
    made: dict[str, Plain] = {}
    if config is found.trainings[0]:
        made["training"] = config_name(config)
    else:
        made[BASE] = config_name(found.trainings[0])
        made["training"] = {"extends": BASE, "file": config_name(config)}
    return made | {role: config_name(other) for role, other in others.items()}


def _stages(found: Found, config: Config, others: dict[str, Config]) -> list[Plain]:
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
