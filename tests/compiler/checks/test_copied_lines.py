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
        ("{ref: 'dataset:clean', est: 'dataset:a', noisy: text}", [("R430", "text")]),
        ("{ref: 'dataset:a', est: text, noisy: 'dataset:clean'}", [("R430", "'dataset:a'")]),
        ("{ref: 'dataset:clean', est: text, noisy: 'dataset:noisy'}", []),
        ("{ref: 'dataset:clean', est: 'dataset:noisy'}", []),
        ("{ref: 'dataset:clean', est: 'dataset:noisy', mixture: mix}", []),
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


PHASES = """\
configs:
  training_full: {dataset: {train: [{data_src_args: {split: train}}]}}
  training_easy: {extends: training_full, trainer: {max_epochs: 2}}
  decode: {dataset: {test: [{name: dev}]}, runner: {_target_: src.model.Net, size: 8}}
  decode_easy: {extends: decode, checkpoint: "${stages.easy.best_checkpoint}"}
  decode_full: {extends: decode, checkpoint: "${stages.full.best_checkpoint}"}
stages:
  - {name: collect_stats, config: training_full}
  - {name: easy, run: train, config: training_easy}
  - {name: full, run: train, config: training_full, init_from: easy}
  - {name: infer_easy, run: infer, config: decode_easy}
  - {name: infer_full, run: infer, config: decode_full}
"""


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("", "", []),
        ("config: training_full, init", "config: training_easy, init", ["training_easy"]),
        ("config: decode_full", "config: decode_easy", ["decode_easy"]),
        ("config: decode_easy}\n", "config: decode_full}\n", ["decode_full"]),
        ("{stages.full.best", "{stages.easy.best", ['"${stages.easy.best_checkpoint}"']),
        ("config: decode_full", "config: decode_easy, needs: [full]", ["decode_full"]),
    ],
)
def test_stages_do_different_things(check, old, new, found):
    found_here = check(f"{HEAD}{PHASES.replace(old, new)}")
    assert [one[1] for one in found_here if one[0] in ("R432", "R207")] == found


def test_rounds_with_one_config(check):
    stages = (
        "[train, {name: round_1, run: train, config: training, init_from: train}, "
        "{name: round_2, run: train, config: training, init_from: round_1}]"
    )
    text = f"{HEAD}{CONFIGS.partition('  inference')[0]}stages: {stages}\n"
    assert check(text) == []
    assert check(text.replace("init_from: round_1", "init_from: train")) == []


ROUNDS = """\
configs:
  training: {dataset: {train: [{data_src_args: {split: train}}]}}
  trial: {extends: training, trainer: {fast_dev_run: true}}
  inference:
    checkpoint: ${stages.second.best_checkpoint}
    dataset: {test: [{name: dev}]}
    runner: {_target_: src.model.Net, size: 8}
    output_keys: [text]
stages:
  - {name: first, run: train, config: training}
  - {name: second, run: train, config: training, init_from: first}
  - {name: third, run: train, init_from: second}
  - infer
"""
COMPARE = "def compare(what=None): ...\ndef look(context): ...\n"


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("", "", ["third"]),
        ("second.best", "third.best", []),
        ("init_from: second", "init_from: first", ["third"]),
        ("init_from: second", "init_from: second}\n  - {name: fourth, run: train", []),
        (", init_from: second", "", ["third"]),
        (", init_from: second", ", config: trial", []),
        ("  - infer\n", "", []),
        ("  - infer\n", "  - {name: infer, needs: [third]}\n", []),
        ("checkpoint: ${stages.second.best_checkpoint}", "checkpoint: models/old.ckpt", []),
        ("${stages.second.best_checkpoint}", "${exp_dir}/third/epoch1.ckpt", []),
        ("${stages.second.best_checkpoint}", "${oc.env:WEIGHTS}", []),
        ("  - infer\n", "  - infer\n  - {name: c, call: src.more.compare}\n", []),
        ("  - infer\n", "  - infer\n  - {name: c, call: src.more.look, with: {}}\n", []),
        *(
            (
                "  - infer\n",
                f'  - infer\n  - {{name: c, call: src.more.compare, with: {{what: "{what}"}}}}\n',
                found,
            )
            for what, found in [
                ("${exp_dir}", []),
                ("exp", []),
                ("first, third", []),
                ("${exp_dir}/*/curves.jsonl", []),
                ("${stages.third.curves}", []),
                ("${stages.infer.inference_dir}", ["third"]),
            ]
        ),
    ],
)
def test_every_training_of_several_is_read(check, old, new, found):
    text = f"{HEAD}{ROUNDS.replace(old, new)}"
    assert [one[1] for one in check(text, {"src/more.py": COMPARE}) if one[0] == "R818"] == found


def test_another_model_may_only_show_whether_a_start_helps(check):
    named = ROUNDS.replace(", run: train,", ", run: train, model: net,")
    named = named.replace("- infer", "- {name: infer, model: net}")
    other = named.replace("third, run: train, model: net", "third, run: train, model: other")
    head = HEAD.replace("models:", "models:\n  other: {_target_: src.model.Net, size: 8}")
    codes = [[one[0] for one in check(f"{head}{text}")] for text in (named, other)]
    assert ["R818" in found for found in codes] == [True, False]


SCORES = """\
configs:
  training: {dataset: {train: [{data_src_args: {split: train}}]}}
  inference:
    checkpoint: ${stages.train.best_checkpoint}
    dataset: {test: [{name: dev}]}
    runner: {_target_: src.model.Net, size: 8}
    output_keys: [text]
  beam_inference: {extends: inference, runner: {_target_: src.model.Net, size: 9}}
  metrics: {metrics: [{metric: METRIC, inputs: {ref: "dataset:text", hyp: text}}]}
  beam_metrics: {metrics: [{name: x, metric: METRIC, inputs: {ref: "dataset:text", hyp: text}}]}
stages:
  - train
  - {name: infer, config: inference}
  - {name: infer_beam, run: infer, config: beam_inference}
  - {name: measure, config: {inference: inference, metrics: metrics}}
  - {name: measure_beam, run: measure, config: {inference: beam_inference, metrics: beam_metrics}}
""".replace("METRIC", METRIC)
OTHER = ("{inference: beam_inference, metrics: beam", "{inference: inference, metrics: beam")


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("", "", ["inference"]),
        ("name: measure_beam", "name: measure_words", []),
        ("dataset:text", "${stages.infer_beam.inference_dir}", []),
        ("run: measure", "needs: [infer_beam], run: measure", []),
        ("  - {name: infer_beam, run: infer, config: beam_inference}\n", "", []),
        ("  - {name: measure, config: {inference: inference, metrics: metrics}}\n", "", []),
    ],
)
def test_other_metrics_score_other_results(check, old, new, found):
    assert [one for one in check(f"{HEAD}{SCORES}") if one[0] == "R432"] == []
    text = f"{HEAD}{SCORES.replace(*OTHER).replace(old, new)}"
    assert [one[1] for one in check(text) if one[0] == "R432"] == found


TOKENIZERS = """\
configs:
  training:
    dataset:
      train: [{data_src_args: {split: train}}]
      preprocessor: {_target_: src.model.Net, size: "${stages.small.tokenizer_model}"}
  other:
    extends: training
    dataset: {preprocessor: {_target_: src.model.Net, size: "${stages.large.tokenizer_model}"}}
stages:
  - {name: small, run: train_tokenizer, config: training}
  - {name: large, run: train_tokenizer, config: other}
  - {name: first, run: train, config: training}
  - {name: second, run: train, config: other}
"""


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("", "", []),
        ("stages.large.", "stages.small.", ["large"]),
        ("stages.small.", "stages.large.", ["small"]),
        ('"${stages.large.tokenizer_model}"', '"${exp_dir}/large/tokenizer.model"', []),
        ("stages.large.tokenizer_model", "oc.env:TOKENS", []),
        ("  - {name: large, run: train_tokenizer, config: other}\n", "", []),
        ("config: other}\n", "config: training}\n", ["large"]),
    ],
)
def test_labels_of_every_stage_are_read(check, old, new, found):
    text = f"{HEAD}{TOKENIZERS.replace(old, new)}"
    assert [one[1] for one in check(text) if one[0] == "R818"] == found
