"""The stage ``upload_model``: the bundle goes to the Hugging Face hub."""

from espnet3_runtime.errors import UserError
from espnet3_runtime.publication.bundle import open_bundle
from espnet3_runtime.publication.hub import Upload, run_upload
from espnet3_runtime.stage import Outputs, StageContext


def upload_model(context: StageContext) -> Outputs:
    """Upload the bundle; with ``dry_run``, only show the files.

    Raises:
        UserError: There is no bundle or no destination, or the hub refuses.
    """
    config = context.configs["publication"]
    settings = config["upload_model"]
    if settings is None:
        hint = "write upload_model: {hf_repo: <owner>/<name>}"
        where = f"{config.where}.upload_model"
        raise UserError("there is no destination", where=where, hint=hint)
    bundle = context.find("pack_model", "bundle")
    if bundle is None:
        raise UserError("there is no bundle", hint="run a stage pack_model before upload_model")
    open_bundle(bundle)
    upload = Upload(
        directory=bundle,
        repo=settings["hf_repo"],
        repo_type="model",
        private=settings["private"],
        update=settings["update"],
        delete_patterns=tuple(settings["delete_patterns"]),
        message=f"Upload {context.recipe} {context.exp_tag}",
    )
    return run_upload(context, upload, dry_run=settings["dry_run"])
