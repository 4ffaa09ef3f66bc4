"""The stage ``pack_model``: a bundle that works elsewhere."""

from espnet3_runtime.atomic import atomic_directory
from espnet3_runtime.errors import UserError
from espnet3_runtime.process.progress import format_size
from espnet3_runtime.publication.pack import pack_bundle
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
    if context.find("measure", "metrics") is None:
        context.log.warning("nothing was measured: the model card has no results")
    bundle = context.directory / "bundle"
    with atomic_directory(bundle) as part:
        pack_bundle(context, part)
    count = sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file())
    context.result("bundle", format_size(count))
    return {"bundle": bundle}
