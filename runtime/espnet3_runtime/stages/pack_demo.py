"""The stage ``pack_demo``: a Gradio page around the bundle."""

from espnet3_runtime.atomic import atomic_directory
from espnet3_runtime.errors import UserError
from espnet3_runtime.publication.demo_pack import pack_demo_files
from espnet3_runtime.stage import Outputs, StageContext


def pack_demo(context: StageContext) -> Outputs:
    """Write ``demo/``; it appears complete or not at all, and replaces an earlier one.

    Raises:
        UserError: There is no bundle, or the demo config does not fit it.
    """
    bundle = context.find("pack_model", "bundle")
    if bundle is None:
        raise UserError("there is no bundle", hint="run a stage pack_model before pack_demo")
    demo = context.directory / "demo"
    with atomic_directory(demo) as part:
        pack_demo_files(context, bundle, part)
    context.result("start", f"python {(demo / 'app.py').relative_to(context.recipe_dir)}")
    return {"demo": demo}
