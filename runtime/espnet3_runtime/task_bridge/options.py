"""The options of an ESPnet2 task: its defaults under what the model's node gives.

ESPnet2 reads options with argparse; here its parser only tells their names and defaults, and
``sys.argv`` is neither read nor changed.  A node may choose among classes (``encoder: conformer``);
the arguments of the one chosen (``encoder_conf``) then start from nothing, never from those of
the class that is the default.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from espnet3_runtime.build.model_node import TASK
from espnet3_runtime.config import join_key, to_plain
from espnet3_runtime.errors import InstantiateError, did_you_mean
from espnet3_runtime.task_bridge.importing import locate_task

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
    """Return every option of a task: what the node gives over the defaults.

    Raises:
        InstantiateError: The node has an option that the task has not, chooses a class that there
            is not, or gives a ``*_conf`` that is no mapping.
    """
    where = key_path_of(node)
    defaults = _parser_defaults(task)
    given = {key: to_plain(value) for key, value in node.items() if key != TASK}
    for name in given:
        if name not in defaults:
            raise InstantiateError(
                f'{node[TASK]} has no option "{name}"',
                where=join_key(where, name),
                hint=_suggest_option(name, [option for option in defaults if option not in given]),
            )
    choices = _class_choices(task)
    for choice in choices:
        _check_choice(choice, given, where)
    options = {**defaults, **given}
    for name in [name for name in options if name.endswith(_CONF)]:
        options[name] = _merge_conf(
            name, defaults, given, [choice.name for choice in choices], where
        )
    return options


def key_path_of(node: Mapping[str, Any]) -> str:
    """Return the key path of a node."""
    return str(getattr(node, "where", ""))


def choice_names(task: Any) -> list[str]:
    """Return the options of a task that choose a class, ``encoder`` for example."""
    return [str(choice.name) for choice in _class_choices(task)]


def _class_choices(task: Any) -> Sequence[Any]:
    return tuple(getattr(task, "class_choices_list", ()))


def _parser_defaults(task: Any) -> Options:
    """Return the options and defaults of a task's parser."""
    known, _ = task.get_parser().parse_known_args([])
    hidden = task.exclude_opts() if hasattr(task, "exclude_opts") else ()
    return {name: value for name, value in vars(known).items() if name not in hidden}


def _suggest_option(name: str, options: Sequence[str]) -> str:
    hint = did_you_mean(name, options)
    return hint if hint.startswith("did") else ""


def _check_choice(choice: Any, given: Options, where: str) -> None:
    if choice.name not in given:
        return
    word = given[choice.name]
    if choice.optional and (word is None or str(word).lower() in _NULLS):
        given[choice.name] = None
        return
    words = [str(item) for item in choice.classes]
    if not isinstance(word, str) or word.lower() not in words:
        raise InstantiateError(
            f"there is no {choice.name} {word!r}".replace("'", '"'),
            where=join_key(where, choice.name),
            hint=did_you_mean(str(word), words),
        )
    given[choice.name] = word.lower()


def _merge_conf(
    name: str, defaults: Options, given: Options, choices: Sequence[str], where: str
) -> Options:
    """Return the arguments in a ``*_conf``; those of another class than the default stand alone."""
    own = given.get(name)
    if own is not None and not isinstance(own, Mapping):
        raise InstantiateError(
            f'"{name}" is a mapping of arguments, found {own!r}', where=join_key(where, name)
        )
    head = name.removesuffix(_CONF)
    chosen_anew = head in choices and given.get(head, defaults[head]) != defaults[head]
    inherited = {} if chosen_anew else defaults[name]
    return {**(to_plain(inherited) or {}), **(own or {})}
