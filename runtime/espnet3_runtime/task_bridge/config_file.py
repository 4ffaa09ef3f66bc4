"""Write ``config.yaml``, from which ESPnet2 builds the model again, and weights in its form."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from espnet3_runtime.atomic import atomic_file, write_text
from espnet3_runtime.config import to_plain
from espnet3_runtime.errors import UserError
from espnet3_runtime.incremental.versions import package_version
from espnet3_runtime.stage import Outputs, StageContext
from espnet3_runtime.task_bridge.options import Options, find_task, merge_defaults

CONFIG = "task_config"
WEIGHTS = "task_weights"
HEADER = """\
# Options of the task, for ESPnet2 to build the model again. What does not shape the model has
# ESPnet2's defaults here and had no part in the training, which conf/ of the recipe describes.
"""
_LISTS = ("token_list", "src_token_list")


def portable_options(node: Mapping[str, Any], recipe_dir: Path) -> Options:
    """Return every option of a task as ESPnet2 stores it.

    Files of tokens become lists of tokens, and paths inside of the recipe relative ones.
    """
    options: Options = to_plain(merge_defaults(find_task(node), node))
    for name in _LISTS:
        if isinstance(options.get(name), str):
            options[name] = _read_tokens(recipe_dir / options[name])
    found = package_version("espnet2")
    relative: Options = _relative_paths(options, recipe_dir)
    return relative | ({"version": found} if found else {})


def write_config(path: Path, options: Mapping[str, Any]) -> None:
    """Write options as YAML.

    Raises:
        UserError: One of them cannot be written as YAML.
    """
    try:
        text = yaml.safe_dump(dict(options), sort_keys=False, allow_unicode=True)
    except yaml.representer.RepresenterError as error:
        raise UserError(f"the options of the task cannot be written as YAML: {error}") from error
    write_text(path, HEADER + text)


def write_task_config(context: StageContext) -> None:
    """Write the config of the stage's model, if the stage declares it as an output."""
    path = context.outputs.get(CONFIG)
    if path is not None and context.model is not None and context.rank == 0:
        write_config(path, portable_options(context.model, context.recipe_dir))


def task_outputs(context: StageContext, checkpoints: Outputs) -> Outputs:
    """Write the averaged weights, or else the best, as a bare state dict, the form of ESPnet2.

    Returns:
        The outputs that only a model of a task has: its config and weights.
    """
    made = {name: context.outputs[name] for name in (CONFIG, WEIGHTS) if name in context.outputs}
    if WEIGHTS in made:
        import torch

        from espnet3_runtime.weights import read_weights

        source = checkpoints.get("averaged_checkpoint", checkpoints["best_checkpoint"])
        with atomic_file(made[WEIGHTS], "wb") as file:
            torch.save(read_weights(source), file)
    return made


def _read_tokens(path: Path) -> list[str]:
    try:
        return [line.rstrip() for line in path.read_text(encoding="utf-8").splitlines()]
    except OSError as error:
        raise UserError(f'the token list "{path}" cannot be read: {error.strerror}') from error


def _relative_paths(value: Any, recipe_dir: Path) -> Any:
    if isinstance(value, Mapping):
        return {key: _relative_paths(item, recipe_dir) for key, item in value.items()}
    if isinstance(value, list):
        return [_relative_paths(item, recipe_dir) for item in value]
    if isinstance(value, str | Path) and str(value).startswith(f"{recipe_dir}/"):
        return Path(value).relative_to(recipe_dir).as_posix()
    return str(value) if isinstance(value, Path) else value
