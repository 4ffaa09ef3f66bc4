"""Try a ``train_tokenizer`` stage: its tokenizer, trained on few texts in a temporary folder."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from espnet3_runtime.config import ConfigView
from espnet3_runtime.data.dataset_entries import DatasetDirectories, read_entries
from espnet3_runtime.data.split_dataset import load_split
from espnet3_runtime.data.texts import gives_texts, read_texts
from espnet3_runtime.data.tokens import Tokenizer
from espnet3_runtime.deep.items.samples import is_ready
from espnet3_runtime.deep.stage_probe import StageProbe
from espnet3_runtime.errors import UserError
from espnet3_runtime.preflight.origin.error_origin import FAILURES
from espnet3_runtime.preflight.protocol import UnprobedError
from espnet3_runtime.stages.train_tokenizer import train_model

_LINES, _LETTERS = 20_000, 4_000_000
"""More take SentencePiece longer than some seconds, and nothing can stop it."""

_FEW = 0.02  # of a text, whose rare characters a small vocabulary leaves out
_SPACE = "▁"
_ITEMS = 200
"""Items that are read with their audio."""


def probe_tokenizer(probe: StageProbe) -> None:
    """Report R924 for a ``vocab_size`` that the texts do not give.

    Raises:
        UnprobedError: A value of the config cannot be known here.
    """
    config = probe.request.configs.get(probe.stage.configs.get("training", ""), ConfigView({}))
    block, dataset = config.get("tokenizer"), config.get("dataset")
    if not isinstance(block, ConfigView) or not isinstance(dataset, ConfigView):
        return
    if block["text_builder"] is not None:
        return
    block = probe.artifacts.resolve_view(block)
    lines = _few_lines(probe, dataset, block)
    if lines:
        probe.answers.step(probe.locate(f"{block.where}.vocab_size"), "training the tokenizer")
        try:
            _train(lines, block)
        except UserError as error:
            location = probe.locate(error.where or block.where)
            hint = [error.hint] if error.hint else []
            probe.answers.report_finding("R924", location, error.message, help_=hint)


def _train(lines: list[str], block: ConfigView) -> None:
    with TemporaryDirectory() as folder:
        text, model = Path(folder) / "train.txt", Path(folder) / "tokenizer.model"
        text.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        model.write_bytes(train_model(text, block)[0])
        if block["model_type"] == "char" and block["character_coverage"] == 1:
            _require_characters(Tokenizer(model), lines, block)


def _require_characters(tokenizer: Tokenizer, lines: list[str], block: ConfigView) -> None:
    """Refuse a tokenizer of characters that lacks many: SentencePiece keeps the most frequent."""
    spelling = tokenizer.spell(lines)
    if spelling.lost > _FEW * spelling.tokens:
        least = len(tokenizer) + len(spelling.unknown) + (_SPACE not in tokenizer.tokens)
        raise UserError(
            f"vocab_size {len(tokenizer)} leaves out {len(spelling.unknown)} characters of the "
            f"text: {100 * spelling.lost / spelling.tokens:.2g} % of it would be <unk>",
            where=f"{block.where}.vocab_size",
            hint=f"{least} holds all of them, with <blank>, <unk> and <sos/eos>",
        )


def _few_lines(probe: StageProbe, dataset: ConfigView, block: ConfigView) -> list[str]:
    """Return the lines of text that the tokenizer is trained on; none where they are not there.

    What the data do wrong is reported where ``train`` reads them.

    Args:
        probe: The stage.
        dataset: The data sets; the tokenizer itself is part of their preprocessor.
        block: The settings of the tokenizer.

    Raises:
        UnprobedError: There are many.
    """
    try:
        texts = (
            _read_file(probe, block) if block["train_file"] else _read_data(probe, dataset, block)
        )
        lines = list(islice(filter(None, texts), _LINES + 1))
    except UnprobedError:
        raise
    except FAILURES:
        return []
    if len(lines) > _LINES or sum(map(len, lines)) > _LETTERS:
        raise _much_text(probe)
    return lines


def _read_file(probe: StageProbe, block: ConfigView) -> Iterator[str]:
    with (probe.request.recipe_dir / block["train_file"]).open(encoding="utf-8") as file:
        yield from map(str.strip, file)


def _read_data(probe: StageProbe, dataset: ConfigView, block: ConfigView) -> Iterator[str]:
    raw = ConfigView({**dataset.plain(), "preprocessor": None}, dataset.where)
    bound = probe.artifacts.resolve_view(raw)
    folders = DatasetDirectories(probe.request.recipe_dir, probe.request.data_dir)
    entries = read_entries(bound, "train")
    if not entries or False in [is_ready(probe, entry, folders) for entry in entries]:
        return iter(())
    probe.answers.step(probe.locate(entries[0].where), "reading the texts")
    split = load_split(bound, "train", folders, preprocess=False)
    if len(split) > (_LINES if gives_texts(split, block["field"]) else _ITEMS):
        raise _much_text(probe)
    return read_texts(split, block["field"])


def _much_text(probe: StageProbe) -> UnprobedError:
    return UnprobedError(f'the stage "{probe.stage.name}": there is much text, no tokenizer tried')
