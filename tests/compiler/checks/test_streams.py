"""Streams of samples as data, pretrained models, and the kinds of a contract."""

import pytest

from tests.compiler.checks.checks_kit import HEAD

STREAM = """
from torch.utils.data import IterableDataset

class Dataset(IterableDataset):
    def __init__(self, split=""): ...
    def __iter__(self):
        yield {"speech": [0.0], "text": "a"}
"""
BARE = STREAM.partition("IterableDataset\n")[2].replace("(IterableDataset)", "")
MAP = BARE.replace("def __iter__", "def __len__(self): return 1\n    def __getitem__").replace(
    "(self):\n        yield", "(self, index):\n        return"
)
SHARDS = """
class Dataset:
    def __init__(self, split=""):
        self.total_shards = 4
    def shard(self, number): ...
"""
SETS = "dataset: {train: [{data_src_args: {split: a}}], valid: [{data_src_args: {split: b}}]}"
CYCLE = "scheduler: {_target_: torch.optim.lr_scheduler.OneCycleLR, max_lr: 0.1}"
RUNNER = "class Run:\n    def __call__(self, model, **batch): return [{'text': ''}]\n"
INFER = """
  inference:
    checkpoint: ${stages.train.best_checkpoint}
    dataset: {test: [{name: test}]}
    runner: {_target_: src.run.Run}
"""


def found_in(check, dataset, training="", rest="stages: [train]\n"):
    text = f"{HEAD}configs:\n  training: {{{SETS}{training}}}\n{rest}"
    return check(text, {"dataset/__init__.py": dataset, "src/run.py": RUNNER})


@pytest.mark.parametrize("dataset", [STREAM, BARE])
@pytest.mark.parametrize(
    ("training", "expected"),
    [
        ("", []),
        ("dataloader: {train: {batches: {type: unsorted, buffer_size: 9}}}", []),
        ("dataloader: {train: {batches: {type: sorted}}}", [("R424", "sorted")]),
        ("dataloader: {valid: {batches: {type: length, batch_bins: 9}}}", [("R424", "length")]),
        ("trainer: {limit_train_batches: 5, val_check_interval: 1.0, limit_val_batches: 0.0}", []),
        (
            "trainer: {limit_train_batches: 0.5, val_check_interval: 0.25, limit_val_batches: 0.1}",
            [("R415", "0.5"), ("R415", "0.25"), ("R415", "0.1")],
        ),
        (f"{CYCLE}, trainer: {{max_steps: 9}}", []),
        (f"{CYCLE}, trainer: {{max_epochs: 9}}", [("R415", "torch.optim.lr_scheduler.OneCycleLR")]),
        (
            "dataloader: {train: {loader: {_target_: torch.utils.data.DataLoader}}}",
            [("R415", "{_target_: torch.utils.data.DataLoader}")],
        ),
    ],
)
def test_what_a_stream_cannot_serve(check, dataset, training, expected):
    pytest.importorskip("torch")
    found = found_in(check, dataset, f", {training}" if training else "")
    assert [one for one in found if one[0] in ("R415", "R424", "R425")] == expected


def test_a_stream_is_for_training_only(check):
    pytest.importorskip("torch")
    rest = f"{INFER}stages: [train, infer]\n"
    assert found_in(check, STREAM, rest=rest) == [("R425", "name")]
    assert found_in(check, MAP, f", {CYCLE}", rest) == []


PRETRAINED = "class Net:\n    @classmethod\n    def from_pretrained(cls, name, **more): ...\n"


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("models/smal", True),
        ("./downloads/base", True),
        ("a/b/c", True),
        ("models/other", True),
        ("models/small", False),
        ("facebook/wav2vec2-base", False),
        ("wav2vec2-base", False),
        ("/opt/models/base", False),
        ("~/models/base", False),
        ("exp/recipe/pretrained", False),
    ],
)
def test_directories_of_pretrained_models_are_there(check, name, missing):
    own = "src.own.Net.from_pretrained"
    head = HEAD.replace("src.model.Net, size: 8", f"{own}, pretrained_model_name_or_path: {name}")
    text = f"{head}configs:\n  training: {{{SETS}}}\nstages: [train]\n"
    code = PRETRAINED.replace("name", "pretrained_model_name_or_path")
    files = {"models/small/config.json": "{}", "src/own.py": code, "dataset/__init__.py": MAP}
    found = check(text, files)
    assert [one for one in found if one[0] == "R701"] == ([("R701", name)] if missing else [])
    by_place = check(text.replace(f"pretrained_model_name_or_path: {name}", f"_args_: [{name}]"))
    assert ("R701", name) in by_place or not missing


CTC = "transformers.Wav2Vec2ForCTC"
UNPADDED = "train: {batches: {batch_size: 1}}"


@pytest.mark.parametrize(
    ("model", "loaders", "expected"),
    [
        (CTC, "", CTC),
        (f"{CTC}.from_pretrained", "collate_fn: {not_sequence: [x]}", f"{CTC}.from_pretrained"),
        (CTC, "collate_fn: {int_pad_value: -2}", "-2"),
        (CTC, "collate_fn: {int_pad_value: -100}", None),
        (CTC, "collate_fn: {int_pad_value: 0}", None),
        (CTC, "collate_fn: {not_sequence: [labels]}", None),
        (CTC, "collate_fn: {_target_: src.run.Collate}", None),
        (CTC, UNPADDED, None),
        ("transformers.Wav2Vec2ForSequenceClassification", "", None),
        ("src.run.NetForCTC", "", None),
    ],
)
def test_padding_that_a_model_of_transformers_takes_for_a_symbol(check, model, loaders, expected):
    head = HEAD.replace("src.model.Net, size: 8", model)
    text = f"{head}configs:\n  training: {{{SETS}, dataloader: {{{loaders}}}}}\nstages: [train]\n"
    found = check(text, {"dataset/__init__.py": MAP})
    assert [one[1] for one in found if one[0] == "R415"] == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("{kind: vector, size: 3}", []),
        ("{kind: category, choices: [a, b]}", []),
        ("{kind: table, columns: [a, b]}", []),
        ("{kind: category}", [("R603", "category")]),
        ("{kind: category, choices: []}", [("R603", "category")]),
        ("{kind: text, choices: [a]}", [("R604", "[a]")]),
        ("{kind: image, size: 3}", [("R604", "3")]),
        ("{kind: picture}", [("R604", "picture")]),
    ],
)
def test_what_the_kinds_of_a_contract_need(check, field, expected):
    contract = f"    contract: {{inputs: {{speech: {field}}}}}\n"
    rest = f"{INFER}{contract}stages: [train, infer]\n"
    assert found_in(check, MAP, rest=rest) == expected


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        ("", []),
        ("dataloader: {train: {batches: {type: sorted}}}", []),
        ("dataloader: {train: {batches: {type: numel, batch_bins: 9}}}", [("R424", "numel")]),
        ("dataloader: {train: {num_iters_per_epoch: 9}}", [("R415", "9")]),
        ("trainer: {val_check_interval: 0.25}", [("R415", "0.25")]),
        (f"{CYCLE}, trainer: {{max_epochs: 9}}", [("R415", "torch.optim.lr_scheduler.OneCycleLR")]),
    ],
)
def test_what_data_that_are_read_shard_by_shard_cannot_serve(check, training, expected):
    pytest.importorskip("torch")
    text = (
        f"{HEAD}configs:\n  training: {{dataset: {{train: [{{}}]}}, {training}}}\nstages: [train]\n"
    )
    found = check(text, {"dataset/__init__.py": SHARDS})
    assert [one for one in found if one[0] in ("R415", "R424", "R425")] == expected
    given = SHARDS + "class Shard:\n    def lengths(self): ...\n"
    found = check(text, {"dataset/__init__.py": given})
    assert "R424" not in [code for code, _ in found]
