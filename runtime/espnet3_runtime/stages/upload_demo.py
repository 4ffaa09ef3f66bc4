"""The stage ``upload_demo``: the demo becomes a Space of the Hugging Face hub."""

from espnet3_runtime.errors import UserError
from espnet3_runtime.publication.hub import Upload, run_upload
from espnet3_runtime.stage import Outputs, StageContext


def upload_demo(context: StageContext) -> Outputs:
    """Upload the demo; with ``dry_run``, only show the files.

    Raises:
        UserError: There is no demo or no destination, or the hub refuses.
    """
    config = context.configs["demo"]
    settings = config["upload_demo"]
    where = f"{config.where}.upload_demo"
    if settings is None:
        hint = "write upload_demo: {hf_repo: <owner>/<name>}"
        raise UserError("there is no destination", where=where, hint=hint)
    demo = context.find("pack_demo", "demo")
    if demo is None:
        raise UserError("there is no demo", hint="run a stage pack_demo before upload_demo")
    repo, owner = settings["hf_repo"], settings["organization"]
    if "/" in repo and owner is not None and not repo.startswith(f"{owner}/"):
        raise UserError(f'"{repo}" does not belong to "{owner}"', where=f"{where}.organization")
    upload = Upload(
        directory=demo,
        repo=repo if "/" in repo or owner is None else f"{owner}/{repo}",
        repo_type="space",
        private=settings["private"],
        update=settings["update"],
        delete_patterns=("*",),
        message=f"Upload the demo of {context.recipe} {context.exp_tag}",
    )
    return run_upload(context, upload, dry_run=settings["dry_run"])
