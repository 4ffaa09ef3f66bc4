"""A stand-in for the ``config.yaml`` that a training of a task's model writes."""

from pathlib import Path

from espnet3_runtime.build.model_node import is_task, name_of
from espnet3_runtime.deep.build_model import check_installed
from espnet3_runtime.deep.protocol import UnprobedError
from espnet3_runtime.deep.request import PlannedStage
from espnet3_runtime.deep.train import Tools
from espnet3_runtime.errors import InstantiateError
from espnet3_runtime.task_bridge.config_file import portable_options, write_config


def make_task_config(tools: Tools, folder: Path, stage: PlannedStage) -> Path:
    """Write the config of a train stage's model.

    Args:
        tools: What the probes share.
        folder: The directory that it is written into.
        stage: The train stage.

    Raises:
        UnprobedError: The model is no task's, or its task cannot be asked.
    """
    model = tools.request.models.get(stage.model or "")
    if model is None or not is_task(model):
        raise UnprobedError(f'the model of "{stage.name}" is built by no task')
    node = tools.stand_ins.resolve_view(model)
    try:
        options = portable_options(node, tools.request.recipe_dir)
    except InstantiateError as error:  # building the model finds the same, at its place
        check_installed(error, name_of(node))
        raise UnprobedError(error.message) from error
    path = folder / f"{stage.name}-config.yaml"
    write_config(path, options)
    return path
