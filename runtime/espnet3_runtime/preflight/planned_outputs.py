"""Outputs of stages that have not run: their paths are known, the files are not there."""

import os
import re
from pathlib import Path
from typing import Any

from espnet3_runtime.build.late_values import lookup, resolve_references
from espnet3_runtime.build.lock import Build
from espnet3_runtime.config import ConfigView, iter_leaves
from espnet3_runtime.errors import UserError, exception_chain
from espnet3_runtime.incremental.held_code import read_code
from espnet3_runtime.preflight.origin.code_place import recipe_files
from espnet3_schemas.late_values import StageOutput


class PlannedOutputs:
    """Fills in late values, and knows which paths the stages will make.

    Args:
        build: The compiled recipe.
        makes_files: Whether code of the recipe will run that may write anywhere.
    """

    def __init__(self, build: Build, *, makes_files: bool) -> None:
        self._build, self._makes_files = build, makes_files
        named = [output.path for stage in build.stages for output in stage.outputs.values()]
        self._made = tuple({_real(build, path) for path in (build.exp_dir, build.data_dir, *named)})
        folders = [re.escape(path.rstrip("/")) for path in (build.exp_dir, build.data_dir)]
        start = rf"(?:{re.escape(str(build.recipe_dir))}/)?"
        path = rf"{start}(?:{'|'.join(folders)})(?![\w.-])"
        self._named = re.compile(rf"(?<![\w./]){path}")
        self._quoted = re.compile(rf"[\"'](?:\./)?{path}".encode())

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
            if named or (absent and self._makes_files) or (name and self._is_missing(name)):
                return "it may need what a stage makes"
        return "its code names what a stage makes" if self._reads_outputs(error) else ""

    def _reads_outputs(self, error: BaseException) -> bool:
        """Say whether code that an exception went through may be waiting for a stage."""
        raised = next(
            (one for one in exception_chain(error) if not isinstance(one, UserError)), None
        )
        if raised is None or isinstance(raised, ImportError | SyntaxError | NameError):
            return False
        files = recipe_files(raised, self._build.recipe_dir)
        return any(self._quoted.search(read_code(Path(file))) for file in files)

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
