"""Sizes of a model for the tokens of two tokenizers."""

import pytest

from tests.compiler.checks.test_tokenized_fields import CODE, RECIPE

NET = "{_target_: src.model.Net, size: 8}"
SIZES = "size: int"
FIRST, SECOND = (f"${{configs.{name}.tokenizer.vocab_size}}" for name in ("training", "other"))

FIRST_LIST, SECOND_LIST = (f'"${{stages.{name}.token_list}}"' for name in ("first", "second"))


def found_in(check, arguments: str) -> list[str]:
    """Return what is reported of a model with two arguments ``NAME: VALUE``."""
    names = [one.partition(":")[0].strip() for one in arguments.split(",")]
    code = CODE.replace(SIZES, ", ".join(names))
    recipe = RECIPE.replace(NET, f"{{_target_: src.model.Net, {arguments}}}")
    return [text for name, text in check(recipe, {"src/model.py": code}) if name == "R434"]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (f"source_size: '{FIRST}', target_size: '{SECOND}'", []),
        (f"source_size: '{SECOND}', target_size: '{FIRST}'", [FIRST]),
        (f"source_size: '{FIRST}', target_size: '{FIRST}'", [FIRST]),
        (f"source_size: '{SECOND}', target_size: '{SECOND}'", []),
        ("num_source: 20, num_target: 10", ["10"]),
        ("source_vocab_size: 20, target_vocab_size: 15", []),
        ("source_layers: 20, target_layers: 10", []),
        ("size: 20, other: 10", []),
        (f"source_tokens: {FIRST_LIST}, target_tokens: {SECOND_LIST}", []),
        (f"source_tokens: {FIRST_LIST}, target_tokens: {FIRST_LIST}", [FIRST_LIST]),
    ],
)
def test_sizes_of_two_tokenizers(check, arguments, found):
    assert found_in(check, arguments) == found
