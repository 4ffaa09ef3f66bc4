"""Columns of the data that a metric is given, and that are no texts."""

import pytest

from tests.compiler.checks.checks_kit import HEAD

DATA = """
import numpy as np
import soundfile

class Dataset:
    def __init__(self, split): self.rows = [split]
    def __len__(self): return 1
    def __getitem__(self, index):
        price = float(index)
        speech, _ = soundfile.read(self.rows[index])
        return {
            "speech": speech, "vector": np.array([price]), "scalar": np.array(price),
            "words": self.rows[index].split(" "), "text": str(price), "other": make(price),
        }
"""
METRIC = """
class Metric:
    def __call__(self, ref, hyp): return 1.0
"""
AUDIO = f"{METRIC}class Audio(Metric):\n    reads_audio = True\n"
SET = f"{METRIC}    def __init__(self): self.reads_audio = True\n"
COLUMN = """
    def column(self, name): return [make(row, name) for row in self.rows]
NAMES = ("utt_id", "text", "scalar", "wav")
"""
CONFIGS = """\
configs:
  training: {dataset: {train: [{data_src_args: {split: train}}]}}
  inference:
    checkpoint: ${stages.train.best_checkpoint}
    dataset: {test: [{name: dev, data_src_args: {split: dev}}]}
    runner: {_target_: src.model.Net, size: 8}
    output_keys: [text]
  metrics:
    metrics: [{metric: {_target_: src.metric.Metric}, inputs: {ref: "dataset:FIELD", hyp: text}}]
    dataset_artifacts: {}
stages: [train, infer, measure]
"""


@pytest.mark.parametrize(
    ("field", "old", "new", "found"),
    [
        ("speech", "", "", True),
        ("vector", "", "", True),
        ("words", "", "", True),
        ("scalar", "", "", False),
        ("text", "", "", False),
        ("other", "", "", False),
        ("speech", "src.metric.Metric", "espnet3_runtime.metrics.wer.WER", True),
        ("speech", "src.metric.Metric", "src.metric.Audio", False),
        ("speech", "dataset_artifacts: {}", "dataset_artifacts: {speech: {type: npy}}", False),
        ("vector", "data_src_args: {split: dev}", "data_src: b/c, data_src_args: {a: 1}", False),
    ],
)
def test_columns_that_are_no_texts(check, field, old, new, found):
    text = HEAD + CONFIGS.replace("FIELD", field).replace(old, new)
    files = {"dataset/__init__.py": DATA, "src/metric.py": AUDIO if "Audio" in new else METRIC}
    codes = [one for one in check(text, files) if one[0] == "R423"]
    assert codes == ([("R423", f'"dataset:{field}"')] if found else [])


@pytest.mark.parametrize(
    ("more", "field", "found"),
    [
        (COLUMN, "speech", True),
        (COLUMN.replace('"wav"', '"speech"'), "speech", False),
        (COLUMN + '    READ = make()["speech"]\n'.lstrip(), "speech", False),
        ("    def column(self, name): return make(name)\n", "speech", False),
        ("    def __getattr__(self, name): return make(name)\n", "speech", False),
    ],
)
def test_a_data_set_may_have_texts_beside_its_items(check, more, field, found):
    text = HEAD + CONFIGS.replace("FIELD", field)
    files = {
        "dataset/__init__.py": DATA + more,
        "src/metric.py": METRIC,
    }
    assert ("R423" in [one[0] for one in check(text, files)]) == found


def test_a_metric_may_say_what_it_reads_while_it_is_made(check):
    text = HEAD + CONFIGS.replace("FIELD", "speech")
    found = check(text, {"dataset/__init__.py": DATA, "src/metric.py": SET})
    assert "R423" not in [one[0] for one in found]


@pytest.mark.parametrize(
    ("taken", "preprocessor", "found"),
    [
        ("other, other_lengths", "", True),
        ("other", "", False),
        ("other, other_lengths", ", preprocessor: {_target_: src.metric.Prepare}", False),
    ],
)
def test_a_field_with_lengths_is_no_text(check, taken, preprocessor, found):
    text = HEAD + CONFIGS.replace("FIELD", "other")
    model = (
        f"import torch\nclass Net(torch.nn.Module):\n    def __init__(self, size): ...\n"
        f"    def forward(self, {taken}, **_): return other.mean()\n"
    )
    text = text.replace("{split: train}}]", f"{{split: train}}}}]{preprocessor}")
    more = "class Prepare:\n    def __call__(self, sample): return make(sample)\n"
    files = {"dataset/__init__.py": DATA, "src/metric.py": METRIC + more, "src/model.py": model}
    assert ("R423" in [one[0] for one in check(text, files)]) == found
