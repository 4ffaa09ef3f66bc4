"""What both upload stages do with a directory that is ready to go."""

from espnet3_runtime.atomic import write_json
from espnet3_runtime.publication.hub import Upload, upload
from espnet3_runtime.stage import Outputs, StageContext


def send(context: StageContext, what: Upload, *, dry_run: bool) -> Outputs:
    """Upload a directory, or only show what would go; write ``upload.json``.

    Args:
        context: The stage's context.
        what: The directory and the place on the hub.
        dry_run: Whether to show only what would go.

    Raises:
        UserError: The hub refuses or cannot be reached.
    """
    receipt = context.directory / "upload.json"
    if dry_run:
        print(f"dry run, nothing is uploaded: {what.describe()}")
        write_json(receipt, {"schema_version": 1, "dry_run": True, "files": what.files()})
        context.result("uploaded", "nothing (dry run)")
    else:
        done = upload(what)
        write_json(receipt, done)
        context.result("uploaded", done["url"])
    return {"receipt": receipt}
