"""Where a report points in a reference to a stage."""

from espnet3_compiler.pipeline import compile_manifest
from evaluation.mutations.model import load_recipe
from evaluation.mutations.trial import workspace
from evaluation.recipes import RECIPES


def test_a_misspelt_stage_is_told_at_the_stage_and_not_in_an_output_that_begins_alike():
    recipe = load_recipe(RECIPES / "digits/export/recipe.yaml")
    with workspace(recipe) as copy:
        manifest = copy / recipe.manifest
        text = manifest.read_text("utf-8").replace("stages.infer.inf", "stages.infe.inf")
        manifest.write_text(text, "utf-8")
        (finding,) = compile_manifest(manifest).diagnostics
    assert (finding.code, finding.primary.span.start) == ("R205", text.index("infe.inference_dir"))
