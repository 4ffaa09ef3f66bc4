"""``recipe.lock.json``: sources with hashes, and the plan with its edges.

No time, user, absolute path, tool version or line number: the same input gives the same bytes.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from espnet3_compiler.build.late_values import late_values
from espnet3_compiler.build.plan import Plan
from espnet3_schemas.build_records import SCHEMA_VERSION, Stage

CODE = ("run.py", "system.py")


def config_file(name: str) -> str:
    """Return the path of a composed config in the build."""
    return f"conf/{name}.yaml"


def model_file(name: str) -> str:
    """Return the path of a model in the build."""
    return f"models/{name}.yaml"


def call_file(name: str) -> str:
    """Return the path of the arguments of a ``call`` stage in the build."""
    return f"calls/{name}.yaml"


def lock_text(plan: Plan, build: Path, files: Mapping[str, str]) -> str:
    """Return the text of the lock.

    Args:
        plan: The plan of the build.
        build: The absolute build directory, from which the manifest is named.
        files: The other files of the build, by path, for their hashes.
    """
    lock = {
        "schema_version": SCHEMA_VERSION,
        "recipe": plan.recipe,
        "system": plan.system,
        "manifest": relative_path(plan.manifest, build),
        "recipe_dir": relative_path(plan.manifest.parent, build),
        **plan.globals,
        "sources": [{"path": source.path, "sha256": source.sha256} for source in plan.sources],
        "set": list(plan.sets),
        **({"environment": dict(plan.environment)} if plan.environment else {}),
        "code": {name: sha256(files[name].encode()) for name in CODE if name in files},
        "configs": {
            config.name: {"role": config.role, **_file_entry(config_file(config.name), files)}
            for config in plan.configs
        },
        "models": {model.name: _file_entry(model_file(model.name), files) for model in plan.models},
        **({"kinds": dict(plan.kinds)} if plan.kinds else {}),
        "stages": [_stage_entry(stage) for stage in plan.stages],
        "late_values": late_values(plan),
    }
    return json.dumps(lock, indent=2, ensure_ascii=False) + "\n"


def without_code(text: bytes) -> tuple[Any, Mapping[str, str]]:
    """Return the value of a lock without its hashes of code, and those; None for no lock."""
    try:
        lock = json.loads(text)
        return lock, dict(lock.pop("code", {}))
    except (ValueError, AttributeError, TypeError, RecursionError):
        return None, {}


def sha256(data: bytes) -> str:
    """Return the hash of bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def relative_path(path: Path, start: Path) -> str:
    """Return the path to a file or directory from another directory, with forward slashes."""
    return Path(os.path.relpath(path, start)).as_posix()


def _stage_entry(stage: Stage) -> dict[str, Any]:
    value = asdict(stage)
    names = (field.name for field in fields(Stage) if field.name != "kind")
    return {name: value[name] for name in names if (name, value[name]) != ("log_dir", None)}


def _file_entry(path: str, files: Mapping[str, str]) -> dict[str, str]:
    return {"file": path, "sha256": sha256(files[path].encode())}
