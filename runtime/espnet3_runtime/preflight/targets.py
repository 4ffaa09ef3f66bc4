"""Import every target and bind its arguments to the real signature."""

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from espnet3_runtime.build.instantiate import FLAGS, locate_target
from espnet3_runtime.config import ConfigView
from espnet3_runtime.errors import did_you_mean, nearest
from espnet3_runtime.preflight import bundles
from espnet3_runtime.preflight.find_targets import Target
from espnet3_runtime.preflight.origin.code_place import recipe_files
from espnet3_runtime.preflight.origin.error_origin import FAILURES, find_origin, raise_unprobed
from espnet3_runtime.preflight.pretrained import METHOD, check_pretrained
from espnet3_runtime.preflight.protocol import Answers, RecipeLocation, UnprobedError
from espnet3_runtime.preflight.request import Request
from espnet3_runtime.preflight.tried_stage import check_installed
from espnet3_schemas import TARGET

_QUOTED = re.compile(r"'(\w+)'")


def probe_targets(request: Request, answers: Answers, targets: Iterable[Target]) -> None:
    """Report targets that cannot be imported (R901) or called so (R902), or lack files (R903).

    Args:
        request: The recipe.
        answers: Takes steps, findings and notes.
        targets: Those to import.
    """
    reported: set[str] = set()
    for target in targets:
        answers.step(target.location, f"importing {target.name}")
        try:
            found = locate_target(target.name)
        except FAILURES as error:
            try:
                raise_unprobed(error, answers)
                check_installed(error, target.name, answers)
                _report_import_error(request, answers, target, error, reported)
            except UnprobedError as why:
                answers.note(str(why))
            continue
        _bind_arguments(request, answers, target, found)
        node = request.node(target.location)
        if target.name.endswith(METHOD) and target.judged and node is not None:
            check_pretrained(target.name, target.location, node, request.recipe_dir, answers)
        if target.name == bundles.METHOD and target.judged and node is not None:
            bundles.check_bundle(request, target.location, node, answers)


def _is_call(target: Target) -> bool:
    """Say whether it is the function of a stage, and no ``_target_`` among its arguments."""
    return target.location.owner[0] == "stages" and not target.location.path


def _name_location(target: Target) -> RecipeLocation:
    key = "call" if _is_call(target) else TARGET
    return RecipeLocation(target.location.owner, (*target.location.path, key))


def _report_import_error(
    request: Request, answers: Answers, target: Target, error: BaseException, reported: set[str]
) -> None:
    found = find_origin(error, request.recipe_dir)
    location = _name_location(target)
    marks = {found.text, *recipe_files(error, request.recipe_dir)}
    if not reported.isdisjoint(marks):  # modules that import each other in vain are one mistake
        answers.found.append(location)
        return
    reported |= marks
    answers.report_finding(
        "R901",
        location,
        f"importing {target.name} fails: {found.text}",
        help_=found.help,
        numbers=found.numbers,
        place=found.place,
        in_code=True,
        cause=found.text,
    )


def _bind_arguments(request: Request, answers: Answers, target: Target, found: Any) -> None:
    if not target.judged or not callable(found):
        return
    try:
        signature = inspect.signature(found)
    except (TypeError, ValueError):
        return
    node, is_call = request.node(target.location), _is_call(target)
    block = (node or {}).get("with") if is_call else node
    values = dict(block) if isinstance(block, ConfigView) else {}
    keys = [key for key in values if is_call or key not in (*FLAGS, "_args_")]
    names = signature.parameters
    added = (*target.supplied, *target.offered, *(("context",) if is_call else ()))
    passed = dict.fromkeys([*keys, *(name for name in added if name in names)])
    positional = (None,) * target.positional or (
        () if is_call else tuple(values.get("_args_") or ())
    )
    is_partial = not is_call and values.get("_partial_") is True
    try:
        (signature.bind_partial if is_partial else signature.bind)(*positional, **passed)
    except TypeError as error:
        unknown = [] if _takes_any(signature) else [key for key in keys if key not in names]
        if _keeps_more(found) and not set(keys) <= set(names):
            _mention_kept(answers, target, keys, list(names))
        elif is_call or not _is_taken_by_wrapper(found, positional, passed):
            what = f"got an unexpected keyword argument {unknown[0]!r}" if unknown else str(error)
            _report_misfit(answers, target, what, keys, list(names))


def _takes_any(signature: inspect.Signature) -> bool:
    return any(one.kind is one.VAR_KEYWORD for one in signature.parameters.values())


def _is_taken_by_wrapper(found: Any, positional: Sequence[Any], passed: Mapping[str, Any]) -> bool:
    """Say whether a decorator, which may add arguments, takes what the decorated one does not."""
    try:
        own = inspect.signature(found, follow_wrapped=False)
    except (TypeError, ValueError):
        return hasattr(found, "__wrapped__")
    try:
        own.bind_partial(*positional, **passed)
    except TypeError:
        return False
    return own != inspect.signature(found)


def _keeps_more(found: Any) -> bool:
    """Return whether something is a config of Hugging Face, which keeps whatever it is given."""
    bases = found.__mro__ if isinstance(found, type) else ()
    return any(base.__name__.lower() == "pretrainedconfig" for base in bases)


def _mention_kept(answers: Answers, target: Target, keys: list[str], names: list[str]) -> None:
    """Warn of keys that are near a declared one (R923), and note the others."""
    for key in keys:
        close = nearest(key, [name for name in names if name not in keys])
        text = f'"{key}" is no setting that {target.name} declares; it is kept without effect'
        if key not in names and close:
            location = RecipeLocation(target.location.owner, (*target.location.path, key))
            hint = f'did you mean "{close}"?'
            answers.report_finding("R923", location, text, help_=[hint], warns=True)
        elif key not in names:
            answers.note(text)


def _report_misfit(
    answers: Answers, target: Target, message: str, keys: list[str], names: list[str]
) -> None:
    key = next((name for name in _QUOTED.findall(message) if name in keys), None)
    location = _name_location(target)
    if key:
        path = (*target.location.path, *(("with",) if _is_call(target) else ()), key)
        location = RecipeLocation(location.owner, path)
    hint = did_you_mean(key, [name for name in names if name not in keys]) if key else ""
    answers.report_finding(
        "R902",
        location,
        f"{target.name} cannot be called so: {message}",
        help_=(hint,) if hint.startswith("did") else (),
        notes=(f"its arguments are {', '.join(names) or 'none'}",),
    )
