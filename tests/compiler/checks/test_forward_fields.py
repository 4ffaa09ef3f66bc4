"""What ``forward`` of a model needs, against the fields of its data."""

import pytest

from tests.compiler.checks.methods_kit import DATA, INFER, MODEL, TRAIN, runner


@pytest.mark.parametrize(
    ("arguments", "codes"),
    [
        ("speech, speech_lengths, text, text_lengths, label, count", []),
        ("speech, speech_lengths, text, text_lengths, label", ["R431"]),
        ("speech, more=None, **others", []),
        ("*, speech, label, count", []),
        ("speech, label_lengths", ["R431"]),
        ("speech, count, count_lengths", ["R431"]),
        ("speech, label, count, count_lengths=None", []),
        ("feats", ["R431"]),
        ("feats_lengths, speech", ["R431"]),
    ],
)
def test_arguments_of_forward(found, arguments, codes):
    item = """{"speech": self.read(index), "text": f(), "label": label, "count": 2}"""
    data = DATA.replace('return {"speech": index, "text": ""}', f"label = len('a'); return {item}")
    model = MODEL.replace("speech, speech_lengths=None", arguments)
    assert [code for code, _ in found(data=data, model=model)] == codes


@pytest.mark.parametrize(
    "label",
    [
        "label = index",
        "label = np.array([1])",
        "label = 1\n        label = [label]",
        "label: int = f()",
    ],
)
def test_what_may_have_lengths(found, label):
    data = DATA.replace("return {", f"\n        {label}\n        return {{'label': label, ")
    model = MODEL.replace("speech_lengths=None", "label_lengths")
    assert found(data=data, model=model) == []


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        ("return {**sample, 'label': 3}", ["R431"]),
        ("return {'label': 3, **sample}", []),
        ("return {k: [v] for k, v in sample.items()}", []),
        ("return {**sample, 'label': [3]}", []),
    ],
)
def test_a_preprocessor_makes_numbers(found, change, codes):
    text = TRAIN.replace("dataset: {", "dataset: {preprocessor: {_target_: src.prepare.Prepare}, ")
    code = f"class Prepare:\n    def __call__(self, sample): {change}\n"
    model = MODEL.replace("speech_lengths=None", "label_lengths")
    data = DATA.replace('"text": ""', '"label": self.label')
    assert [code for code, _ in found(text, prepare=code, model=model, data=data)] == codes


VALIDATED = """\
configs:
  training:
    dataset:
      train: [{data_src_args: {split: t}}]
      valid: [{data_src_args: {split: v}}]
      preprocessor:
        train: {_target_: src.prepare.Prepare, tokens: "${stages.train_tokenizer.token_list}"}
    tokenizer: {vocab_size: 9}
stages: [train_tokenizer, train]
"""


@pytest.mark.parametrize(
    ("old", "new", "codes"),
    [
        ("", "", ["R431"]),
        ("    tokenizer: {", "    trainer: {limit_val_batches: 0}\n    tokenizer: {", []),
        ("      valid: [{data_src_args: {split: v}}]\n", "", []),
        ("split: v}", "split: v}, transform: {_target_: src.prepare.Prepare, tokens: a}", []),
        ("      preprocessor:\n        train: ", "      preprocessor: ", []),
        (
            "preprocessor:",
            "preprocessor:\n        valid: {_target_: src.prepare.Prepare, tokens: a}",
            [],
        ),
        ("${stages.train_tokenizer.token_list}", "a", ["R431"]),
        (
            "    tokenizer: {",
            "    dataloader: {collate_fn: {_target_: src.prepare.Pad}}\n    tokenizer: {",
            [],
        ),
    ],
)
def test_a_preprocessor_of_training_alone(found, old, new, codes):
    code = "class Prepare:\n    def __init__(self, tokens): ...\n"
    code += "    def __call__(self, sample): return {**sample, 'text': [3]}\n"
    code += "class Pad:\n    def __call__(self, items): return [], {}\n"
    model = MODEL.replace("speech_lengths=None", "text")
    text = VALIDATED.replace(old, new)
    assert [one for one, _ in found(text, prepare=code, model=model)] == codes


def test_a_field_that_a_config_misses_too_is_told_once(found):
    model = MODEL.replace("speech, speech_lengths=None", "feats")
    run = runner("def __call__(self, model, feats, **_): return [{'text': ''}]")
    text = INFER.replace("input_key: speech", "input_key: feats")
    assert found(text, model=model, decode=run) == [("R422", "feats")]
