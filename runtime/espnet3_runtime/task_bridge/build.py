"""Build the model of an ESPnet2 task from its node."""

import re
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from espnet3_runtime.build.model_node import TASK
from espnet3_runtime.config import join_key
from espnet3_runtime.errors import InstantiateError, UserError, did_you_mean
from espnet3_runtime.task_bridge.gan import join_turns, takes_turns
from espnet3_runtime.task_bridge.importing import locate_task
from espnet3_runtime.task_bridge.options import choice_names, find_task, key_path_of, merge_defaults
from espnet3_runtime.task_bridge.torchaudio import torchaudio_or_placeholder

if TYPE_CHECKING:
    from torch import nn

FREEZE = "freeze_param"
ELSEWHERE = frozenset(
    (
        *(FREEZE, "token_type", "bpemodel", "cleaner", "g2p", "non_linguistic_symbols"),
        *("use_preprocessor", "preprocessor", "preprocessor_conf"),
    )
)
"""Options that the bridge reads itself, or that shape the decoding and not the model."""

_QUOTED = re.compile(r"'(\w+)'")


@dataclass(frozen=True)
class TaskModel:
    """A model, and the options of its node without effect on it (``max_epoch`` for example)."""

    model: "nn.Module"
    idle: tuple[str, ...]


def build_task_model(node: Mapping[str, Any], *, normalize: bool = True) -> TaskModel:
    """Build the model that a node with ``task`` describes.

    Args:
        node: The model's node, late values filled in.
        normalize: Whether with normalisation; the stage that collects its statistics builds the
            model without it.

    Raises:
        InstantiateError: The node does not fit the task, or the task cannot build the model.
    """
    task = find_task(node)
    options = merge_defaults(task, node)
    if not normalize:
        options |= {name: None for name in choice_names(task) if name.endswith("normalize")}
    read = {*ELSEWHERE, TASK}
    model = _build_model(task, _TrackedOptions(read, options), node)
    _check_model(model, node)
    if takes_turns(model):
        join_turns(model)
    _freeze_parameters(model, options.get(FREEZE) or (), join_key(key_path_of(node), FREEZE))
    given = [name for name in node if node[name] is not None and not name.endswith("_conf")]
    return TaskModel(model, tuple(name for name in given if name not in read))


class _TrackedOptions(Namespace):
    """Options that record the names of those that are read."""

    def __init__(self, read: set[str], options: Mapping[str, Any]) -> None:
        object.__setattr__(self, "_read", read)
        super().__init__(**options)

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_"):
            object.__getattribute__(self, "_read").add(name)
        return object.__getattribute__(self, name)


def _build_model(task: Any, args: Namespace, node: Mapping[str, Any]) -> Any:
    name, where = str(node[TASK]), key_path_of(node)
    try:
        with torchaudio_or_placeholder():
            return task.build_model(args)
    except UserError:
        raise
    except Exception as error:
        argument = _quoted_argument(str(error), node)
        raise InstantiateError(
            f"{name} failed: {type(error).__name__}: {error}",
            where=join_key(where, argument) if argument else where,
        ) from error


def _quoted_argument(message: str, node: Mapping[str, Any]) -> str:
    """Return the argument that a message quotes, as a key path, if a ``*_conf`` has it."""
    for word in _QUOTED.findall(message):
        for key, block in node.items():
            if isinstance(block, Mapping) and word in block:
                return join_key(key, word)
    return ""


def _check_model(model: Any, node: Mapping[str, Any]) -> None:
    base = locate_task("espnet2.train.abs_espnet_model.AbsESPnetModel", key_path_of(node))
    if not isinstance(model, base):
        raise InstantiateError(
            f"{node[TASK]} built a {type(model).__name__}, which is no AbsESPnetModel",
            where=join_key(key_path_of(node), TASK),
        )


def _freeze_parameters(model: "nn.Module", names: Sequence[str], where: str) -> None:
    """Exclude from training the parameters, or all those of the modules, in ``freeze_param``."""
    own = dict(model.named_parameters())
    for wanted in names:
        found = [name for name in own if name == wanted or name.startswith(f"{wanted}.")]
        if not found:
            parts = sorted({name.partition(".")[0] for name in own})
            raise InstantiateError(
                f'"{wanted}" is no part of the model', where=where, hint=did_you_mean(wanted, parts)
            )
        for name in found:
            own[name].requires_grad_(False)
