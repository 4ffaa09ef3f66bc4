"""Import every target and bind its arguments to the real signature."""

import inspect
import re
from typing import Any

from espnet3_runtime.build.instantiate import locate_target
from espnet3_runtime.config import ConfigView
from espnet3_runtime.deep.error_origin import FAILURES, find_origin, raise_unprobed, report_error
from espnet3_runtime.deep.protocol import Answers, RecipeLocation, UnprobedError
from espnet3_runtime.deep.request import Request, Target
from espnet3_runtime.errors import InstantiateError, did_you_mean
from espnet3_schemas import TARGET

FLAGS = (TARGET, "_args_", "_partial_", "_recursive_", "_convert_")
_QUOTED = re.compile(r"'(\w+)'")
_CONTEXT = "context"


def probe_targets(request: Request, answers: Answers) -> None:
    """Report R901 for targets that cannot be imported, R902 for arguments that do not fit."""
    said: set[str] = set()
    for target in request.targets:
        answers.step(target.place, f"importing {target.name}")
        before = answers.network.refused
        try:
            found = locate_target(target.name)
        except FAILURES as error:
            try:
                raise_unprobed(error, answers, before, f"importing {target.name}")
                _report_import_error(request, answers, target, error, said)
            except UnprobedError as why:
                answers.note(str(why))
            continue
        _bind_arguments(request, answers, target, found)


def _report_import_error(
    request: Request, answers: Answers, target: Target, error: BaseException, said: set[str]
) -> None:
    cause = error.__cause__ if isinstance(error, InstantiateError) else error
    package = target.name.partition(".")[0]
    if isinstance(cause, ModuleNotFoundError) and cause.name == package:
        raise UnprobedError(f'{target.name}: the package "{package}" is not installed')
    found = find_origin(error, request.recipe_dir)
    place = RecipeLocation(target.place.owner, (*target.place.path, _name_key(target)))
    if found.text in said:  # one module that cannot be imported is one mistake
        answers.found.append(place)
        return
    said.add(found.text)
    report_error(answers, "R901", place, f"importing {target.name} fails", found)


def _name_key(target: Target) -> str:
    return "call" if target.place.owner[0] == "stages" else TARGET


def _bind_arguments(request: Request, answers: Answers, target: Target, found: Any) -> None:
    node = request.node(target.place)
    if not target.judged or not callable(found):
        return
    try:
        signature = inspect.signature(found)
    except (TypeError, ValueError):
        return
    is_call = target.place.owner[0] == "stages"
    block = (node or {}).get("with") if is_call else node
    values = dict(block) if isinstance(block, ConfigView) else {}
    keys = [key for key in values if is_call or key not in FLAGS]
    names = signature.parameters
    ours = (*target.supplied, *target.offered, *((_CONTEXT,) if is_call else ()))
    passed = {name: None for name in ours if name in names and name not in keys}
    given = values.get("_args_") or ()
    positional = (None,) * target.positional or (() if is_call else tuple(given))
    partial = not is_call and values.get("_partial_") is True
    bind = signature.bind_partial if partial else signature.bind
    try:
        bind(*positional, **{**dict.fromkeys(keys), **passed})
    except TypeError as error:
        _report_misfit(answers, target, str(error), keys, list(names))


def _report_misfit(
    answers: Answers, target: Target, message: str, keys: list[str], names: list[str]
) -> None:
    quoted = _QUOTED.findall(message)
    key = next((name for name in quoted if name in keys), None)
    path = target.place.path
    if target.place.owner[0] == "stages":
        path = (*path, "with")
    hint = did_you_mean(key, [name for name in names if name not in keys]) if key else ""
    answers.report_finding(
        "R902",
        RecipeLocation(target.place.owner, (*path, key) if key else (*path, _name_key(target))),
        f"{target.name} cannot be called so: {message}",
        help_=(hint,) if hint.startswith("did") else (),
        notes=(f"its arguments are {', '.join(names) or 'none'}",),
    )
