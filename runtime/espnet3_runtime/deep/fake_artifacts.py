"""Stand-ins for what earlier stages will have written when a stage runs."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from espnet3_runtime.build.late_values import lookup, resolve_references
from espnet3_runtime.config import ConfigView
from espnet3_runtime.data.tokens import EXTRA
from espnet3_runtime.deep.protocol import UnprobedError
from espnet3_runtime.deep.request import PlannedStage, Request
from espnet3_runtime.errors import UserError
from espnet3_schemas.late_values import StageOutput

ABSENT = ".absent-until-its-stage-ran"
"""Folder of what nothing can stand in for: it is never made."""

LEAST_VOCABULARY = EXTRA + 1
Maker = Callable[[PlannedStage], Path]


class FakeArtifacts:
    """Gives a file for every output of a stage: a small one of the right form, or the real one.

    A tokenizer of an earlier run is used when it has the configured size; statistics of features
    are always made anew, from what the extractor gives now.

    Args:
        request: The request.
        folder: Where stand-ins are written.
    """

    def __init__(self, request: Request, folder: Path) -> None:
        self.request = request
        self.folder = folder
        self.makers: dict[tuple[str, str], Maker] = {}
        self._made: dict[tuple[str, str], str] = {}
        self._open: set[tuple[str, str]] = set()

    def resolve_view(self, view: ConfigView) -> ConfigView:
        """Return a config or node with its late values filled in.

        Raises:
            UnprobedError: One of them cannot be known here.
        """
        try:
            values = lookup(self.path, os.environ)
            plain = resolve_references(view.plain(), self.request.late, values, view.where)
        except UserError as error:
            raise UnprobedError(error.message) from error
        return ConfigView(plain, view.where)

    def path(self, output: StageOutput, where: str) -> str:
        """Return the file that stands in for an output of a stage."""
        key = (output.stage, output.output)
        shown = f"${{stages.{output.stage}.{output.output}}}"
        if key in self._open:
            raise UnprobedError(f"{where}: {shown} depends on itself")
        if key not in self._made:
            self._open.add(key)
            try:
                self._made[key] = self._make(output, shown)
            except UnprobedError:
                if not _is_of_data(where):
                    raise
                return str(self.folder / ABSENT / output.stage / output.output)
            finally:
                self._open.discard(key)
        return self._made[key]

    def _make(self, output: StageOutput, shown: str) -> str:
        stage = self.request.stage(output.stage)
        made = stage.outputs.get(output.output) if stage else None
        if stage is None or made is None:
            raise UnprobedError(f"{shown} is not known")
        maker = self.makers.get((str(stage.run), output.output))
        if maker is not None:
            return str(maker(stage))
        path = self.request.recipe_dir / made[0]
        if path.exists():
            return str(path)
        raise UnprobedError(f"{shown} does not exist yet, and nothing can stand in for it")


def _is_of_data(where: str) -> bool:
    """Return whether a key path is one of the data: without them, items are made up."""
    return ".data_src_args" in where or ".builder_args" in where


class FakeTokenizers:
    """Makes tokenizer.model, tokens.txt and train.txt for train_tokenizer stages."""

    def __init__(self, request: Request, folder: Path) -> None:
        self.request = request
        self.folder = folder
        self._folders: dict[str, Path] = {}

    def makers(self) -> dict[tuple[str, str], Maker]:
        """Return a maker for each output."""
        return {
            ("train_tokenizer", "tokenizer_model"): lambda stage: (
                self.of(stage) / "tokenizer.model"
            ),
            ("train_tokenizer", "token_list"): lambda stage: self.of(stage) / "tokens.txt",
            ("train_tokenizer", "train_text"): lambda stage: self.of(stage) / "train.txt",
        }

    def settings(self, stage: PlannedStage) -> ConfigView:
        """Return the ``tokenizer`` block of a stage."""
        config = self.request.configs.get(stage.configs.get("training", ""), ConfigView({}))
        block = config.get("tokenizer")
        if not isinstance(block, ConfigView) or not isinstance(block.get("vocab_size"), int):
            raise UnprobedError(f'the stage "{stage.name}" has no tokenizer settings')
        return block

    def of(self, stage: PlannedStage) -> Path:
        """Return a directory with the three files."""
        block = self.settings(stage)
        key = f"{stage.name}-{block['vocab_size']}"
        if key not in self._folders:
            self._folders[key] = self._real(stage, block) or self._made(key, block)
        return self._folders[key]

    def words(self, stage: PlannedStage) -> str:
        """Return a text with the first and the last token that is a piece."""
        from espnet3_runtime.data.tokens import Tokenizer

        tokenizer = Tokenizer(self.of(stage) / "tokenizer.model")
        return tokenizer.decode([2, min(3, len(tokenizer) - 2), len(tokenizer) - 2])

    def _real(self, stage: PlannedStage, block: ConfigView) -> Path | None:
        from espnet3_runtime.data.tokens import Tokenizer

        self._need_sentencepiece()
        path = self.request.recipe_dir / stage.outputs["tokenizer_model"][0]
        folder = path.parent
        if not all((folder / name).is_file() for name in _FILES):
            return None
        try:
            return folder if len(Tokenizer(path)) == block["vocab_size"] else None
        except (OSError, RuntimeError, ValueError):
            return None

    def _made(self, key: str, block: ConfigView) -> Path:
        from espnet3_runtime.stages.train_tokenizer import train_model

        size = block["vocab_size"]
        symbols = block["user_defined_symbols"]
        count = size - EXTRA - len(symbols)
        if count < 1:
            raise UnprobedError(f"a tokenizer of {size} tokens cannot be made up")
        folder = self.folder / key
        folder.mkdir()
        text = folder / "train.txt"
        # Words, whatever the model type: any number of tokens, at once.
        text.write_text("".join(f"w{number}\n" for number in range(count)), encoding="utf-8")
        settings: dict[str, Any] = {**block.plain(), "model_type": "word"}
        try:
            model, tokens = train_model(text, ConfigView(settings, block.where))
        except UserError as error:
            raise UnprobedError(f"a tokenizer cannot be made up: {error.message}") from error
        (folder / "tokenizer.model").write_bytes(model)
        (folder / "tokens.txt").write_text("".join(f"{token}\n" for token in tokens), "utf-8")
        return folder

    def _need_sentencepiece(self) -> None:
        try:
            import sentencepiece  # noqa: F401
        except ImportError as error:
            raise UnprobedError("tokenizers: sentencepiece is not installed") from error


_FILES = ("tokenizer.model", "tokens.txt", "train.txt")
