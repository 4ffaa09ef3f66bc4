"""What the stages of recipes read, write and need, whole."""

from pathlib import Path

import pytest

from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.pipeline import compile_manifest
from espnet3_compiler.stage_graph.graph import stage_edges
from espnet3_compiler.stage_graph.kind_edges import misordered_producers
from espnet3_compiler.stage_graph.stage_inputs import (
    binding_keys,
    call_outputs,
    certain_config,
    certain_configs,
    leaves_read_by,
    may_have_model,
    model_of,
    outputs_of,
    own_model,
    reads_model,
)
from espnet3_compiler.syntax.tree import to_python
from tests.compiler.front_kit import write
from tests.compiler.sheet_kit import Row, row_name, sheet

SHEET = sheet(Path(__file__).with_name("graphs.txt"))
HEAD = "version: 1\nrecipe: mini/asr\n"


def of_stage(stage: StageDecl, recipe: Recipe, resolved: Resolved) -> list[str]:
    """Return what is known of a stage: leaves as written in the recipe, models and outputs."""
    leaves = [
        f"{'.'.join(map(str, leaf.path))}={leaf.node.value}"
        for leaf in leaves_read_by(stage, recipe, resolved)
        if leaf.node.span.source.kind != "schema"
    ]
    model = model_of(stage, resolved)
    lines = [f"{stage.name.value} reads {', '.join(leaves)}"]
    for name, given in (
        ("own", own_model(stage, resolved)),
        ("builds", model),
        ("reads", stage.model if reads_model(stage, resolved) else None),
    ):
        lines += [] if given is None else [f"  {name} model {to_python(given)}"]
    lines += ["  may have a model"] if may_have_model(stage, resolved) else []
    for one in stage.configs:
        if "model" in binding_keys(stage, one, recipe)[-1:]:
            lines.append(f"  reads the model of {one.config}")
        if certain_config(stage, one.role, resolved) is None:
            lines.append(f"  {one.role} is not certain")
    made = outputs_of(stage, recipe)
    lines.append(f"  writes {'what is not known' if made is None else ' '.join(made)}")
    lines += [f"  {name} is {path.value}" for name, path in call_outputs(stage, resolved)]
    return lines


@pytest.mark.parametrize("row", SHEET, ids=row_name)
def test_what_stages_read_write_and_need(row: Row, tmp_path: Path) -> None:
    manifest, *files = row.text.split("---- ")
    system = "src.own.Mine" if files else "asr"
    texts = dict(file.split("\n", maxsplit=1) for file in files)
    write(tmp_path, {"recipe.yaml": f"{HEAD}system: {system}\n{manifest}", **texts})
    outcome = compile_manifest(tmp_path / "recipe.yaml")
    recipe, resolved = outcome.recipe, outcome.resolved
    assert recipe
    assert resolved
    lines = [
        f"{edge.producer} -> {edge.consumer}: {edge.output}, {edge.how}, "
        f"{edge.span.text if edge.span else '-'}"
        for edge in stage_edges(recipe, resolved)
    ]
    pairs = misordered_producers(recipe, resolved)
    lines += [f"{late} stands after {early}" for late, early in pairs]
    for stage in recipe.stages:
        lines += of_stage(stage, recipe, resolved)
    count = len(list(certain_configs("train", "training", recipe, resolved)))
    row.check("\n".join([*lines, f"{count} certain configs of training"]))
