"""The stage ``pack_model``: a bundle that works elsewhere."""

from espnet3_runtime.atomic import atomic_directory
from espnet3_runtime.errors import UserError
from espnet3_runtime.process.progress import format_size
from espnet3_runtime.publication.pack import BundleParts, pack_bundle
from espnet3_runtime.stage import Outputs, StageContext


def pack_model(context: StageContext) -> Outputs:
    """Pack weights, code and configs; the directory appears complete or not at all.

    Raises:
        UserError: A file or code that the bundle needs would not be inside, or it does not load
            outside of the recipe.
    """
    inference = context.configs["inference"]
    if context.model is None and inference["model"] is None:
        hint = "give the stage a model: {name: …, model: NAME}"
        raise UserError("there is no model to pack", hint=hint)
    parts = BundleParts(
        recipe=context.recipe,
        exp_tag=context.exp_tag,
        recipe_dir=context.recipe_dir,
        settings=context.configs["publication"]["pack_model"],
        inference=inference,
        composed_inference=context.composed["inference"],
        model=context.model,
        composed_model=context.composed_model,
        late=context.late,
        training=context.composed.get("training"),
        scores=context.find("measure", "metrics"),
    )
    if parts.scores is None:
        context.log.warning("nothing was measured: the model card has no results")
    bundle = context.directory / "bundle"
    with atomic_directory(bundle) as part:
        pack_bundle(parts, part)
    count = sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file())
    context.result("bundle", format_size(count))
    return {"bundle": bundle}
