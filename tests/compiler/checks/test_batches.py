"""Chunks, balanced batches, epochs of a fixed length, and bins of several fields."""

import pytest

from tests.compiler.checks.checks_kit import HEAD

ITEMS = """
class Dataset:
    def __init__(self, split=""): ...
    def __len__(self): return 1
    def __getitem__(self, index):
        return {"speech": [0.0], "text": [1], "speaker": "a", "embedding": [0.5]}
"""
TABLE = ITEMS + "    def column(self, name): ...\n"
STREAM = """
class Dataset:
    def __init__(self, split=""): ...
    def __iter__(self):
        yield {"speech": [0.0], "speaker": "a"}
"""
CHUNK = "type: chunk, chunk_length: 9"
CATEGORY = "type: category, category_key: speaker"
FOLDED = "type: folded, fold_lengths: [90]"
SAMPLER = "sampler: {_target_: torch.utils.data.RandomSampler}"


def found_in(check, train, dataset=ITEMS, stages="[collect_stats, train]"):
    features = "collect_stats: {features: {_target_: src.model.Net, size: 8}}, "
    sets = "dataset: {train: [{data_src_args: {split: a}}]}"
    features = features if "collect_stats" in stages else ""
    config = f"{{{sets}, {features}dataloader: {{train: {{{train}}}}}}}"
    text = f"{HEAD}configs:\n  training: {config}\nstages: {stages}\n"
    found = check(text, {"dataset/__init__.py": dataset})
    return [one for one in found if one[0][:2] in ("R4", "R6", "R8")]


@pytest.mark.parametrize(
    ("train", "expected"),
    [
        (f"batches: {{{CHUNK}, chunk_excluded_keys: [text, embedding]}}", []),
        (f"batches: {{{CATEGORY}, category_power: 0.5}}, num_iters_per_epoch: 9", []),
        ("batches: {type: length, batch_bins: 9, length_key: [speech, text]}", []),
        (f"batches: {{{FOLDED}, category_key: speaker, min_batch_size: 2}}", []),
        (f"batches: {{{CATEGORY}, batch_bins: 9, length_key: text, min_batch_size: 2}}", []),
        # what is missing
        ("batches: {type: folded}", [("R603", "folded")]),
        ("batches: {type: chunk}", [("R603", "chunk")]),
        ("batches: {type: category}", [("R603", "category")]),
        # what has no effect
        ("batches: {type: sorted, chunk_length: 9}", [("R803", "chunk_length")]),
        (f"batches: {{{CHUNK}, category_power: 0.5}}", [("R803", "category_power")]),
        (f"batches: {{{CATEGORY}, chunk_shift_ratio: 0.5}}", [("R803", "chunk_shift_ratio")]),
        (f"batches: {{{CATEGORY}, length_key: text}}", [("R803", "length_key")]),
        (f"batches: {{{CHUNK}, batch_bins: 100}}", [("R803", "batch_bins")]),
        ("batches: {type: length, batch_bins: 9, fold_lengths: [9]}", [("R803", "fold_lengths")]),
        (f"batches: {{{FOLDED}, epoch_factor: 2}}", [("R803", "epoch_factor")]),
        (f"batches: {{{CATEGORY}, dataset_power: 0.5}}", [("R803", "dataset_power")]),
        (f"batches: {{{CATEGORY}, min_batch_size: 2}}", [("R803", "min_batch_size")]),
        (f"num_iters_per_epoch: 9, {SAMPLER}", [("R803", "num_iters_per_epoch")]),
        # what contradicts itself
        ("batches: {type: sorted, length_key: [speech, text]}", [("R415", "[speech, text]")]),
        (f"batches: {{{CHUNK}, length_key: [speech, text]}}", [("R415", "[speech, text]")]),
        (f"batches: {{{CHUNK}, chunk_excluded_keys: [speech]}}", [("R415", "speech")]),
        (f"batches: {{{FOLDED}, length_key: [speech, text]}}", [("R415", "[90]")]),
        (f"batches: {{{FOLDED}, batch_size: 4, min_batch_size: 5}}", [("R415", "5")]),
        # fields that the items do not have
        (f"batches: {{{FOLDED}, category_key: spaeker}}", [("R422", "spaeker")]),
        (f"batches: {{{FOLDED}, length_key: speach}}", [("R422", "speach")]),
        (f"batches: {{{CATEGORY}, batch_bins: 9, length_key: speach}}", [("R422", "speach")]),
        (f"batches: {{{CHUNK}, length_key: speach}}", [("R422", "speach")]),
        (f"batches: {{{CHUNK}, chunk_excluded_keys: [embeding]}}", [("R422", "embeding")]),
        ("batches: {type: category, category_key: spaeker}", [("R422", "spaeker")]),
        (
            "batches: {type: numel, batch_bins: 9, length_key: [speech, txet]}",
            [("R422", "txet")],
        ),
        # names of other tools, and values that are none
        (f"batches: {{{CHUNK}, chunk_excluded_key_prefixes: [text]}}",
         [("R601", "chunk_excluded_key_prefixes")]),
        (f"batches: {{{CATEGORY}, dataset_scaling_factor: 2}}",
         [("R601", "dataset_scaling_factor")]),
        ("steps_per_epoch: 9", [("R601", "steps_per_epoch")]),
        ("num_iters_per_epoch: 0", [("R605", "0")]),
        (f"batches: {{{CATEGORY}, category_power: 2}}", [("R605", "2")]),
        ("batches: {type: folded, fold_lengths: [0]}", [("R605", "0")]),
    ],
)  # fmt: skip
def test_settings_of_batches(check, train, expected):
    assert found_in(check, train) == expected


def test_what_the_data_have_to_give(check):
    chunk, alone = f"batches: {{{CHUNK}}}", "[train]"
    assert found_in(check, chunk, stages=alone) == [("R424", "chunk")]
    assert found_in(check, f"batches: {{{FOLDED}}}", stages=alone) == [("R424", "folded")]
    filled = f"batches: {{{CATEGORY}, batch_bins: 9}}"
    assert found_in(check, filled, stages=alone) == [("R424", "category")]
    category = "batches: {type: category, category_key: age}"
    assert found_in(check, category, TABLE) == []
    for train, expected in {
        chunk: [("R424", "chunk")],
        f"batches: {{{FOLDED}}}": [("R424", "folded")],
        f"batches: {{{CATEGORY}}}": [("R415", "category")],
        "batches: {type: unsorted}, num_iters_per_epoch: 7": [("R415", "7")],
    }.items():
        assert found_in(check, train, STREAM, alone) == expected


def test_validation_is_not_balanced(check):
    """It would repeat items, and the mean would be of other data."""
    text = f"valid: {{batches: {{{CATEGORY}}}}}"
    found = check(
        f"{HEAD}configs:\n  training: {{dataset: {{train: [{{}}], valid: [{{}}]}}, "
        f"dataloader: {{{text}}}}}\nstages: [train]\n",
        {"dataset/__init__.py": ITEMS},
    )
    assert [code for code, _ in found if code[:2] == "R6"] == ["R604"]
