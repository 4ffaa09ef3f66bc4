"""Plan to files: every text of a build directory, by its path inside it."""

from pathlib import Path

from espnet3_compiler.build.lock import CODE, lock_text
from espnet3_compiler.build.plan import Plan
from espnet3_compiler.build.yaml_text import render_document
from espnet3_schemas import LOCK

__all__ = ("CODE", "build_files", "call_file", "config_file", "data_files", "model_file")


def build_files(plan: Plan, build: Path) -> dict[str, str]:
    """Return the whole content of a build directory: relative path to text.

    Args:
        plan: What to write.
        build: The absolute directory it is meant for; the lock names the manifest from there.
    """
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
    files = {
        config_file(config.name): render_document(config.value, config.sources)
        for config in plan.configs
    }
    files |= {
        model_file(model.name): render_document(model.value, (manifest,)) for model in plan.models
    }
    files |= {
        call_file(stage.name): render_document(stage.arguments, (manifest,))
        for stage in plan.stages
        if stage.call
    }
    return files


def config_file(name: str) -> str:
    """Return where a composed config is written."""
    return f"conf/{name}.yaml"


def model_file(name: str) -> str:
    """Return where a model node is written."""
    return f"models/{name}.yaml"


def call_file(name: str) -> str:
    """Return where the arguments of a ``call`` stage are written."""
    return f"calls/{name}.yaml"
