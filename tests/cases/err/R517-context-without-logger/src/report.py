"""A stage of the recipe."""

from pathlib import Path


def summarise(path, context):
    Path(path).write_text("done")
    context.logger.info("done")
