"""The lexicon of a recipe whose tokens name no text."""

import pytest

from tests.compiler.checks.checks_kit import CONFIGS, HEAD

TOKENS = "{dataset: {train: [{data_src_args: {split: train}}]}, tokens: {field: phones}}"
READ = """
    dataset:
      test: [{name: dev}]
      preprocessor:
        _target_: espnet3_runtime.data.preprocess.TextToSymbols
        token_list: ${stages.prepare_tokens.token_list}
        lexicon: LEXICON
"""
LEXICON = "${stages.prepare_tokens.lexicon}"


@pytest.mark.parametrize(
    ("lexicon", "tokens", "found"),
    [
        (LEXICON, TOKENS, ["tokens"]),
        (LEXICON, TOKENS.replace("phones", "phones, text: text"), []),
        ("null", TOKENS, []),
    ],
)
def test_a_lexicon_needs_texts(check, lexicon, tokens, found):
    head = HEAD.replace("system: asr", "system: tts")
    configs = CONFIGS.replace("{dataset: {train: [{data_src_args: {split: train}}]}}", tokens)
    read = READ.replace("LEXICON", lexicon)
    configs = configs.replace("\n    dataset: {test: [{name: dev}]}\n", read)
    text = f"{head}{configs}stages: [prepare_tokens, train, infer]\n"
    assert [place for code, place in check(text) if code == "R411"] == found
