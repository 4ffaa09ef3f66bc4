"""The stage ``upload_model``: the bundle goes to the Hugging Face hub."""

from espnet3_runtime.errors import UserError
from espnet3_runtime.publication.bundle import open_bundle
from espnet3_runtime.publication.hub import Upload, run_upload
from espnet3_runtime.stage import Outputs, StageContext


def upload_model(context: StageContext) -> Outputs:
    """Upload the bundle; with ``dry_run``, show what would go and stop.

    Raises:
        UserError: There is no bundle or no destination, or the hub refuses.
    """
    config = context.configs["publication"]
    settings = config["upload_model"]
    if settings is None:
        raise UserError(
            "there is no destination",
            where=f"{config.where}.upload_model",
            hint="write upload_model: {hf_repo: <owner>/<name>}",
        )
    bundle = context.find("pack_model", "bundle")
    if bundle is None:
        raise UserError("there is no bundle", hint="run a stage pack_model before upload_model")
    open_bundle(bundle)
    what = Upload(
        directory=bundle,
        repo=settings["hf_repo"],
        repo_type="model",
        private=settings["private"],
        update=settings["update"],
        delete_patterns=tuple(settings["delete_patterns"]),
        message=f"Upload {context.recipe} {context.exp_tag}",
    )
    return run_upload(context, what, dry_run=settings["dry_run"])
