"""What the probe says about a small recipe, and about every mistake put into it."""

import sys
from pathlib import Path

import pytest

from tests.runtime.deep_kit import ask, codes, expect, of_kind, place


@pytest.mark.parametrize("data", [True, False], ids=["data", "no data yet"])
def test_a_good_recipe_is_silent(tmp_path: Path, data: bool) -> None:
    said = ask(tmp_path, data=data)
    assert of_kind(said, "finding") == []
    assert of_kind(said, "note") == []
    (model,) = of_kind(said, "model")
    assert model["parameters"] == 40 * 8 + 8 + 8 * 9 + 9
    assert model["frozen"] == 0
    assert model["returns"] == "(loss, stats, weight)"
    assert ("the first items" in model["items"]) is data
    expect("good with data" if data else "good without data", said, tmp_path, steps=True)


CYCLE = "_target_: torch.optim.lr_scheduler.OneCycleLR, max_lr: 1.0"
MISTAKES = {
    "dimension": ({"input_size: 40": "input_size: 80"}, "R904", "models.net._target_"),
    "vocabulary": ({"vocab_size: 9\nconfigs": "vocab_size: 5\nconfigs"}, "R907", ".vocab_size"),
    "few pieces": (
        {"{vocab_size: 9, model": "{vocab_size: 10, model", "vocab_size: 9\n": "vocab_size: 10\n"},
        "R924", "configs.training.tokenizer.vocab_size",
    ),
    "few characters": (
        {"vocab_size: 9, model_type: word": "vocab_size: 9, model_type: char"},
        "R924", "configs.training.tokenizer.vocab_size",
    ),
    "argument": ({"text, text_lengths):": "txt, text_lengths):"}, "R906", "models.net._target_"),
    "list": ({"return loss, {": "return [loss], {"}, "R905", "models.net._target_"),
    "no loss": ({"return loss, {": "return {} and {"}, "R905", "models.net._target_"),
    "detached": ({"return loss, {": "return loss.detach(), {"}, "R905", "models.net._target_"),
    "vector": ({"return loss, {": "return scores[:, 0, 0], {"}, "R905", "models.net._target_"),
    "raises": ({"self.encoder = nn": "raise KeyError('lost')  #"}, "R903", "models.net._target_"),
    "inner": ({"self.size = size": "raise OSError"}, "R903", "._target_"),
    "import": ({"import numpy as np\nimport torch\n": "import numpyy\n"}, "R901", "._target_"),
    "misfit": (
        {"class Greedy": "def other(_):\n    return lambda depth: None\n\n\n@other\nclass Greedy"},
        "R902", "configs.inference.runner.token_list",
    ),
    "exit": ({"import torch\nfrom": "raise SystemExit(3)\nfrom"}, "R901", "._target_"),
    "optimizer": ({"lr: 0.1": "lr: -0.1"}, "R908", "configs.training.optimizer.lr"),
    "scheduler": (
        {"    optimizer:": "    scheduler: {_target_: torch.optim.lr_scheduler.OneCycleLR, "
         "max_lr: 1.0, pct_start: 2.0}\n    optimizer:"},
        "R908", "configs.training.scheduler.pct_start",
    ),
    "warm-up above all steps": (
        {"    optimizer:": "    scheduler: {_target_: espnet3_runtime.training.schedulers.warmup, "
         "warmup_steps: 25000}\n    optimizer:"},
        "R809", "configs.training.scheduler.warmup_steps",
    ),
    "cycle below all steps": (
        {"    optimizer:": "    scheduler: {_target_: torch.optim.lr_scheduler.OneCycleLR, "
         "max_lr: 1.0, total_steps: 7}\n    trainer: {max_epochs: 8}\n    optimizer:"},
        "R415", "configs.training.scheduler.total_steps",
    ),
    "interval above the batches": (
        {"    optimizer:": "    trainer: {val_check_interval: 5}\n    optimizer:"},
        "R415", "configs.training.trainer.val_check_interval",
    ),
    "monitor": (
        {"[[train/loss, 1, min]]": "[[valid/acc, 1, max]]"},
        "R412", "configs.training.best_model_criterion.0.0",
    ),
    "stopping": (
        {"    optimizer:": "    early_stopping: {monitor: train/wer}\n    optimizer:"},
        "R412", "configs.training.early_stopping.monitor",
    ),
    "validation data": (
        {"train: [{data_src_args: {split: train}}]": "train: [{data_src_args: {split: train}}]\n"
         "      valid: [{data_src_args: {split: valid}, transform: {_target_: src.model.Lose}}]",
         "class Net(": "class Lose:\n    def __call__(self, sample):\n"
         "        return sample['nothing']\n\n\nclass Net("},
        "R909", "dataset.valid.0.transform",
    ),
    "validation forward": (
        {"train: [{data_src_args: {split: train}}]": "train: [{data_src_args: {split: train}}]\n"
         "      valid: [{data_src_args: {split: valid}}]",
         "return loss, {": "return loss if self.training else 1 / 0, {"},
        "R904", "models.net._target_",
    ),
    "freeze": ({"    optimizer:": "    freeze: [encodr]\n    optimizer:"}, "R807", ".freeze.0"),
    "all frozen": (
        {"    optimizer:": "    freeze: [encoder, head]\n    optimizer:"}, "R908", ".freeze"
    ),
    "callback": (
        {"    optimizer:": "    trainer: {callbacks: [{_target_: lightning.pytorch.callbacks."
         "ModelCheckpoint, every_n_epochs: -1}]}\n    optimizer:"},
        "R903", "configs.training.trainer.callbacks.0.every_n_epochs",
    ),
    "item": ({'return {"speech"': 'return {}[3], {"speech"'}, "R909", "dataset.train.0"),
    "file": ({'(data_dir / "ready").r': '(data_dir / split / "x").r'}, "R909", "dataset.train.0"),
    "builder": ({"return self.ready.e": "return {}[self.ready].e"}, "R909", "dataset.train.0"),
    "runner": ({"self.tokens[i]": "self.token[i]"}, "R911", "configs.inference.runner"),
    "runner arguments": (
        {"model, speech, speech_lengths):": "model, audio, audio_lengths):"},
        "R911", "configs.inference.runner._target_",
    ),
    "same ids": (
        {'return {"speech"': 'return {"utt_id": f"{index // 2}", "speech"'},
        "R911", "configs.inference.dataset.test.0",
    ),
    "ids of two words": (
        {'return {"speech"': 'return {"utt_id": f"item {index}", "speech"'},
        "R911", "configs.inference.dataset.test.0",
    ),
    "outputs": ({'[{"text": " "': '[{"txt": " "'}, "R911", "configs.inference.output_keys"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_found_at_its_place(tmp_path: Path, name: str) -> None:
    edits, code, where = MISTAKES[name]
    said = ask(tmp_path, edits)
    assert codes(said) == [code], of_kind(said, "finding") + of_kind(said, "note")
    assert place(of_kind(said, "finding")[0]).endswith(where)
    expect(f"probe: {name}", said, tmp_path)


def test_a_validation_that_never_happens_is_not_tried(tmp_path: Path) -> None:
    edits, *_ = MISTAKES["validation forward"]
    never = {"    optimizer:": "    trainer: {limit_val_batches: 0}\n    optimizer:"}
    assert codes(ask(tmp_path, {**edits, **never})) == []


@pytest.mark.parametrize(
    "lines",
    [
        "trainer: {val_check_interval: 5, check_val_every_n_epoch: null}",
        (
            "scheduler: {_target_: torch.optim.lr_scheduler.StepLR, step_size: 7}\n"
            "    trainer: {max_epochs: 8}"
        ),
        (f"scheduler: {{{CYCLE}, total_steps: 8}}\n    trainer: {{max_epochs: 8}}"),
        (
            f"scheduler: {{{CYCLE}, total_steps: 7}}\n"
            "    early_stopping: {monitor: train/loss}\n    trainer: {max_epochs: 8}"
        ),
    ],
)
def test_a_schedule_that_fits_the_data_is_silent(tmp_path: Path, lines: str) -> None:
    assert codes(ask(tmp_path, {"    optimizer:": f"    {lines}\n    optimizer:"})) == []


def test_made_up_items_say_nothing_of_the_length(tmp_path: Path) -> None:
    edits, *_ = MISTAKES["warm-up above all steps"]
    assert codes(ask(tmp_path, edits, data=False)) == []


@pytest.mark.parametrize("name", ["dimension", "vocabulary", "argument", "list", "runner"])
def test_declared_items_are_enough(tmp_path: Path, name: str) -> None:
    edits, code, _ = MISTAKES[name]
    said = ask(tmp_path, edits, data=False)
    assert codes(said) == [code]
    expect(f"declared: {name}", said, tmp_path)


def test_messages_name_the_line_and_the_sizes(tmp_path: Path) -> None:
    (found,) = of_kind(ask(tmp_path, MISTAKES["dimension"][0]), "finding")
    assert found["message"].startswith("src.model.Net.forward fails: RuntimeError: mat1 and mat2")
    assert {40, 80} <= set(found["numbers"])
    place = found["place"]
    assert (Path(place["file"]).name, place["line"], place["name"]) == ("model.py", 30, "encode")
    assert not found["in_code"]
    assert found["notes"][0].startswith("the batch had speech (2, 4400), speech_lengths (2,)")


def test_padding_that_reaches_an_embedding_is_found(tmp_path: Path) -> None:
    call = "        nn.functional.embedding(text, self.head.weight)\n"
    longer = '"text": "one two" + " two" * index'
    edits = {"        loss = nn": f"{call}        loss = nn", '"text": "one two"': longer}
    (found,) = of_kind(ask(tmp_path, edits), "finding")
    assert found["code"] == "R907"
    assert "the ids -1 to 7" in found["message"]
    assert found["help"]


def test_a_label_of_a_later_item_is_looked_at(tmp_path: Path) -> None:
    call = "        nn.functional.cross_entropy(scores[:, 0], label)\n"
    edits = {
        "text, text_lengths):": "text, text_lengths, label):",
        "        loss = nn": f"{call}        loss = nn",
        '"text": "one two"}': '"text": "one two", "label": 11 if index == 60 else index % 3}',
        "return 3": "return 100",
    }
    (found,) = of_kind(ask(tmp_path, edits), "finding")
    assert found["code"] == "R907"
    assert "the ids 0 to 11" in found["message"]


def test_features_need_no_items_that_the_preprocessor_takes(tmp_path: Path) -> None:
    """Without data the training of a classifier is not tried; its inference is all the same."""
    edits = {
        "_target_: espnet3_runtime.data.preprocess.TextToTokens\n"
        "        tokenizer: ${stages.train_tokenizer.tokenizer_model}": "_target_: src.model.Label",
        "class Net(": "class Label:\n    def __call__(self, sample):\n"
        "        return sample['speaker']\n\n\nclass Net(",
    }
    said = ask(tmp_path / "good", edits, data=False)
    assert codes(said) == []
    assert len(of_kind(said, "model")) == 1
    assert any("KeyError: 'speaker'" in note["text"] for note in of_kind(said, "note"))
    wrong = {**edits, "nn.Linear(8, vocab_size)": "nn.Linear(9, vocab_size)"}
    assert codes(ask(tmp_path / "bad", wrong, data=False)) == ["R911"]


def test_what_made_up_items_cannot_say_is_a_note(tmp_path: Path) -> None:
    edits = {
        "text, text_lengths):": "text, text_lengths, speaker):",
        '"text": "one two"}': '"text": "one two", "speaker": 3}',
    }
    assert codes(ask(tmp_path / "with", edits)) == []
    said = ask(tmp_path / "without", edits, data=False)
    assert codes(said) == []
    assert any('needs "speaker"' in note["text"] for note in of_kind(said, "note"))


def test_a_transform_is_constructed_without_data(tmp_path: Path) -> None:
    train = "train: [{data_src_args: {split: train}}]"
    wrong = "{_target_: torch.nn.Linear, in_features: 2, out_features: -1}"
    valid = f"valid: [{{data_src_args: {{split: valid}}, transform: {wrong}}}]"
    said = ask(tmp_path, {train: f"{train}\n      {valid}"}, data=False)
    assert codes(said) == ["R909"]
    assert place(of_kind(said, "finding")[0]).endswith("dataset.valid.0.transform")


def test_the_tokenizer_of_the_stage_counts(tmp_path: Path) -> None:
    """A small tokenizer of another config says nothing about this model."""
    other = "  small: {extends: training, tokenizer: {vocab_size: 6}}\n  inference:"
    early = "{name: tokens, run: train_tokenizer, config: small}, train_tokenizer, collect_stats"
    roles = "{name: create_dataset, config: training}, " + early.replace(
        "train_tokenizer, collect_stats",
        "{name: train_tokenizer, config: training}, {name: collect_stats, config: training}",
    )
    edits = {
        "  inference:": other,
        "[create_dataset, train_tokenizer, collect_stats, train, infer]": (
            f"[{roles}, {{name: train, config: training}}, infer]"
        ),
    }
    said = ask(tmp_path, edits, data=False)
    assert of_kind(said, "finding") + of_kind(said, "note") == []


def test_calls_are_named_as_not_called(tmp_path: Path) -> None:
    edits = {
        "train, infer]\n": "train, infer, {name: after, call: src.model.fail}]\n",
        "class Greedy": "def fail():\n    raise AssertionError\n\n\nclass Greedy",
    }
    said = ask(tmp_path, edits)
    assert codes(said) == []
    assert [note["text"] for note in of_kind(said, "note")] == [
        "calls (after): imported and bound, the functions are not called"
    ]


@pytest.mark.parametrize("name", ["good", "dimension", "vocabulary", "argument", "runner"])
def test_data_that_a_call_will_write_hide_no_mistake(tmp_path: Path, name: str) -> None:
    edits, code, _ = MISTAKES.get(name, ({}, None, ""))
    call = (
        "{name: prepare, call: src.model.prepare, with: {path: '${exp_dir}/p'}, "
        "outputs: {data: '${exp_dir}/p'}}"
    )
    more = {
        "{split: train}": "{split: train, data_dir: '${stages.prepare.data}'}",
        "{split: test}": "{split: test, data_dir: '${stages.prepare.data}'}",
        "stages: [create_dataset, ": f"stages: [{call}, ",
        "class Greedy": "def prepare(path):\n    raise AssertionError\n\n\nclass Greedy",
    }
    said = ask(tmp_path, {**edits, **more})
    assert codes(said) == ([code] if code else [])
    notes = [note["text"] for note in of_kind(said, "note")]
    assert "the data of training.dataset.train[0]: a stage before writes them" in notes


OWN = {
    "good": ({}, []),
    "size": ({"size: 40}\n    input_key": "size: 0}\n    input_key"}, []),  # as of poor weights
    "unpacks": ({"str(len(speech) //": "str([a for a, in [(1, 2)]] and len(speech) //"}, ["R911"]),
    "raises": ({"self.size = size": "assert size != 41\n        self.size = size",
                "size: 40}\n    input_key": "size: 41}\n    input_key"}, ["R903"]),
    "absent": ({"self.size = size": "size == 42 and open('later')\n        self.size = size",
                "size: 40}\n    input_key": "size: 42}\n    input_key"}, []),
}  # fmt: skip
NOTED = {
    "size": "with weights that learned nothing: the runner failed on made-up-0 and 1 others: Zero",
    "absent": '"infer": a file that its model reads is not there yet',
}


@pytest.mark.parametrize("name", OWN)
def test_a_model_of_the_inference_config_is_run(tmp_path: Path, name: str) -> None:
    checkpoint = "    checkpoint: ${stages.train.best_checkpoint}\n"
    runner = '    runner: {_target_: src.model.Greedy, token_list: "${stages.train_tokenizer.t'
    edits = {
        f'{checkpoint}{runner}oken_list}}"}}\n': "    model: {_target_: src.model.Own, size: 40}\n",
        "class Greedy": "class Own(Frames):\n    def forward(self, speech):\n        "
        'return {"text": str(len(speech) // self.size)}\n\n\nclass Greedy',
    }
    said = ask(tmp_path, {**edits, **OWN[name][0]}, data=False)
    assert codes(said) == OWN[name][1], of_kind(said, "finding") + of_kind(said, "note")
    notes = [note["text"] for note in of_kind(said, "note")]
    assert len(notes) == (name in NOTED)
    assert all(NOTED[name] in text for text in notes)
    expect(f"own model: {name}", said, tmp_path)


def test_an_undeclared_field_proves_nothing(tmp_path: Path) -> None:
    edits = {
        "    contract:\n      inputs: {speech: {kind: audio, sample_rate: 8000}}\n": "",
        "      outputs: {text: {kind: text}}\n": "",
        "input_size: 40": "input_size: 80",
    }
    said = ask(tmp_path, edits, data=False)
    assert codes(said) == []
    assert any("on made-up items" in note["text"] for note in of_kind(said, "note"))


def test_the_contract_of_another_config_declares_nothing(tmp_path: Path) -> None:
    """A second inference reads a field that the contract of the first does not have."""
    second = "  second:\n    extends: inference\n    input_key: frames\n    contract: null\nstages:"
    last = "train, {name: infer, config: inference}, {name: again, run: infer, config: second}]"
    said = ask(tmp_path, {"stages:": second, "train, infer]": last}, data=False)
    assert codes(said) == []
    assert any('no field "frames"' in note["text"] for note in of_kind(said, "note"))


def test_a_missing_variable_is_a_note(tmp_path: Path) -> None:
    said = ask(tmp_path, {"input_size: 40": "input_size: ${oc.env:NO_SUCH_SIZE}"})
    assert codes(said) == []
    assert any('"NO_SUCH_SIZE" is not set' in note["text"] for note in of_kind(said, "note"))


def test_a_package_that_is_not_installed_is_a_note(tmp_path: Path) -> None:
    said = ask(tmp_path, target="no_such_package.Model")
    assert codes(said) == []
    assert any('"no_such_package" is not installed' in n["text"] for n in of_kind(said, "note"))


def test_nothing_of_the_recipe_changes(tmp_path: Path) -> None:
    ask(tmp_path, data=False)
    left = {path.name for path in tmp_path.iterdir()} - {"stand-ins"}
    assert left == {"data", "dataset", "src", "recipe.yaml"}
    assert list((tmp_path / "data").iterdir()) == []
    assert "src.model" not in sys.modules


def test_a_large_model_stays_on_the_meta_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("espnet3_compiler.deep.request.LARGEST", 10)
    edits = {'mean = torch.tensor(stats["sum"] / stats["count"]).float()': "mean = torch.zeros(40)"}
    said = ask(tmp_path, edits)
    assert codes(said) == []
    (model,) = of_kind(said, "model")
    assert model["device"] == "meta"
    assert model["parameters"] == 409
    expect("large", said, tmp_path, steps=True)


STEPS = """class Net(pl.LightningModule):
    def training_step(self, batch, batch_idx):
        loss = self(**batch)[0]
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("valid/loss", self(**batch)[0])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)
"""
OWN_STEPS = {
    "    optimizer: {_target_: torch.optim.SGD, lr: 0.1}\n": "",
    "from torch import nn\n": "import lightning.pytorch as pl\nfrom torch import nn\n",
    "class Net(nn.Module):\n": STEPS,
    "    dataset:\n": "    dataset:\n      valid: [{data_src_args: {split: valid}}]\n",
}


def test_the_steps_of_a_lightning_module_get_a_mapping_of_fields(tmp_path: Path) -> None:
    said = ask(tmp_path, OWN_STEPS)
    assert codes(said) == []
    trained = next(line for line in of_kind(said, "model") if line["stage"] == "train")
    assert trained["steps"] == "its own, taken once"
    wrong = ask(tmp_path / "wrong", OWN_STEPS | {"self(**batch)[0])": 'batch["labels"])'})
    assert [line["message"] for line in of_kind(wrong, "finding")] == [
        "training src.model.Net on a batch fails: KeyError: 'labels'"
    ]
