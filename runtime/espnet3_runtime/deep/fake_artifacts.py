"""Small files that replace what earlier stages will have written when a stage runs."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from espnet3_runtime.build.late_values import lookup, resolve_references
from espnet3_runtime.config import ConfigView
from espnet3_runtime.data.tokens import EXTRA
from espnet3_runtime.errors import UserError
from espnet3_runtime.preflight.protocol import UnprobedError
from espnet3_runtime.preflight.request import Request
from espnet3_schemas.build_records import Stage
from espnet3_schemas.late_values import StageOutput

ABSENT = ".absent-until-its-stage-ran"
"""Folder of outputs that cannot be replaced: it is never made."""

_FILES = {
    "tokenizer_model": "tokenizer.model",
    "token_list": "tokens.txt",
    "train_text": "train.txt",
}
Maker = Callable[[Stage], Path]


@dataclass(frozen=True)
class InferredItems:
    """What an ``infer`` stage gave for items of the recipe's data.

    Attributes:
        samples: ``(utt_id, sample)`` pairs of the data set, unchanged.
        results: The outputs of each.
        by_value: Outputs that become files although the config does not say so.
        has_more_columns: Whether the data set may have columns that are no fields of an item.
    """

    samples: Sequence[tuple[str, Mapping[str, Any]]]
    results: Sequence[Mapping[str, Any]]
    by_value: frozenset[str]
    has_more_columns: bool


class FakeArtifacts:
    """Gives a file for every output of a stage: a small one of the right form, or the real one.

    A tokenizer of an earlier run is used when it has the configured size; statistics of features
    are always computed anew.
    """

    def __init__(self, request: Request, folder: Path) -> None:
        self._request, self.folder = request, folder
        self.inferred: dict[str, InferredItems] = {}
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
            plain = resolve_references(view.plain(), self._request.late, values, view.where)
        except UserError as error:
            raise UnprobedError(error.message) from error
        return ConfigView(plain, view.where)

    def are_missing(self, node: Any) -> bool:
        """Return that no file is missing: each is replaced."""
        del node
        return False

    def path(self, output: StageOutput, where: str) -> str:
        """Return the file that replaces an output of a stage."""
        key = (output.stage, output.output)
        shown = f"${{stages.{output.stage}.{output.output}}}"
        if key in self._open:
            raise UnprobedError(f"{where}: {shown} depends on itself")
        if key not in self._made:
            self._open.add(key)
            try:
                self._made[key] = self._make(output, shown)
            except UnprobedError:
                if ".data_src_args" not in where and ".builder_args" not in where:
                    raise  # without data, items are made up
                return str(self.folder / ABSENT / output.stage / output.output)
            finally:
                self._open.discard(key)
        return self._made[key]

    def _make(self, output: StageOutput, shown: str) -> str:
        stage = self._request.stage(output.stage)
        made = stage.outputs.get(output.output) if stage else None
        if stage is None or made is None:
            raise UnprobedError(f"{shown} is not known")
        maker = self.makers.get((str(stage.run), output.output))
        if maker is not None:
            return str(maker(stage))
        path = self._request.recipe_dir / made.path
        if path.exists():
            return str(path)
        raise UnprobedError(f"{shown} does not exist yet, and nothing can replace it")


class FakeTokenizers:
    """Makes tokenizer.model, tokens.txt and train.txt for train_tokenizer stages."""

    def __init__(self, request: Request, folder: Path) -> None:
        self._request, self._folder = request, folder
        self._folders: dict[str, Path] = {}

    def makers(self) -> dict[tuple[str, str], Maker]:
        """Return a maker for each output."""
        return {("train_tokenizer", output): partial(self._file, output) for output in _FILES}

    def _file(self, output: str, stage: Stage) -> Path:
        return self._directory(stage) / _FILES[output]

    def settings(self, stage: Stage) -> ConfigView:
        """Return the ``tokenizer`` block of a stage."""
        config = self._request.configs.get(stage.configs.get("training", ""), ConfigView({}))
        block = config.get("tokenizer")
        if not isinstance(block, ConfigView) or not isinstance(block.get("vocab_size"), int):
            raise UnprobedError(f'the stage "{stage.name}" has no tokenizer settings')
        return block

    def _directory(self, stage: Stage) -> Path:
        block = self.settings(stage)
        key = f"{stage.name}-{block['vocab_size']}"
        if key not in self._folders:
            self._folders[key] = self._earlier(stage, block) or self._make(key, block)
        return self._folders[key]

    def words(self, stage: Stage) -> str:
        """Return a text with the first and the last token that is a piece."""
        from espnet3_runtime.data.tokens import Tokenizer

        tokenizer = Tokenizer(self._file("tokenizer_model", stage))
        return tokenizer.decode([2, min(3, len(tokenizer) - 2), len(tokenizer) - 2])

    def _earlier(self, stage: Stage, block: ConfigView) -> Path | None:
        from espnet3_runtime.data.tokens import Tokenizer

        try:
            import sentencepiece  # noqa: F401
        except ImportError as error:
            raise UnprobedError("tokenizers: sentencepiece is not installed") from error
        path = self._request.recipe_dir / stage.outputs["tokenizer_model"].path
        folder = path.parent
        if not all((folder / name).is_file() for name in _FILES.values()):
            return None
        try:
            return folder if len(Tokenizer(path)) == block["vocab_size"] else None
        except (OSError, RuntimeError, ValueError):
            return None

    def _make(self, key: str, block: ConfigView) -> Path:
        from espnet3_runtime.stages.train_tokenizer import train_model

        size = block["vocab_size"]
        symbols = block["user_defined_symbols"]
        count = size - EXTRA - len(symbols)
        if count < 1:
            raise UnprobedError(f"a tokenizer of {size} tokens cannot be made up")
        folder = self._folder / key
        folder.mkdir(exist_ok=True)
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
