"""The options of an ESPnet2 task: those of the model's node, and the defaults of all others.

ESPnet2 reads options with argparse; here its parser only gives their names and defaults, and
``sys.argv`` is neither read nor changed.  A node may choose another class than the default
(``encoder: conformer``), whose arguments (``encoder_conf``) then do not start from the defaults.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from espnet3_runtime.build.model_node import TASK
from espnet3_runtime.config import join_key, to_plain
from espnet3_runtime.errors import InstantiateError, did_you_mean, nearest
from espnet3_runtime.task_bridge.importing import locate_task
from espnet3_schemas import TASK_SIZES

Options = dict[str, Any]

_CONF = "_conf"
_NULLS = ("none", "null", "nil")


def find_task(node: Mapping[str, Any]) -> Any:
    """Import the task class that a node names.

    Raises:
        InstantiateError: It cannot be imported, or is no ESPnet2 task.
    """
    path, where = str(node[TASK]), key_path_of(node)
    found = locate_task(path, join_key(where, TASK))
    if not all(callable(getattr(found, name, None)) for name in ("get_parser", "build_model")):
        raise InstantiateError(f'"{path}" is no ESPnet2 task', where=join_key(where, TASK))
    return found


def merge_defaults(task: Any, node: Mapping[str, Any]) -> Options:
    """Return every option of a task: those of the node, and the defaults of all others.

    Raises:
        InstantiateError: The node has an option that the task has not, chooses a class that does
            not exist, or has a ``*_conf`` that is no mapping.
    """
    where = key_path_of(node)
    known, _ = task.get_parser().parse_known_args([])
    hidden = task.exclude_opts() if hasattr(task, "exclude_opts") else ()
    defaults = {name: value for name, value in vars(known).items() if name not in hidden}
    given = {key: to_plain(value) for key, value in node.items() if key != TASK}
    for name in given:
        if name not in defaults:
            close = nearest(name, [option for option in defaults if option not in given])
            raise InstantiateError(
                f'{node[TASK]} has no option "{name}"',
                where=join_key(where, name),
                hint=f'did you mean "{close}"?' if close else "",
            )
    for choice in _class_choices(task):
        _check_choice(choice, given, where)
    choices = choice_names(task)
    confs = [name for name in defaults if name.endswith(_CONF)]
    merged = {name: _merge_conf(name, defaults, given, choices, where) for name in confs}
    return {**defaults, **given, **merged}


def key_path_of(node: Mapping[str, Any]) -> str:
    """Return the key path of a node."""
    return str(getattr(node, "where", ""))


def choice_names(task: Any) -> list[str]:
    """Return the options of a task that choose a class, ``encoder`` for example."""
    return [str(choice.name) for choice in _class_choices(task)]


def _class_choices(task: Any) -> Sequence[Any]:
    return tuple(getattr(task, "class_choices_list", ()))


def _check_choice(choice: Any, given: Options, where: str) -> None:
    if choice.name not in given:
        return
    word = given[choice.name]
    size = TASK_SIZES.get(choice.name, "")
    if word is None and given.get(size) is not None:
        return
    if choice.optional and (word is None or str(word).lower() in _NULLS):
        given[choice.name] = None
        return
    words = [str(item) for item in choice.classes]
    if not isinstance(word, str) or word.lower() not in words:
        raise InstantiateError(
            f"there is no {choice.name} {word!r}".replace("'", '"'),
            where=join_key(where, choice.name),
            hint=f"give {size}, too" if word is None and size else did_you_mean(str(word), words),
        )
    given[choice.name] = word.lower()


def _merge_conf(
    name: str, defaults: Options, given: Options, choices: Sequence[str], where: str
) -> Options:
    """Return the arguments in a ``*_conf``, over the defaults unless another class is chosen."""
    own = given.get(name)
    if own is not None and not isinstance(own, Mapping):
        raise InstantiateError(
            f'"{name}" is a mapping of arguments, found {own!r}', where=join_key(where, name)
        )
    head = name.removesuffix(_CONF)
    other_class = head in choices and given.get(head, defaults[head]) != defaults[head]
    inherited = {} if other_class else defaults[name]
    return {**(to_plain(inherited) or {}), **(own or {})}
