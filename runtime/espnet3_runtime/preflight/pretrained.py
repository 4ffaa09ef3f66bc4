"""Look whether ``from_pretrained`` of transformers will find what it names."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from espnet3_runtime.build.instantiate import locate_target
from espnet3_runtime.preflight.protocol import Answers, RecipeLocation

METHOD = ".from_pretrained"
NAME = "pretrained_model_name_or_path"
_CONFIGS = (
    *("config.json", "preprocessor_config.json", "processor_config.json"),
    *("tokenizer_config.json", "adapter_config.json", "generation_config.json"),
    *("vocab.txt", "vocab.json"),
)
"""Files of which a directory or repository has one at least."""
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin*", "*.safetensors.index.json")


def check_pretrained(
    target: str, location: RecipeLocation, node: Mapping[str, Any], recipe: Path, answers: Answers
) -> None:
    """Report R903 for a directory that is not there, and for a name that is not in the cache.

    Args:
        target: The dotted name, which ends with ``.from_pretrained``.
        location: The node.
        node: Its arguments.
        recipe: The recipe's directory, at which paths start.
        answers: Takes the finding.
    """
    args = node.get("_args_") or [None]
    name = node.get(NAME, args[0])
    if not isinstance(name, str) or "${" in name or not _is_of_transformers(target):
        return
    folder = recipe / name / (node.get("subfolder") or "")
    if folder.is_file():
        return  # a config or a vocabulary
    if folder.is_dir():
        problem, help_ = _missing_files(target, name, folder), "save_pretrained writes such files"
    elif _is_path(name):
        problem, help_ = f'there is no directory "{name}"', "paths start at the recipe directory"
    else:
        problem, help_ = _missing_in_cache(name, node), _OFFLINE
    if problem:
        key = NAME if NAME in node else "_args_"
        place = RecipeLocation(location.owner, (*location.path, key))
        answers.report_finding("R903", place, f"{target} will fail: {problem}", help_=(help_,))


def _is_of_transformers(target: str) -> bool:
    """Say whether it is the method of that package, and not one of the same name."""
    module = getattr(locate_target(target), "__module__", None) or ""
    return module.partition(".")[0] == "transformers"


def _is_path(name: str) -> bool:
    return name.startswith((".", "/", "~")) or name.count("/") > 1


def _missing_files(target: str, name: str, folder: Path) -> str:
    """Return what a directory lacks; a model needs weights beside its config."""
    if not any((folder / one).is_file() for one in _CONFIGS):
        return f'the directory "{name}" has no {_CONFIGS[0]}'
    if _is_torch_model(target) and not any(any(folder.glob(one)) for one in _WEIGHTS):
        return f'the directory "{name}" has no weights such as model.safetensors'
    return ""


def _is_torch_model(target: str) -> bool:
    owner = locate_target(target.removesuffix(METHOD))
    bases = owner.__mro__ if isinstance(owner, type) else ()
    return any(base.__name__ == "PreTrainedModel" for base in bases)


def _missing_in_cache(name: str, node: Mapping[str, Any]) -> str:
    """Return that a repository is not in the hub's cache, where nothing may be downloaded."""
    try:
        from huggingface_hub import constants, try_to_load_from_cache
    except ModuleNotFoundError:
        return ""
    offline = constants.HF_HUB_OFFLINE or _is_set("TRANSFORMERS_OFFLINE")
    if not offline and node.get("local_files_only") is not True:
        return ""
    revision, folder = node.get("revision"), node.get("cache_dir")
    known = {"revision": revision} if isinstance(revision, str) else {}
    inside = node.get("subfolder") or ""
    for one in _CONFIGS:
        found = try_to_load_from_cache(name, str(Path(inside, one)), cache_dir=folder, **known)
        if isinstance(found, str):
            return ""
    return f'"{name}" is not in the cache {folder or constants.HF_HUB_CACHE}, and this is offline'


def _is_set(variable: str) -> bool:
    return os.environ.get(variable, "").upper() in ("1", "ON", "YES", "TRUE")


_OFFLINE = "download it once where there is a network (hf download NAME), or name a directory"
