"""Lines that were copied, and of which a part was left as it was."""

import pytest

from tests.compiler.checks.checks_kit import CONFIGS, HEAD

METRIC = "{_target_: espnet3_runtime.metrics.wer.WER}"
CLEAN = "{name: clean, data_src_args: {split: clean}}"


@pytest.mark.parametrize(
    ("other", "found"),
    [
        ("{name: other, data_src_args: {split: clean}}", [("R812", "clean")]),
        ("{name: other, data_src_args: {split: other}}", []),
        ("{name: other, data_src_args: {split: clean, speed: 0.9}}", []),
        ("{name: other, data_src: src.more, data_src_args: {split: clean}}", []),
        ("{name: other}, {name: third}", []),
    ],
)
def test_two_test_sets_read_different_data(check, other, found):
    sets = CONFIGS.replace("{name: dev}", f"{CLEAN}, {other}")
    more = {"src/more.py": "class Dataset:\n    def __init__(self, split): ...\n"}
    found_here = check(f"{HEAD}{sets}stages: [train, infer]\n", more)
    assert [one for one in found_here if one[0] == "R812"] == found


@pytest.mark.parametrize(
    ("inputs", "found"),
    [
        ("{ref: text, hyp: 'dataset:text'}", [("R430", "text")]),
        ("{references: text, predictions: 'dataset:words'}", [("R430", "text")]),
        ("{ref: 'dataset:text', hyp: text}", []),
        ("{a: text, b: 'dataset:text'}", []),
        ("{ref: text, hyp: 'dataset:old_hyp'}", []),
        ("{ref: 'dataset:text', hyp: text, target: 'dataset:words'}", []),
    ],
)
def test_reference_and_hypothesis_are_not_exchanged(check, inputs, found):
    metrics = f"  metrics: {{metrics: [{{metric: {METRIC}, inputs: {inputs}}}]}}\n"
    found_here = check(f"{HEAD}{CONFIGS}{metrics}stages: [train, infer, measure]\n")
    assert [one for one in found_here if one[0] == "R430"] == found


@pytest.mark.parametrize(
    ("second", "found"),
    [
        (f"{{name: cer, metric: {METRIC}, inputs: {{hyp: text, ref: 'dataset:text'}}}}", True),
        (f"{{name: cer, metric: {METRIC}, inputs: {{ref: 'dataset:words', hyp: text}}}}", False),
    ],
)
def test_two_metrics_compute_something_else(check, second, found):
    first = f"{{name: wer, metric: {METRIC}, inputs: {{ref: 'dataset:text', hyp: text}}}}"
    metrics = f"  metrics: {{metrics: [{first}, {second}]}}\n"
    found_here = check(f"{HEAD}{CONFIGS}{metrics}stages: [train, infer, measure]\n")
    assert [one[0] for one in found_here] == (["R812"] if found else [])
