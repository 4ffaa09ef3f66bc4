"""The stage ``train_tokenizer``: a SentencePiece tokenizer and its token list."""

import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from espnet3_runtime.atomic import atomic_file, write_bytes, write_text
from espnet3_runtime.build.instantiate import instantiate
from espnet3_runtime.config import ConfigView
from espnet3_runtime.data.dataset_entries import DatasetDirectories
from espnet3_runtime.data.split_dataset import load_split
from espnet3_runtime.data.texts import read_texts
from espnet3_runtime.data.tokens import EXTRA, Tokenizer, token_list
from espnet3_runtime.errors import UserError
from espnet3_runtime.stage import Outputs, StageContext

_ADDED = EXTRA - 1
"""Tokens of the list that SentencePiece does not count; it counts the unknown."""


def train_tokenizer(context: StageContext) -> Outputs:
    """Train the tokenizer on the text of the training entries.

    ``vocab_size`` is the number of lines of ``tokens.txt``, so it is the output size of a model; it
    counts ``<blank>``, ``<unk>`` and ``<sos/eos>``.

    Outputs:
        tokenizer_model: The SentencePiece model.
        token_list: One token a line.
        train_text: The text that it was trained on.
    """
    config = context.configs["training"]["tokenizer"]
    if config is None:
        where = f"{context.configs['training'].where}.tokenizer"
        raise UserError('the stage needs the block "tokenizer", which is null', where=where)
    text = context.outputs["train_text"]
    lines = _write_lines(text, _training_text(config, context))
    if lines == 0:
        raise UserError("there is no text to train the tokenizer on", where=config.where)
    model, tokens = train_model(text, config)
    write_bytes(context.outputs["tokenizer_model"], model)
    write_text(context.outputs["token_list"], "".join(f"{token}\n" for token in tokens))
    context.log.info("%d tokens from %d lines of text", len(tokens), lines)
    context.result("tokens", len(tokens))
    tokenizer = Tokenizer(context.outputs["tokenizer_model"])
    tokenizer.spell(_read_lines(text, config)).report(context, "the training text")
    return {name: context.outputs[name] for name in ("tokenizer_model", "token_list", "train_text")}


def train_model(text: Path, config: ConfigView) -> tuple[bytes, tuple[str, ...]]:
    """Train on a text file and return the model and its token list.

    Raises:
        UserError: The text does not give ``vocab_size`` tokens, or holds more characters.
    """
    import sentencepiece

    wanted = config["vocab_size"]
    try:
        model = _train_sentencepiece(text, config, wanted - _ADDED)
    except (RuntimeError, OSError) as error:
        raise _explain_failure(error, config) from error
    tokens = token_list(sentencepiece.SentencePieceProcessor(model_proto=model))
    if len(tokens) != wanted:
        raise UserError(
            f"vocab_size {wanted} cannot be reached: this text gives {len(tokens)} tokens",
            where=f"{config.where}.vocab_size",
            hint=f"the largest possible value is {len(tokens)}, with <blank>, <unk> and <sos/eos>",
        )
    return model, tokens


def _train_sentencepiece(text: Path, config: ConfigView, size: int) -> bytes:
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=_read_lines(text, config),
        model_writer=model,
        model_type=config["model_type"],
        vocab_size=max(size, 1),
        character_coverage=config["character_coverage"],
        user_defined_symbols=list(config["user_defined_symbols"]),
        unk_id=0,
        bos_id=-1,
        eos_id=-1,
        pad_id=-1,
        hard_vocab_limit=False,  # the size is checked afterwards, with a message of our own
        max_sentence_length=max(10, text.stat().st_size + 1),  # the default drops long lines
        num_threads=1,  # the same model every time
        minloglevel=2,
    )
    return model.getvalue()


def _explain_failure(error: Exception, config: ConfigView) -> UserError:
    where = config.where
    required = re.search(r"smaller than required_chars\. \d+ vs (\d+)", str(error))
    if required is None:
        return UserError(f"SentencePiece failed: {error}", where=where)
    least = int(required.group(1)) + _ADDED
    return UserError(
        f"vocab_size {config['vocab_size']} is smaller than the text's set of characters",
        where=f"{where}.vocab_size",
        hint=f"the smallest possible value is {least}; or lower character_coverage",
    )


def _training_text(config: ConfigView, context: StageContext) -> Iterator[str]:
    if config["train_file"] is not None:
        return _read_lines(context.recipe_dir / config["train_file"], config)
    if config["text_builder"] is not None:
        return _builder_text(instantiate(config["text_builder"]), config, context)
    return _dataset_texts(config, context)


def _dataset_texts(config: ConfigView, context: StageContext) -> Iterator[str]:
    dataset = context.configs["training"]["dataset"]
    directories = DatasetDirectories(context.recipe_dir, context.data_dir)
    split = load_split(dataset, "train", directories, preprocess=False)
    with context.progress("reading text", total=len(split)) as bar:
        for text in read_texts(split, config["field"]):
            yield text
            bar.advance()


def _builder_text(result: Any, config: ConfigView, context: StageContext) -> Iterator[str]:
    if isinstance(result, str | Path):
        return _read_lines(context.recipe_dir / result, config)
    if not isinstance(result, Iterable):
        problem = f"a path or an iterable of strings is expected, found {type(result).__name__}"
        raise UserError(problem, where=f"{config.where}.text_builder")
    return (" ".join(str(line).split()) for line in result)


def _read_lines(path: Path, config: ConfigView) -> Iterator[str]:
    if not path.is_file():
        raise UserError(f'there is no text file "{path}"', where=config.where)
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield line.strip()


def _write_lines(path: Path, lines: Iterator[str]) -> int:
    count = 0
    with atomic_file(path) as file:
        for line in filter(None, lines):
            file.write(f"{line}\n")
            count += 1
    return count
