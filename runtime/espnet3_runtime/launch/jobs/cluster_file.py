"""The file of ``--cluster``: ``env`` and ``options`` as in the ``parallel`` block of a config."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from espnet3_runtime.errors import UserError, did_you_mean
from espnet3_runtime.process.dask_workers import QUEUES

_KEYS = ("env", "options")


def read_cluster(path: Path) -> dict[str, Any]:
    """Return what the file says, as the ``parallel`` block of a config for one worker.

    Raises:
        UserError: It is no YAML, or holds something else; the message has the line.
    """
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), yaml.SafeLoader)
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f'"{path}" cannot be read: {error}') from None
    except yaml.YAMLError as error:
        raise UserError(f'"{path}" is not YAML: {error}') from None
    for node, message, hint in _mistakes_in(root):
        mark = node.start_mark if node is not None else None
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise UserError(f"{place}: {message}", hint=hint)
    return {"env": value["env"], "n_workers": 1, "options": value.get("options") or {}}


def _mistakes_in(root: Any) -> Iterator[tuple[Any, str, str]]:
    """Yield what is wrong in a file: the node, the message, and the way out."""
    if not isinstance(root, yaml.MappingNode):
        yield root, "a cluster is described by two keys", "write env: slurm, and options: {…}"
        return
    given = {str(key.value): (key, value) for key, value in root.value}
    for name, (key, _) in given.items():
        if name == "n_workers":
            yield key, '"n_workers" is no key here', "run.py --jobs N says how many jobs there are"
        elif name not in _KEYS:
            yield key, f'a cluster has no key "{name}"', did_you_mean(name, _KEYS)
    if "env" not in given:
        yield root, "env is missing", f"choose from: {', '.join(QUEUES)}"
        return
    env, options = given["env"][1], given.get("options", (None, None))[1]
    if env.value not in QUEUES:
        message = f'"{env.value}" is no cluster whose queue takes jobs'
        yield env, message, did_you_mean(str(env.value), QUEUES)
    if options is not None and not isinstance(options, yaml.MappingNode):
        yield options, "options are keyword arguments", "write options: {queue: …, cores: …}"
