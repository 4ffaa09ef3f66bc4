"""Mistakes in the code of a recipe, at their line; what looks like one and is none."""

from pathlib import Path
from typing import Any

import pytest

from tests.runtime.deep_kit import Said, ask, codes, expect, of_kind, place

MEMORY = """\
@lru_cache
def make(size, feats_stats, input_size, vocab_size):
    return Net(Frames(size), feats_stats, input_size, vocab_size)


class Greedy"""
TRAINER = "    optimizer:"
PREPROCESSOR = """\
      preprocessor:
        _target_: espnet3_runtime.data.preprocess.TextToTokens
        tokenizer: ${stages.train_tokenizer.tokenizer_model}
"""
METRICS = """\
  metrics:
    metrics: [{metric: {_target_: src.model.Score}, inputs: {ref: "dataset:text", hyp: text}}]
stages: [create_dataset, train_tokenizer, collect_stats, train, infer, measure]
"""
STAGES = "stages: [create_dataset, train_tokenizer, collect_stats, train, infer]\n"
SCORE = "class Score:\n    def __call__(self, ref, hyp):\n        return {}\n\n\nclass Greedy"


def metric(result: str) -> dict[str, str]:
    return {STAGES: METRICS, "class Greedy": SCORE.replace("{}", result)}


def trainer(block: str) -> dict[str, str]:
    return {TRAINER: f"    trainer: {{{block}}}\n{TRAINER}"}


def line_of(said: Said) -> Any:
    (found,) = of_kind(said, "finding")
    return Path(found["place"]["file"]).name, found["place"]["line"], found["in_code"]


def test_an_item_that_is_no_mapping_is_shown_at_its_return(tmp_path: Path) -> None:
    edits = {'return {"speech": rng': 'return "one", {"speech": rng'}
    said = ask(tmp_path, edits)
    assert codes(said) == ["R909"]
    assert line_of(said) == ("__init__.py", 16, True)


def test_fields_that_the_code_writes_down_are_known_without_data(tmp_path: Path) -> None:
    edits = {PREPROCESSOR: "", "text, text_lengths):": "text, text_lengths, speaker):"}
    said = ask(tmp_path, edits, data=False)
    assert codes(said) == ["R906"]
    assert line_of(said) == ("model.py", 33, False)


def test_an_object_in_an_item_is_no_failure_of_the_collate_function(tmp_path: Path) -> None:
    edits = {PREPROCESSOR: "", '"text": "one two"}': '"text": object()}'}
    said = ask(tmp_path, edits)
    assert codes(said) == ["R909"]
    assert line_of(said) == ("__init__.py", 16, True)


def test_a_stream_is_told_its_epoch_before_its_first_samples_are_read(tmp_path: Path) -> None:
    by_number = "def __len__(self):\n        return 3\n\n    def __getitem__(self, index):\n"
    told = "def set_epoch(self, epoch):\n        self.epoch = epoch\n\n"
    in_order = f"{told}    def __iter__(self):\n        index = self.epoch\n"
    edits = {by_number: in_order, "return {": "yield {"}
    assert codes(ask(tmp_path, edits)) == []


def test_a_misspelt_method_of_the_builder_is_shown(tmp_path: Path) -> None:
    said = ask(tmp_path, {"def is_source_prepared": "def is_source_ready"})
    assert codes(said) == ["R909"]
    assert line_of(said) == ("__init__.py", 26, True)


def test_a_circle_of_imports_is_one_mistake(tmp_path: Path) -> None:
    edits = {"import torch\nfrom torch": "import torch\nfrom src.model import Greedy\nfrom torch"}
    said = ask(tmp_path, edits)
    assert codes(said) == ["R901"]
    assert line_of(said) == ("model.py", 5, True)


def test_what_a_preprocessor_cannot_read_is_told_once(tmp_path: Path) -> None:
    own = "    dataset: {test: [{name: test, data_src_args: {split: test}}], preprocessor: "
    edits = {
        "        _target_: espnet3_runtime.data.preprocess.TextToTokens\n"
        "        tokenizer: ${stages.train_tokenizer.tokenizer_model}\n": (
            "        _target_: src.model.Lose\n"
        ),
        "    dataset: {test: [{name: test, data_src_args: {split: test}}]}\n": (
            f"{own}{{_target_: src.model.Lose}}}}\n"
        ),
        "class Greedy": "class Lose:\n    def __call__(self, sample):\n        sample['x']\n"
        "\n\nclass Greedy",
    }
    assert codes(ask(tmp_path / "raises", edits)) == ["R909"]
    nothing = {**edits, "class Greedy": edits["class Greedy"].replace("sample['x']", "pass")}
    assert codes(ask(tmp_path / "nothing", nothing)) == ["R909"]


def test_a_factory_that_remembers_its_models_is_right(tmp_path: Path) -> None:
    edits = {
        "_target_: src.model.Net\n    frontend: {_target_: src.model.Frames, size: 40}\n": (
            "_target_: src.model.make\n    size: 40\n"
        ),
        "class Greedy": MEMORY,
        "import torch\nfrom": "import torch\nfrom functools import lru_cache\nfrom",
        '"${models.net.frontend}"': "{_target_: src.model.Frames, size: 40}",
    }
    said = ask(tmp_path, edits)
    assert of_kind(said, "finding") + of_kind(said, "note") == []


def test_a_loader_of_the_recipe_makes_the_batch(tmp_path: Path) -> None:
    loader = "    dataloader: {train: {loader: {_target_: src.model.load}}}\n    optimizer:"
    code = (
        "def load(data):\n    from espnet3_runtime.data.collate import CommonCollateFn\n"
        "    ids, batch = CommonCollateFn()([data[0], data[1]])\n"
        "    return [{**batch, 'gain': torch.ones(2)}]\n\n\nclass Greedy"
    )
    edits = {
        "    optimizer:": loader,
        "class Greedy": code,
        "text, text_lengths):": "text, text_lengths, gain):",
    }
    said = ask(tmp_path / "data", edits)
    assert of_kind(said, "finding") + of_kind(said, "note") == []
    said = ask(tmp_path / "none", edits, data=False)
    assert codes(said) == []
    assert any("makes the batches" in note["text"] for note in of_kind(said, "note"))


def test_a_model_that_is_not_at_hand_is_a_note(tmp_path: Path) -> None:
    text = "\"We couldn't connect to 'https://hub.example' to load the files\""
    said = ask(tmp_path, {"self.encoder = nn": f"raise OSError({text})  #"})
    assert codes(said) == []
    assert any("it needs the network" in note["text"] for note in of_kind(said, "note"))


def test_warnings_of_the_code_are_lines(tmp_path: Path) -> None:
    said = ask(tmp_path, {"self.size = size": "torch.nn.LSTM(2, 2, dropout=0.5); self.size = size"})
    assert codes(said) == []
    warned = of_kind(said, "warning")
    assert {Path(line["place"]["file"]).name for line in warned} == {"model.py"}
    assert all("dropout option adds dropout" in line["text"] for line in warned)


def test_a_loss_that_repeats_its_target_is_a_finding(tmp_path: Path) -> None:
    call = "        loss = loss + nn.functional.mse_loss(torch.ones(2, 1), torch.ones(2)) * 0\n"
    said = ask(tmp_path, {"        return loss, {": f"{call}        return loss, {{"})
    assert codes(said) == ["R921"]
    assert line_of(said)[::2] == ("model.py", True)


MISTAKES = {
    "trainer": (trainer("limit_train_batches: 1.5"), "R913", "trainer.limit_train_batches"),
    "logger": (
        trainer("logger: [{_target_: src.model.Greedy, token_list: nowhere}]"),
        "R903", "trainer.logger.0.token_list",
    ),
    "metric": (metric("None"), "R922", "configs.metrics.metrics.0.metric._target_"),
    "metric code": (metric("len(ref) - hyp"), "R922", "configs.metrics.metrics.0.metric._target_"),
    "column": (
        {**metric("1.0"), "dataset:text": "dataset:texts"}, "R922", "metrics.0.inputs.ref"
    ),
    "output": (
        {**metric("1.0"), '"text": " ".join(self.tokens[i] for i in path)}': '"text": list}',
         "    contract:\n      inputs: {speech: {kind: audio, sample_rate: 8000}}\n": "",
         "      outputs: {text: {kind: text}}\n": ""},
        "R911", "configs.inference.output_keys",
    ),
    "drop": (
        {"    optimizer:": "    dataloader: {train: {batches: {batch_size: 9, drop_last: true}}}\n"
         "    optimizer:"},
        "R909", "dataloader.train.batches.drop_last",
    ),
    "length key": (
        {"    optimizer:": "    dataloader: {train: {batches: {type: numel, batch_bins: 9999, "
         "length_key: spech}}}\n    optimizer:"},
        "R909", "dataloader.train.batches.length_key",
    ),
    "no forward": ({"def forward(self, speech, speech_lengths, text": "def foward(self, speech, "
                    "speech_lengths, text"}, "R906", "models.net._target_"),
    "partly": ({"_target_: src.model.Net\n": "_target_: src.model.Net\n    _partial_: true\n"},
               "R903", "models.net._partial_"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_found_at_its_setting(tmp_path: Path, name: str) -> None:
    edits, code, where = MISTAKES[name]
    said = ask(tmp_path, edits)
    assert codes(said) == [code], of_kind(said, "finding") + of_kind(said, "note")
    assert place(of_kind(said, "finding")[0]).endswith(where)
    expect(f"code: {name}", said, tmp_path)


RIGHT = {
    "machine": trainer(
        "accelerator: gpu, devices: 4, num_nodes: 2, strategy: ddp, precision: bf16-mixed"
    ),
    "extractor": {
        "speech, speech_lengths):\n        frames": "speech, speech_lengths, text=None):\n"
        "        assert text is None\n        frames",
    },
    "metric of many": metric("ref[10]"),
    "metric": metric("{'first': 1.0, 'count': len(ref)}"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_only_looks_wrong_is_silent(tmp_path: Path, name: str) -> None:
    said = ask(tmp_path, RIGHT[name])
    assert codes(said) == []
    expect(f"right: {name}", said, tmp_path, steps=name != "machine")


def test_a_config_of_hugging_face_keeps_more(tmp_path: Path) -> None:
    config = "class PreTrainedConfig:\n    def __init__(self, width=3):\n        pass\n"
    code = f"{config}\n\nclass Greedy"
    node = "    input_size: 40\n    config: {_target_: src.model.kept, KEY: 4}\n"
    edits = {
        "class Greedy": code.replace(
            "\n\nclass G", "\nkept = vars()['PreTrainedConfig']\n\nclass G"
        ),
        "    input_size: 40\n": node,
        "vocab_size):": "vocab_size, config=None):",
    }
    said = ask(tmp_path / "near", {**edits, "KEY": "widht"})
    assert codes(said)[:1] == ["R923"]
    expect("kept", said, tmp_path / "near")
    said = ask(tmp_path / "other", {**edits, "KEY": "labels"})
    assert "R923" not in codes(said)
    assert any('"labels" is no setting' in note["text"] for note in of_kind(said, "note"))


def test_weights_of_a_file_are_compared(tmp_path: Path) -> None:
    import torch

    torch.save({"head.weight": torch.ones(5, 8)}, tmp_path / "old.pth")
    train = "collect_stats, {name: train, init_from: old.pth}, infer]"
    said = ask(tmp_path, {"collect_stats, train, infer]": train})
    assert codes(said) == ["R920"]
    assert place(of_kind(said, "finding")[0]) == "stages.train.init_from"
    assert "head.weight (5, 8) for (9, 8)" in of_kind(said, "finding")[0]["message"]
    expect("old weights", said, tmp_path)
