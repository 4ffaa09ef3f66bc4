"""A small recipe with a CTC model, and what the probe says about it, asked in this process."""

import io
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from espnet3_compiler.deep.request import make_request
from espnet3_compiler.pipeline import compile_manifest
from espnet3_runtime.deep.probe import probe_recipe
from espnet3_runtime.preflight.no_effects import Network
from espnet3_runtime.preflight.protocol import Answers
from espnet3_runtime.preflight.request import read_request
from espnet3_schemas import TARGET
from tests.runtime.training_kit import recipe_in

MANIFEST = """\
version: 1
recipe: tiny/asr
system: asr
models:
  net:
    _target_: src.model.Net
    frontend: {_target_: src.model.Frames, size: 40}
    feats_stats: ${stages.collect_stats.feats_stats}
    input_size: 40
    vocab_size: 9
configs:
  training:
    dataset:
      train: [{data_src_args: {split: train}}]
      preprocessor:
        _target_: espnet3_runtime.data.preprocess.TextToTokens
        tokenizer: ${stages.train_tokenizer.tokenizer_model}
    tokenizer: {vocab_size: 9, model_type: word}
    collect_stats: {features: "${models.net.frontend}"}
    best_model_criterion: [[train/loss, 1, min]]
    optimizer: {_target_: torch.optim.SGD, lr: 0.1}
  inference:
    dataset: {test: [{name: test, data_src_args: {split: test}}]}
    checkpoint: ${stages.train.best_checkpoint}
    runner: {_target_: src.model.Greedy, token_list: "${stages.train_tokenizer.token_list}"}
    input_key: speech
    output_keys: [text]
    contract:
      inputs: {speech: {kind: audio, sample_rate: 8000}}
      outputs: {text: {kind: text}}
stages: [create_dataset, train_tokenizer, collect_stats, train, infer]
"""

MODEL = '''
"""Frames of the signal, a linear layer, CTC."""
import numpy as np
import torch
from torch import nn


class Frames(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.size = size

    def forward(self, speech, speech_lengths):
        frames = speech.unfold(1, self.size, self.size)
        return frames, speech_lengths // self.size


class Net(nn.Module):
    def __init__(self, frontend, feats_stats, input_size, vocab_size):
        super().__init__()
        with np.load(feats_stats) as stats:
            mean = torch.tensor(stats["sum"] / stats["count"]).float()
        self.register_buffer("mean", mean)
        self.frontend = frontend
        self.encoder = nn.Linear(input_size, 8)
        self.head = nn.Linear(8, vocab_size)

    def encode(self, speech, speech_lengths):
        feats, lengths = self.frontend(speech, speech_lengths)
        hidden = torch.relu(self.encoder(feats - self.mean))
        return self.head(hidden).log_softmax(-1), lengths

    def forward(self, speech, speech_lengths, text, text_lengths):
        scores, lengths = self.encode(speech, speech_lengths)
        loss = nn.functional.ctc_loss(scores.transpose(0, 1), text, lengths, text_lengths)
        return loss, {"loss": loss.detach()}, torch.tensor(len(speech))


class Greedy:
    def __init__(self, token_list):
        with open(token_list) as file:
            self.tokens = file.read().split()

    def __call__(self, model, speech, speech_lengths):
        best = model.encode(speech, speech_lengths)[0].argmax(-1).tolist()
        return [{"text": " ".join(self.tokens[i] for i in path)} for path in best]
'''

DATASET = '''
"""Noise and words; there once data/ready exists."""
import numpy as np


class Dataset:
    def __init__(self, split, data_dir):
        (data_dir / "ready").read_text()

    def __len__(self):
        return 3

    def __getitem__(self, index):
        rng = np.random.default_rng(index)
        size = 4000 + 400 * index
        return {"speech": rng.normal(size=size).astype(np.float32), "text": "one two"}

    def texts(self):  # words for all tokens
        return ["three", "four five", "six one two"]


class DatasetBuilder:
    def __init__(self, data_dir):
        self.ready = data_dir / "ready"

    def is_source_prepared(self):
        return True

    def prepare_source(self):
        raise AssertionError("the probe prepares nothing")

    def is_built(self):
        return self.ready.exists()

    def build(self):
        raise AssertionError("the probe builds nothing")
'''

Said = list[dict[str, Any]]
ANSWERS = Path(__file__).with_name("deep") / "answers.json"
_OF_OTHERS = re.compile(
    r"\b(\w*(?:Error|Exit|Exception|Warning)|refuses the trainer): .*|(\btensor)\([^)]*\)",
    re.DOTALL,
)
"""What Python and libraries say, each version in its own words."""


def ask(
    directory: Path, edits: Mapping[str, str] | None = None, *, data: bool = True, target: str = ""
) -> Said:
    """Return the probe's answers about the recipe with some texts in it replaced.

    Args:
        directory: Where to write the recipe.
        edits: Texts and what replaces them.
        data: Whether the data are there.
        target: Another name for the first target, past the ordinary check.
    """
    files = {"src/model.py": MODEL, "dataset/__init__.py": DATASET, "recipe.yaml": MANIFEST}
    for old, new in (edits or {}).items():
        assert any(old in text for text in files.values()), old
        files = {name: text.replace(old, new) for name, text in files.items()}
    with recipe_in(directory, **files) as recipe:
        if data:
            (recipe / "data" / "ready").write_text("")
        outcome = compile_manifest(recipe / "recipe.yaml")
        # what the check says, too, --deep has to find where it is said by run.py alone
        plan = replace(outcome, diagnostics=()).plan
        assert plan, outcome.diagnostics
        raw = make_request(plan, memory=0)
        if target:
            raw["models"]["net"][TARGET] = target
        file = io.StringIO()
        (recipe / "stand-ins").mkdir()
        answers = Answers(file, Network())
        probe_recipe(read_request(json.loads(json.dumps(raw))), answers, recipe / "stand-ins")
    return [json.loads(line) for line in file.getvalue().splitlines()]


def of_kind(said: Said, kind: str) -> Said:
    """Return the answers of one kind."""
    return [line for line in said if line["kind"] == kind]


def codes(said: Said) -> list[str]:
    """Return the codes of the findings, in order."""
    return [line["code"] for line in of_kind(said, "finding")]


def place(line: Mapping[str, Any]) -> str:
    """Return the place of a finding in one text."""
    return ".".join(map(str, [*line["owner"], *line["path"]]))


def told(said: Said, directory: Path, *, steps: bool = False) -> Said:
    """Return the answers without what is empty or differs between versions and machines."""
    found = []
    for line in said:
        if line["kind"] == "end" or (line["kind"] == "step" and not steps):
            continue
        kept = {key: value for key, value in line.items() if value not in (None, "", [], False)}
        for key in kept.keys() & {"message", "text"}:
            short = _OF_OTHERS.sub(r"\1\2: …", kept[key])
            if short != kept[key]:
                kept = {**kept, key: short, "numbers": "…"}
        if "place" in kept:
            kept["place"] = [value for key, value in kept["place"].items() if key != "name"]
        found.append(kept)
    text = json.dumps(found, ensure_ascii=False)
    plain: Said = json.loads(text.replace(str(directory), "…"))
    return plain


def expect(name: str, said: Said, directory: Path, *, steps: bool = False) -> None:
    """Compare answers with those under a name in ``answers.json``.

    ``UPDATE_CASES=1`` writes them; read the difference as a user would.
    """
    found = told(said, directory, steps=steps)
    known = json.loads(ANSWERS.read_text(encoding="utf-8")) if ANSWERS.exists() else {}
    if os.environ.get("UPDATE_CASES") == "1":
        known = dict(sorted({**known, name: found}.items()))
        lines = [
            f"{json.dumps(key)}: [{','.join(f'{chr(10)} {_line(one)}' for one in answers)}\n]"
            for key, answers in known.items()
        ]
        ANSWERS.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    assert found == known[name]


def _line(answer: Mapping[str, Any]) -> str:
    return json.dumps(answer, ensure_ascii=False)
