"""Look whether ``InferenceModel.from_packed`` will find the bundle that it names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from espnet3_runtime.errors import UserError
from espnet3_runtime.preflight.protocol import Answers, RecipeLocation
from espnet3_runtime.preflight.request import Request
from espnet3_runtime.publication.bundle import INFERENCE, MODEL, open_bundle
from espnet3_runtime.publication.trust import check_trust

METHOD = "espnet3_runtime.publication.model.InferenceModel.from_packed"
_NAME = "directory"
_MADE = "run the recipe that makes it, up to its stage pack_model"


def check_bundle(
    request: Request, location: RecipeLocation, node: Mapping[str, Any], answers: Answers
) -> None:
    """Report R903 for a bundle that is not there, is not whole, or wants trust that it has not.

    A bundle that a stage of this recipe makes is not looked for.  Hashes are compared when the
    bundle is loaded.

    Args:
        request: The recipe.
        location: The node.
        node: Its arguments.
        answers: Takes the finding; without the stages before it, ``--deep`` only notes it.
    """
    args = node.get("_args_") or [None]
    name = node.get(_NAME, args[0])
    if not isinstance(name, str) or "${" in name or _is_made(request, name):
        return
    directory = request.recipe_dir / name
    try:
        bundle = open_bundle(directory, verify=False)
        configs = {file: bundle.config(file) for file in (INFERENCE, MODEL)}
        hint = "write trust_user_code: true beside it, if you trust the code"
        check_trust(bundle, configs, bool(node.get("trust_user_code")), hint)
    except UserError as error:
        is_there = directory.is_dir()
        text = error.message if is_there else f'there is no directory "{name}"'
        if not answers.needs_packages:
            answers.note(f"{METHOD}: {text}")
            return
        key = _NAME if _NAME in node else "_args_"
        place = RecipeLocation(location.owner, (*location.path, key))
        help_ = error.hint if is_there else _MADE
        answers.report_finding("R903", place, f"{METHOD} will fail: {text}", help_=(help_,))


def _is_made(request: Request, name: str) -> bool:
    """Say whether a stage makes a directory, or one above it."""
    path = Path(name)
    made = {output.path for stage in request.stages for output in stage.outputs.values()}
    return any(one.as_posix() in made for one in (path, *path.parents))
