"""The tokenizer that ``train_tokenizer`` makes: its text, its size and its symbols.

Passes: ``tokenizer: {vocab_size: 500}``; ``{vocab_size: 500, user_defined_symbols: [<noise>]}``.
Fails: ``train_file`` beside ``text_builder``; a ``vocab_size`` below the number of
``user_defined_symbols``; one of 5 for ``model_type: char``; a symbol twice, or ``<unk>``.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.stage_graph.stage_inputs import certain_config
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location, written_entry
from espnet3_compiler.syntax.tree import Mapping, Scalar, Sequence

_UNKNOWN = "<unk>"
_EXTRA = 3
"""Tokens of every list that the text does not give: blank, unknown, start and end of sentence."""
_LEAST_PIECES = 3
"""Of single letters: two letters, and the mark before a word."""

_OF_CHARACTERS = ("unigram", "bpe")
"""Kinds that have a piece for every character, of which a text has at least one."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R605 for its size, R415 for symbols, R809 for a text without effect."""
    found: list[Diagnostic] = []
    for stage in stages_of_kind("train_tokenizer", recipe):
        config = certain_config(stage, "training", resolved)
        block = config.get("tokenizer") if config else None
        if isinstance(block, Mapping):
            found += _check_text(block)
            found += _check_symbols(block)
            found += _check_size(block)
    yield from first_per_location(found)


def _check_text(block: Mapping) -> Iterator[Diagnostic]:
    """Report a text that another one replaces."""
    file, builder = (written_entry(block, name) for name in ("train_file", "text_builder"))
    if file and builder:
        yield value_finding(
            "R809",
            "text_builder has no effect beside train_file",
            builder.key,
            "no effect",
            related=(Label(use_location(file.key), "the text is read from here"),),
            advice=("remove one of them",),
        )


def _check_symbols(block: Mapping) -> Iterator[Diagnostic]:
    first: dict[str, Scalar] = {}
    for item in _symbols(block):
        if item.value == _UNKNOWN:
            yield value_finding(
                "R415",
                f'"{_UNKNOWN}" is a token of every tokenizer, and user_defined_symbols names it',
                item,
                "already defined",
                advice=("remove it",),
            )
        elif str(item.value) in first:
            yield value_finding(
                "R415",
                f'user_defined_symbols has "{item.value}" twice',
                item,
                "already defined",
                related=(Label(use_location(first[str(item.value)]), "defined here"),),
                advice=("remove one of them",),
            )
        first.setdefault(str(item.value), item)


def _check_size(block: Mapping) -> Iterator[Diagnostic]:
    size, kind = block.get("vocab_size"), block.get("model_type")
    if not isinstance(size, Scalar) or not isinstance(size.value, int):
        return
    of_characters = isinstance(kind, Scalar) and kind.value in _OF_CHARACTERS
    single = isinstance(kind, Scalar) and kind.value == "char"
    count = len({item.value for item in _symbols(block)} - {_UNKNOWN})
    least = _EXTRA + count + of_characters
    if size.value < least:
        beside = " and the symbols of user_defined_symbols" if count else ""
        yield value_finding(
            "R605",
            f"vocab_size is {size.value}: <blank>, <unk>, <sos/eos>{beside} leave no piece for "
            "the text",
            size,
            f"expected at least {least}",
            advice=(f"write {least} or more; some hundreds to thousands are usual",),
        )
    elif single and not count and size.value < _EXTRA + _LEAST_PIECES:
        yield _few_letters(size)


def _few_letters(size: Scalar) -> Diagnostic:
    """Return the finding about pieces of single letters that leave no two letters."""
    rest = int(str(size.value)) - _EXTRA
    return value_finding(
        "R605",
        f"vocab_size is {size.value}: beside <blank>, <unk>, <sos/eos> it leaves "
        f"{rest} piece{'s' * (rest != 1)} for the letters and the mark of a word, and all other "
        "letters become <unk>",
        size,
        f"expected at least {_EXTRA + _LEAST_PIECES}",
        advice=(f"write the number of different letters and {_EXTRA + 1} more",),
    )


def _symbols(block: Mapping) -> list[Scalar]:
    node = block.get("user_defined_symbols")
    items = node.items if isinstance(node, Sequence) else ()
    texts = [item for item in items if isinstance(item, Scalar) and isinstance(item.value, str)]
    return [item for item in texts if "$" not in str(item.value)]
