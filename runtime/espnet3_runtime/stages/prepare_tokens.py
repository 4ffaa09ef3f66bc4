"""The stage ``prepare_tokens``: the symbols that are spoken, and how words are pronounced."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

from espnet3_runtime.atomic import write_json, write_text
from espnet3_runtime.config import ConfigView
from espnet3_runtime.data.dataset_entries import DatasetDirectories
from espnet3_runtime.data.preprocess import split_symbols
from espnet3_runtime.data.split_dataset import SplitDataset, load_split
from espnet3_runtime.data.texts import read_texts
from espnet3_runtime.errors import UserError
from espnet3_runtime.stage import Outputs, StageContext


def prepare_tokens(context: StageContext) -> Outputs:
    """List the symbols of the training entries, and the most frequent symbols of each word.

    Outputs:
        token_list: One symbol a line, by the alphabet; the line, from 0, is its index.
        lexicon: ``WORD<tab>SYMBOLS`` of each word in small letters, where ``tokens.text`` names
            the words.
        counts: How often each symbol occurs, as JSON.

    Raises:
        UserError: The items have no symbols, or other words than the field of the words.
    """
    training = context.configs["training"]
    settings = training["tokens"]
    directories = DatasetDirectories(context.recipe_dir, context.data_dir)
    split = load_split(training["dataset"], "train", directories, preprocess=False)
    counts: Counter[str] = Counter()
    spoken: defaultdict[str, Counter[str]] = defaultdict(Counter)
    with context.progress("reading tokens", total=len(split)) as bar:
        for symbols, text in _read_pairs(split, settings):
            words = split_symbols(symbols, settings["split"], settings["boundary"])
            counts.update(symbol for word in words for symbol in word)
            for word, said in _pronounced(text, words, settings):
                spoken[word][" ".join(said)] += 1
            bar.advance()
    if not counts:
        raise UserError("the training data have no symbols", where=f"{settings.where}.field")
    names = sorted(counts)
    write_text(context.outputs["token_list"], "".join(f"{name}\n" for name in names))
    write_text(context.outputs["lexicon"], _format_lexicon(spoken))
    write_json(context.outputs["counts"], counts)
    context.result("tokens", len(names))
    if spoken:
        context.result("words", len(spoken))
    for word, ways in spoken.items():
        if len(ways) > 1:
            context.log.info("%s is pronounced in %d ways: %s", word, len(ways), dict(ways))
    return {name: context.outputs[name] for name in ("token_list", "lexicon", "counts")}


def _read_pairs(split: SplitDataset, settings: ConfigView) -> Iterator[tuple[str, str | None]]:
    symbols = read_texts(split, settings["field"])
    if settings["text"] is None:
        yield from ((one, None) for one in symbols)
    else:
        yield from zip(symbols, read_texts(split, settings["text"]), strict=True)


def _pronounced(
    text: str | None, words: list[list[str]], settings: ConfigView
) -> Iterator[tuple[str, list[str]]]:
    """Yield each word of a text with its symbols; what ``tokens.pause`` names is no word."""
    if text is None:
        return
    said = [word for word in words if word and word != [settings["pause"]]]
    written = text.lower().split()
    if len(said) != len(written):
        raise UserError(
            f'"{text}" has {len(written)} words, and its symbols have {len(said)}',
            where=f"{settings.where}.text",
            hint=f'words of the symbols are separated by "{settings["boundary"]}"',
        )
    yield from zip(written, said, strict=True)


def _format_lexicon(spoken: Mapping[str, Counter[str]]) -> str:
    best = {word: ways.most_common(1)[0][0] for word, ways in spoken.items()}
    return "".join(f"{word}\t{best[word]}\n" for word in sorted(best))
