"""The ``config.yaml`` that a training of a task's model would write, for stages after it."""

from pathlib import Path

from espnet3_runtime.build.model_node import is_task, name_of
from espnet3_runtime.deep.stage_probe import StageProbe
from espnet3_runtime.errors import InstantiateError
from espnet3_runtime.preflight.protocol import UnprobedError
from espnet3_runtime.preflight.tried_stage import check_installed
from espnet3_runtime.task_bridge.config_file import portable_options, write_config


def make_task_config(probe: StageProbe, folder: Path) -> Path:
    """Write the config of a train stage's model into a directory.

    Raises:
        UnprobedError: No task builds the model, or the task does not work here.
    """
    model = probe.request.models.get(probe.stage.model or "")
    if model is None or not is_task(model):
        raise UnprobedError(f'the model of "{probe.stage.name}" is built by no task')
    node = probe.artifacts.resolve_view(model)
    try:
        options = portable_options(node, probe.request.recipe_dir)
    except InstantiateError as error:  # building the model reports the same, at its location
        check_installed(error, name_of(node), probe.answers)
        raise UnprobedError(error.message) from error
    path = folder / f"{probe.stage.name}-config.yaml"
    write_config(path, options)
    return path
