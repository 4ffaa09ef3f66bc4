"""From a plan to the files of a build: every text by its path in the build directory."""

from pathlib import Path

from espnet3_compiler.build.lock import call_file, config_file, lock_text, model_file
from espnet3_compiler.build.plan import Plan
from espnet3_compiler.build.yaml_text import render_document
from espnet3_schemas import LOCK


def build_files(plan: Plan, build: Path) -> dict[str, str]:
    """Return all files of a build for an absolute directory: relative path to text."""
    from espnet3_compiler.build.python_files import run_text, system_text

    code = {"run.py": run_text(plan, build), "system.py": system_text(plan)}
    files = code | _data_texts(plan)
    return files | {LOCK: lock_text(plan, build, files)}


def data_files(plan: Plan, build: Path) -> dict[str, str]:
    """Return the part of a build that is data: configs, models, arguments and the lock."""
    files = _data_texts(plan)
    return files | {LOCK: lock_text(plan, build, files)}


def _data_texts(plan: Plan) -> dict[str, str]:
    manifest = plan.manifest.name
    configs = {
        config_file(config.name): render_document(config.value, config.sources)
        for config in plan.configs
    }
    models = {
        model_file(model.name): render_document(model.value, (manifest,)) for model in plan.models
    }
    calls = {
        call_file(stage.name): render_document(stage.arguments, (manifest,))
        for stage in plan.stages
        if stage.call
    }
    return configs | models | calls
