"""Outputs of stages that have not run: their paths are known, the files are not there."""

import os
import re
from pathlib import Path
from typing import Any

from espnet3_runtime.build.late_values import lookup, resolve_references
from espnet3_runtime.build.lock import Build
from espnet3_runtime.config import ConfigView, iter_leaves
from espnet3_runtime.errors import exception_chain
from espnet3_schemas.build_records import Stage
from espnet3_schemas.late_values import StageOutput


class PlannedOutputs:
    """Fills in late values, and knows which paths the stages will make.

    Args:
        build: The compiled recipe.
        stages: The stages that will run.
    """

    def __init__(self, build: Build, stages: tuple[Stage, ...]) -> None:
        self._build = build
        self._calls = any(stage.call for stage in stages)
        named = [output.path for stage in build.stages for output in stage.outputs.values()]
        self._made = tuple({_real(build, path) for path in (build.exp_dir, build.data_dir, *named)})
        folders = [re.escape(path.rstrip("/")) for path in (build.exp_dir, build.data_dir)]
        start = rf"(?<![\w./])(?:{re.escape(str(build.recipe_dir))}/)?"
        self._named = re.compile(rf"{start}(?:{'|'.join(folders)})(?![\w.-])")

    def resolve_view(self, view: ConfigView) -> ConfigView:
        """Return a config or node with its late values filled in.

        Raises:
            UserError: An environment variable without default is not set.
        """
        values = lookup(self._output_path, os.environ)
        plain = resolve_references(view.plain(), self._build.late, values, view.where)
        return ConfigView(plain, view.where)

    def are_missing(self, node: Any) -> bool:
        """Return whether a node names a path that a stage has still to make."""
        return any(
            isinstance(leaf, str) and self._is_missing(leaf) for _, leaf in iter_leaves(node)
        )

    def excuse(self, error: BaseException) -> str:
        """Return why an exception only tells that stages have still to run; otherwise nothing."""
        for link in exception_chain(error):
            absent = isinstance(link, FileNotFoundError)
            name = str(link.filename or "") if isinstance(link, OSError) else ""
            named = self._named.search(str(link)) and not isinstance(link, ImportError)
            if named or (absent and self._calls) or (name and self._is_missing(name)):
                return "it may need what a stage makes"
        return ""

    def _output_path(self, reference: StageOutput, where: str) -> str:
        del where
        stage = self._build.stage(reference.stage)
        made = stage.outputs.get(reference.output)
        return str(self._build.directory_of(stage)) if made is None else made.path

    def _is_missing(self, text: str) -> bool:
        if not text or "\0" in text or os.path.lexists(self._build.recipe_dir / text):
            return False
        path = _real(self._build, text)
        return any(path == made or made in path.parents for made in self._made)


def _real(build: Build, path: str) -> Path:
    return Path(os.path.realpath(build.recipe_dir / path))
