"""The settings of a training as hyper-parameters: flat, with dotted keys, without secrets."""

from collections.abc import Iterator
from typing import Any

from espnet3_runtime.config import ConfigView
from espnet3_runtime.incremental.provenance import git_state
from espnet3_runtime.stage import StageContext
from espnet3_schemas.secret_names import is_secret


def flat_hyperparameters(context: StageContext, parameters: int) -> dict[str, Any]:
    """Return what the loggers are told of a training.

    Configs are named by their roles and not by their own names, so that the rows of a matrix have
    the same keys.  What is known only at run time stays the text ``${…}`` of the recipe.

    Args:
        context: That of the train stage.
        parameters: How many numbers the model learns or keeps.
    """
    values = {
        "recipe": context.recipe,
        "exp_tag": context.exp_tag,
        "stage": context.spec.name,
        "parameters": parameters,
        **_git_values(context),
    }
    for role, config in context.composed.items():
        values |= _flat_settings(role, config)
    if context.composed_model is not None:
        values |= _flat_settings("model", context.composed_model)
    if context.spec.init_from:
        values["init_from"] = context.spec.init_from
    return values


def _git_values(context: StageContext) -> dict[str, Any]:
    state = git_state(context.recipe_dir)
    if not state:
        return {}
    return {"git.commit": state["commit"], "git.uncommitted_changes": state["dirty"]}


def _flat_settings(prefix: str, view: ConfigView) -> dict[str, Any]:
    return {f"{prefix}.{path}": leaf for path, leaf in _public_leaves(view)}


def _public_leaves(view: ConfigView) -> Iterator[tuple[str, Any]]:
    """Yield settings that are no secrets; ``a[0]`` becomes ``a.0``, which every tracker takes."""
    for path, leaf in view.flat_leaves:
        if not is_secret(path, leaf):
            yield path.replace("[", ".").replace("]", ""), leaf
