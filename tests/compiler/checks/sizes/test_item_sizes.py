"""Items of data sets against what models take: sizes, numbers of labels, axes."""

import pytest

from espnet3_compiler.pipeline import compile_manifest

HEADER = """
import csv, random
import librosa
import numpy as np
import soundfile
import torch
import torchaudio
from torch import nn

LABELS = ("up", "down", "left")
INDEX = {label: index for index, label in enumerate(LABELS)}
NUMBERS = {"up": 0, "down": 1, "left": 2}

class Bands(nn.Module):
    def __init__(self, n_mels=40):
        super().__init__()
        edges = torch.linspace(0, 1, n_mels + 2)
        self.register_buffer("filters", edges[:-2] * torch.ones(9, 1))
    def forward(self, x):
        return (torch.stft(x, 16, return_complex=True).abs().transpose(1, 2) @ self.filters).log()

"""
DATA = (
    HEADER
    + """
class DatasetBuilder:
    def __init__(self, data_dir): self.data_dir = data_dir
    def is_source_prepared(self): return True
    def prepare_source(self): pass
    def is_built(self): return False
    def build(self):
        for split in ("train", "valid"):
            np.save(self.data_dir + f"/{split}.npy", random.random())
            np.save(self.data_dir / f"{split}-rows.npy", np.zeros((len(split), 6), np.float32))

class Dataset:
    def __init__(self, split, data_dir, width=6):
        self.rows = list(csv.DictReader(open(split)))
        self.table = np.load(data_dir / f"{split}-rows.npy")
        self.width = width
        self.bands = Bands()
        self.mel = torchaudio.transforms.MelSpectrogram(n_mels=80)
    def __len__(self): return len(self.rows)
    def __getitem__(self, index):
        row = self.rows[index]
        audio, rate = soundfile.read(row["wav"])
        x = torch.as_tensor(audio)
        {lines}
"""
)
MODEL = (
    HEADER
    + """
class Net(nn.Module):
    def __init__(self, size, classes=3):
        super().__init__()
        self.embed = nn.Embedding(classes, 8)
        self.first = nn.Linear(size, 8)
        self.head = nn.Linear(8, classes)
        self.loss = nn.CrossEntropyLoss()
    def forward(self, x, x_lengths=None, label=None):
        {lines}
        return torch.zeros(1)
"""
)
RECIPE = """version: 1
recipe: mini/asr
system: base
data_dir: data
models:
  net: {_target_: src.model.Net, size: 6}
configs:
  training:
    dataset:
      train: [{data_src_args: {split: train}}]
      valid: [{data_src_args: {split: valid}}]
stages: [create_dataset, train]
"""
SCORE = "self.loss(self.head(self.first(x)), label)"


@pytest.fixture
def found(check):
    """Return a function that gives what is said about items: codes, places and messages."""

    def run(item, forward, recipe=RECIPE, extra=""):
        indent = "\n        "
        files = {
            "dataset/__init__.py": DATA.replace("{lines}", indent.join(item)),
            "src/model.py": MODEL.replace("{lines}", indent.join(forward)) + extra,
        }
        check(recipe, files)
        every = compile_manifest(check.manifest).diagnostics
        wanted = [one for one in every if one.code in ("R431", "R434", "R524", "R921")]
        said = [(one.code, one.primary.span.text, one.message) for one in wanted]
        return [one for one in said if one[0] != "R431" or "first axis" in one[2]]

    return run


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ("np.array([1.0, 2.0, 3.0, 4.0, 5.0, float(row['a'])])", False),
        ("np.array([1.0, 2.0, 3.0, 4.0, float(row['a'])])", True),
        ("[float(row[k]) for k in ('a', 'b', 'c', 'd', 'e')]", True),
        ("[float(row[k]) for k in row]", False),
        ("np.zeros((9, 6), np.float32)", False),
        ("np.zeros((9, 7), np.float32)", True),
        ("np.zeros((9, self.width))", False),
        ("np.zeros((9, self.width + 1))", True),
        ("np.zeros(int(row['n']), np.float32)", False),
        ("self.table[index]", False),
        ("self.table[index, :4]", True),
        ("self.table[index, 1:]", True),
        ("self.table[index, int(row['n']):]", False),
        ("np.concatenate([self.table[index], self.table[index]])", True),
        ("self.bands(x[None])[0]", True),
        ("self.mel(x).T", False),
        ("self.mel(x.mean(-1).reshape(-1)).T", True),
        ("torchaudio.compliance.kaldi.fbank(x[None], num_mel_bins=40)", True),
        ("librosa.feature.mfcc(y=librosa.load(row['wav'])[0], n_mfcc=6).T", False),
        ("librosa.feature.mfcc(y=librosa.load(row['wav'])[0], n_mfcc=13).T", True),
        ("np.stack([np.zeros(7) for _ in row])", True),
        ("np.load(row['npy'])", False),
        ("unknown(row)", False),
        ("x.reshape(-1, 7)", True),
        ("x.reshape(row['shape'])", False),
        ("x.view(torch.int16)", False),
        ("torch.zeros(9, 7) if rate else torch.zeros(9, 6)", False),
    ],
)
def test_sizes_of_items(found, value, wrong):
    said = found([f'return {{"x": {value}}}'], ["x = self.first(x)"])
    assert [(code, place) for code, place, _ in said] == ([("R524", "6")] if wrong else [])


@pytest.mark.parametrize(
    "lines",
    [
        ["item = {'x': np.zeros((9, 7))}", "return item"],
        ["item = dict(x=np.zeros((9, 7)))", "item['other'] = 1", "return dict(item)"],
        ["item = {}", "item['x'] = np.zeros((9, 7))", "return {**item, 'utt_id': row['id']}"],
        ["item = {'x': np.zeros((9, 7))}", "if rate: item['y'] = 1", "return item | {'z': 2}"],
    ],
)
def test_items_that_are_made_in_steps(found, lines):
    assert [one[0] for one in found(lines, ["x = self.first(x)"])] == ["R524"]


@pytest.mark.parametrize(
    "lines",
    [
        ["item = {'x': np.zeros((9, 7))}", "change(item)", "return item"],
        ["item = {'x': np.zeros((9, 7))}", "item.update(more(row))", "return item"],
        ["item = {'x': np.zeros((9, 7))}", "item[row['key']] = x", "return item"],
        ["item = {'x': np.zeros((9, 7)), **more(row)}", "return item"],
        ["item = {'x': np.zeros((9, 7))}", "if rate: item['x'] = x", "return item"],
        ["item = {'x': np.zeros((9, 7))}", "for k in row: item[k] = x", "return item"],
        ["item = {'x': np.zeros((9, 7))}", "item.pop('x')", "return item"],
        ["try: return {'x': np.zeros((9, 7))}", "except OSError: return more(row)"],
        ["return more(row)"],
    ],
)
def test_items_that_may_be_others(found, lines):
    assert found(lines, ["x = self.first(x)"]) == []


@pytest.mark.parametrize(
    ("label", "classes", "wrong"),
    [
        ("LABELS.index(row['text'])", 3, False),
        ("LABELS.index(row['text'])", 2, True),
        ("LABELS.index(row['text']) + 1", 3, True),
        ("INDEX[row['text']]", 2, True),
        ("INDEX.get(row['text'], 0)", 2, True),
        ("NUMBERS[row['text']]", 2, True),
        ("NUMBERS[row['text']]", 3, False),
        ("int(NUMBERS[row['text']])", 2, True),
        ("{'yes': 1, 'no': 0}[row['text']]", 2, False),
        ("{'yes': 2, 'no': 1}[row['text']]", 2, True),
        ("'abc'.index(row['text'])", 2, True),
        ("'up down left'.split().index(row['text'])", 2, True),
        ("int(row['text'])", 2, False),
        ("LABELS.index(row['text']) % 2", 2, False),
        ("sorted(row).index(row['text'])", 2, False),
    ],
)
def test_numbers_of_labels(found, label, classes, wrong):
    recipe = RECIPE.replace("size: 6", f"size: 6, classes: {classes}")
    item = [f'return {{"x": np.zeros(6, np.float32), "label": {label}}}']
    for line in (SCORE, SCORE.replace("self.loss", "nn.functional.cross_entropy")):
        said = found(item, [f"loss = {line}"], recipe)
        assert [one[:2] for one in said] == ([("R434", str(classes))] if wrong else [])


@pytest.mark.parametrize(
    "score",
    [
        "nn.functional.cross_entropy(self.head(self.first(x)), label, ignore_index=2)",
        "nn.CrossEntropyLoss(ignore_index=2)(self.head(self.first(x)), label)",
        "self.loss(self.head(self.first(x)), label.clamp(max=1))",
        "self.loss(self.head(self.first(x)), label // 2)",
        "self.loss(self.head(self.first(x))[:, :2], label)",
        "self.loss(self.head(self.first(x)), torch.where(label > 1, 0, label))",
        "self.loss(torch.cat([self.head(self.first(x)), x[:, :1]], 1), label)",
    ],
)
def test_labels_that_are_others_for_the_loss(found, score):
    recipe = RECIPE.replace("size: 6", "size: 6, classes: 2")
    item = ['return {"x": np.zeros(6, np.float32), "label": LABELS.index(row["text"])}']
    assert found(item, [f"loss = {score}"], recipe) == []


@pytest.mark.parametrize(
    ("letters", "rows", "wrong"),
    [
        ("[ord(c) - 96 for c in row['text']]", 26, True),
        ("[ord(c) - 96 for c in row['text']]", 27, False),
        ("[ord(c) - 96 for c in row['text']]", 20, False),
        ("[ord(c) - ord('a') + 1 for c in row['text']]", 26, True),
        ("[ord(c) - ord('a') for c in row['text']]", 26, False),
        ("[ord(c) for c in row['text']]", 26, False),
        ("[LABELS.index(c) + 1 for c in row['text'].split()]", 3, True),
        ("[LABELS.index(c) + 1 for c in row['text'].split()]", 4, False),
    ],
)
def test_numbers_of_letters(found, letters, rows, wrong):
    recipe = RECIPE.replace("size: 6", f"size: 6, classes: {rows}")
    item = [f'return {{"x": np.array({letters}, dtype=np.int64)}}']
    said = found(item, ["x = self.embed(x.clamp_min(0))"], recipe)
    assert [one[:2] for one in said] == ([("R434", str(rows))] if wrong else [])
    assert found(item, ["x = self.embed(x.clamp(0, 1))"], recipe) == []


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ("x[None]", True),
        ("np.asarray(audio)[np.newaxis, :]", True),
        ("torch.as_tensor(audio, dtype=torch.float32).unsqueeze(0)", True),
        ("np.expand_dims(np.asarray(audio), 0)", True),
        ("np.asarray(audio).reshape(1, -1)", True),
        ("torchaudio.load(row['wav'])[0]", True),
        ("torchaudio.load(row['wav'])[0].float()", True),
        ("torchaudio.load(row['wav'])[0][0]", False),
        ("torchaudio.load(row['wav'])[0].squeeze(0)", False),
        ("torchaudio.load(row['wav'])[0].mean(0)", False),
        ("torchaudio.load(row['wav'], channels_first=False)[0]", False),
        ("x[None, :][0]", False),
        ("x[:, None]", False),
        ("x", False),
        ("row[None]", False),
    ],
)
def test_axes_before_that_of_time(found, value, wrong):
    item = [f'return {{"x": {value}}}']
    said = found(item, ["x = x * (x_lengths > 1)"])
    assert [code for code, _, _ in said] == (["R431"] if wrong else [])
    for other in ("x = x * 2", "del x_lengths"):
        assert found(item, [other]) == []


@pytest.mark.parametrize(
    ("value", "loss", "place"),
    [
        ("float(row['y'])", "nn.functional.mse_loss(guess, label)", "guess"),
        ("int(row['y'])", "nn.L1Loss()(label, guess)", "label"),
        ("float(row['y'])", "((guess - label) ** 2).mean()", "guess - label"),
        ("float(row['y'])", "nn.functional.mse_loss(guess.squeeze(-1), label)", ""),
        ("float(row['y'])", "nn.functional.mse_loss(guess[:, 0], label)", ""),
        ("float(row['y'])", "nn.functional.mse_loss(guess, label[:, None])", ""),
        ("float(row['y'])", "nn.functional.mse_loss(guess, label.unsqueeze(1))", ""),
        ("np.array([float(row['y'])])", "nn.functional.mse_loss(guess, label)", ""),
        ("float(row['y'])", "(label[:, None] - label).abs().mean()", ""),
        ("float(row['y'])", "(guess - label.mean()).abs().mean()", ""),
        ("float(row['y'])", "(x - label).abs().mean()", ""),
        ("row['y']", "nn.functional.mse_loss(guess, label)", ""),
    ],
)
def test_losses_of_all_pairs(found, value, loss, place):
    item = [f'return {{"x": np.zeros(6, np.float32), "label": {value}}}']
    said = found(item, ["guess = nn.Linear(6, 1)(x)", f"loss = {loss}"])
    assert [one[:2] for one in said] == ([("R921", place)] if place else [])


PREPARED = """
class Prepare:
    def __init__(self, bands=6, field="x"):
        self.bands, self.field = Bands(bands), field
    def __call__(self, sample):
        feats = self.bands(torch.as_tensor(sample["audio"])[None])
        return {**sample, self.field: feats[0]}

def made(size, **more):
    return Net(size, **more)

class Steps(lightning.LightningModule):
    def __init__(self, size):
        super().__init__()
        self.first = nn.Linear(size, 2)
    def training_step(self, batch, batch_idx):
        return self.first(batch["x"]).sum()
"""


PREPARE = "{_target_: src.model.Prepare"


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("split: train}}]", "split: train}, transform: {_target_: src.model.Prepare}}]", False),
        ("valid: [", "preprocessor: {_target_: src.model.Prepare}\n      valid: [", False),
        ("valid: [", f"preprocessor: {PREPARE}, bands: 7}}\n      valid: [", True),
        ("valid: [", f"preprocessor: {PREPARE}, field: y, bands: 7}}\n      valid: [", False),
        ("split: valid}", f"split: valid}}, transform: {PREPARE}, bands: 7}}", True),
        ("split: valid}", "split: valid, width: 9}", False),
        ("src.model.Net", "src.model.made", False),
    ],
)  # fmt: skip
def test_items_that_are_prepared(found, old, new, wrong):
    recipe = RECIPE.replace(old, new, 1)
    said = found(['return {"audio": audio}'], ["x = self.first(x)"], recipe, PREPARED)
    assert [one[:2] for one in said] == ([("R524", "6")] if wrong else [])


@pytest.mark.parametrize("name", ["made", "Steps"])
def test_models_of_other_kinds(found, name):
    recipe = RECIPE.replace("src.model.Net", f"src.model.{name}")
    extra = "\nimport lightning\n" + PREPARED
    item, forward = ['return {"x": np.zeros((4, SIZE))}'], ["x = self.first(x)"]
    for size, wrong in ((6, []), (7, [("R524", "6")])):
        made = [one.replace("SIZE", str(size)) for one in item]
        assert [one[:2] for one in found(made, forward, recipe, extra)] == wrong


def test_a_model_that_is_called_without_a_runner(found):
    recipe = RECIPE.replace("training:", "inference:\n    input_key: KEY").replace(
        "train: ", "test: "
    )
    recipe = recipe.replace("{data_src", "{name: a, data_src").replace(
        "      valid: [{name: a, data_src_args: {split: valid}}]\n", ""
    )
    recipe = recipe.replace("create_dataset, train", "infer").replace("  net:", "  net: &n")
    recipe = recipe.replace(
        "KEY", "KEY\n    output_keys: [y]\n    model: {_target_: src.model.Net, size: 6}"
    )
    recipe = recipe.replace("models:\n  net: &n {_target_: src.model.Net, size: 6}\n", "")
    item = ['return {"x": np.zeros((4, 7)), "y": np.zeros(3)}']
    forward = ["x = self.first(x)"]
    assert [one[0] for one in found(item, forward, recipe.replace("KEY", "x"))] == ["R524"]
    assert found(item, forward, recipe.replace("KEY", "y")) == []


def test_what_is_said(found):
    item = ['return {"x": np.zeros((4, 7)), "label": LABELS.index(row["text"])}']
    recipe = RECIPE.replace("size: 6", "size: 7, classes: 2")
    assert found(item, [f"loss = {SCORE}".replace("first(x)", "first(x).mean(1)")], recipe) == [
        (
            "R434",
            "2",
            "nn.Linear(8, classes) has 2 scores, 0 to 1, and the numbers of labels go up to 2",
        )
    ]
    assert found(item, ["x = self.first(x)"]) == [
        ("R524", "6", 'nn.Linear(size, 8) takes a size of 6, and gets 7 in "x" of each item')
    ]
