"""A compiled recipe with receipts, a bundle and a checkpoint: what hostile input is made from."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from espnet3_compiler.build.files import build_files
from espnet3_compiler.build.write import write_build
from espnet3_compiler.pipeline import compile_manifest
from espnet3_runtime.incremental.receipts import OutputRecord, Receipt, write_receipt
from espnet3_schemas import LOCK

RECIPE = Path(__file__).parents[2] / "tests" / "cases" / "ok" / "whole-pipeline"
BUILD = "build"


def compiled(directory: Path) -> dict[str, str]:
    """Copy the recipe into a directory and compile it there; return what its build holds."""
    shutil.copytree(RECIPE, directory, dirs_exist_ok=True)
    outcome = compile_manifest(directory / "recipe.yaml")
    assert outcome.plan is not None, outcome.diagnostics
    files = build_files(outcome.plan, directory / BUILD)
    write_build(directory / BUILD, files)
    return files


def experiment(directory: Path, stage: str, output: str) -> Path:
    """Compile the recipe and leave a receipt of a stage; return the experiment."""
    lock = json.loads(compiled(directory)[LOCK])
    exp = directory / str(lock["exp_dir"])
    (found,) = (one for one in lock["stages"] if one["name"] == stage)
    record = OutputRecord(found["outputs"][output]["path"], "0" * 64, "1" * 64, 2, 1)
    write_receipt(exp, Receipt(stage, "done", "2026", "2026", 1.5, outputs={output: record}))
    return exp


def bundle(directory: Path) -> None:
    """Write a bundle of torch's own layers, which needs no trust."""
    import torch
    import yaml
    from safetensors.torch import save_file

    directory.mkdir(parents=True, exist_ok=True)
    files = compiled(directory.parent / "packed")
    config = yaml.safe_load(files["conf/inference.yaml"])
    model = torch.nn.Linear(4, 2)
    save_file(model.state_dict(), directory / "model.safetensors")
    node = {"_target_": "torch.nn.Linear", "in_features": 4, "out_features": 2}
    plain = {"checkpoint": None, "contract": None, "runner": None, "model": node}
    sign(directory, {"inference.yaml": {**config, **plain}})


def sign(
    directory: Path, texts: Mapping[str, object], listed: Mapping[str, str] | None = None
) -> None:
    """Write files of a bundle and a ``bundle.json`` that fits them.

    Args:
        directory: The bundle.
        texts: What is written, by name.
        listed: Hashes that are listed beside those of its files.
    """
    import yaml

    from espnet3_runtime.publication.bundle import FORMAT, META, SCHEMA_VERSION, hash_files

    for name, value in texts.items():
        data = value if isinstance(value, bytes) else yaml.safe_dump(value).encode()
        (directory / name).write_bytes(data)
    files = {**hash_files(directory), **(listed or {})}
    meta = {"format": FORMAT, "schema_version": SCHEMA_VERSION, "files": files}
    (directory / META).write_text(json.dumps({**meta, "named": {}}, indent=1), encoding="utf-8")
