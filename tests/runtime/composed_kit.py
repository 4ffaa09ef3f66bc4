"""Configs and models of a stage as the compiler composes them and the runtime reads them."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from espnet3_compiler.build.files import data_files
from espnet3_compiler.build.make_plan import make_plan
from espnet3_compiler.pipeline import compile_manifest
from espnet3_runtime.build.lock import Build, load_build
from espnet3_runtime.config import to_plain

WRONG_FORM = {"R601", "R602", "R603", "R604"}


def composed_build(kind: str, configs: Mapping[str, Any], model: Any = None) -> Build:
    """Return the build of a recipe that has one stage.

    What the checks refuse is composed all the same, for tests of what a stage itself says of it;
    what does not have the form of the schemas is not.

    Args:
        kind: The kind of the stage, and its name.
        configs: ``{role: values}``.
        model: The model node of the stage.
    """
    stage = {"name": kind, "run": kind, "config": {role: role for role in configs}}
    manifest = {
        "version": 1,
        "recipe": "tiny/asr",
        "system": "asr",
        "exp_tag": "tiny",
        "models": {"tiny": model} if model else {},
        "configs": configs,
        "stages": [{**stage, "model": "tiny"} if model else stage],
    }
    return _compiled(yaml.safe_dump(to_plain(manifest), sort_keys=False))


@cache
def _compiled(text: str) -> Build:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "recipe.yaml"
        path.write_text(text, encoding="utf-8")
        outcome = compile_manifest(path)
        wrong = [found for found in outcome.diagnostics if found.code in WRONG_FORM]
        form = [found for found in wrong if not found.message.startswith("the stage")]
        assert not form, [(each.code, each.message) for each in form]
        assert outcome.root
        assert outcome.recipe
        assert outcome.composition
        assert outcome.resolved
        configs = outcome.composition.configs
        plan = make_plan(outcome.root, outcome.recipe, configs, outcome.resolved, ())
        build = path.with_name("build")
        return load_build(build, data_files(plan, build))
