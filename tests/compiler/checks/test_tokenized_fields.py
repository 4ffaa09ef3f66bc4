"""Tokenizers of two texts that take one another's place."""

import pytest

CODE = """\
from espnet3_runtime.data.preprocess import TextToTokens


class Two:
    def __init__(self, source, target):
        self.steps = TextToTokens(source), TextToTokens(target, field="meaning")

    def __call__(self, sample):
        for step in self.steps:
            sample = step(sample)
        return sample


class Net:
    def __init__(self, size: int): ...


class Runner:
    def __init__(self, source: str, target: str): ...

    def __call__(self, model, speech, **_): ...
"""
RECIPE = """\
version: 1
recipe: mini/st
system: asr
models:
  net: {_target_: src.model.Net, size: 8}
configs:
  training:
    dataset:
      train: [{data_src_args: {split: train}}]
      preprocessor:
        _target_: src.model.Two
        source: ${stages.first.tokenizer_model}
        target: ${stages.second.tokenizer_model}
    tokenizer: {model_type: word, vocab_size: 10}
  other: {extends: training, tokenizer: {field: meaning, vocab_size: 20}}
  inference:
    checkpoint: ${stages.train.best_checkpoint}
    dataset: {test: [{name: dev}]}
    runner:
      _target_: src.model.Runner
      source: ${stages.first.tokenizer_model}
      target: ${stages.second.tokenizer_model}
    output_keys: [text]
stages:
  - {name: first, run: train_tokenizer, config: training}
  - {name: second, run: train_tokenizer, config: other}
  - {name: train, config: training}
  - infer
"""
FIRST, SECOND = (f"${{stages.{name}.tokenizer_model}}" for name in ("first", "second"))
EXCHANGED = (f"source: {FIRST}", f"source: {SECOND}", f"target: {SECOND}", f"target: {FIRST}")


def found_in(check, recipe: str, code: str = CODE) -> list[str]:
    return [text for name, text in check(recipe, {"src/model.py": code}) if name == "R434"]


def exchanged(text: str) -> str:
    source, other_source, target, other_target = EXCHANGED
    return text.replace(source, other_source).replace(target, other_target)


def test_exchanged_tokenizers(check):
    before, runner = RECIPE.split("  inference:\n")
    pairs = [(before, runner), (exchanged(before), runner), (before, exchanged(runner))]
    found = [found_in(check, "  inference:\n".join(pair)) for pair in pairs]
    assert found == [[], [SECOND], [SECOND]]
    assert found_in(check, exchanged(RECIPE)) == [SECOND]  # both of them against their fields


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("field: meaning, ", "", ["tokenizer"]),
        ("field: meaning, ", "field: text, ", ["text"]),
        ("field: meaning, ", 'field: "${oc.env:FIELD}", ', []),
        ("field: meaning, ", "train_file: more.txt, ", []),
        ("{field: meaning, ", "{vocab_size: 20}, dataset: {train: [{data_src: more}]}}  # ", []),
        (f"target: {SECOND}", f"target: {FIRST}", []),
    ],
)
def test_fields_of_tokenizers(check, old, new, found):
    assert found_in(check, RECIPE.replace(old, new)) == found


def test_code_without_the_field(check):
    code = CODE.replace('target, field="meaning"', "target")
    assert found_in(check, RECIPE, code) == ["TextToTokens(target)"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("sample = step(sample)", 'sample = step({**sample, "meaning": sample["text"]})'),
        ("TextToTokens(target, field=", "TextToTokens(str(target), field="),
        ("        self.steps", "        target = source\n        self.steps"),
        ('field="meaning"', "field=source"),
    ],
)
def test_code_that_does_more(check, old, new):
    assert found_in(check, RECIPE.replace("field: meaning, ", ""), CODE.replace(old, new)) == []


DECODED = """
    def decode(self, ids): ...


class Other(Runner):
    def __init__(self, target: str):
        self.target = make(target)

    def __call__(self, model, speech, **_):
        return [{OUTPUT: self.target.decode(one)} for one in model(speech)]
"""
MEASURED = """\
  metrics:
    metrics: [{metric: {_target_: a.B}, inputs: {ref: "dataset:meaning", hyp: meaning}}]
stages:
"""
BOTH = f"      source: {FIRST}\n      target: {SECOND}\n"


@pytest.mark.parametrize(
    ("output", "tokenizer", "measured", "found"),
    [
        ("'meaning'", FIRST, True, [FIRST]),
        ("'meaning'", SECOND, True, []),
        ("'meaning'", FIRST, False, []),
        ("'text'", FIRST, True, []),
        ("name", FIRST, True, []),
    ],
)
def test_the_tokenizer_that_a_runner_decodes_with(check, output, tokenizer, measured, found):
    recipe = RECIPE.replace("src.model.Runner", "src.model.Other").replace("[text]", "[meaning]")
    head, _, tail = recipe.rpartition(BOTH)
    recipe = f"{head}      target: {tokenizer}\n{tail}"
    if measured:
        recipe = recipe.replace("stages:\n", MEASURED, 1) + "  - measure\n"
    assert found_in(check, recipe, CODE + DECODED.replace("OUTPUT", output)) == found
