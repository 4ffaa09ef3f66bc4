"""Methods of the recipe's code: what is wrong with them, and what only resembles a mistake."""

import pytest

from tests.compiler.checks.checks_kit import HEAD

TORCH = "from torch import nn\n"
MODEL = """
from torch import nn

class Net(nn.Module):
    def __init__(self, size): super().__init__()
    def forward(self, speech, speech_lengths=None): return {"loss": speech.mean()}
    def encode(self, speech): return speech, 1
"""
DATA = """
class Dataset:
    def __init__(self, split): ...
    def __len__(self): return 1
    def __getitem__(self, index): return {"speech": index, "text": ""}
"""
TRAIN = "configs:\n  training: {dataset: {train: [{data_src_args: {split: t}}]}}\nstages: [train]\n"
INFER = """\
configs:
  training: {dataset: {train: [{data_src_args: {split: t}}]}}
  inference:
    checkpoint: ${stages.train.best_checkpoint}
    dataset: {test: [{name: dev, data_src_args: {split: dev}}]}
    runner: {_target_: src.decode.Run}
    input_key: speech
    output_keys: [text]
stages: [train, infer]
"""


@pytest.fixture
def found(check):
    """Return a function that gives the findings about a recipe whose data or code is replaced."""

    def run(text=TRAIN, *, data=DATA, model=MODEL, **files):
        code = {f"src/{name}.py": content for name, content in files.items()}
        return check(HEAD + text, {"src/model.py": model, "dataset/__init__.py": data, **code})

    return run


def runner(call):
    return f"class Run:\n    {call}\n"


@pytest.mark.parametrize(
    "call",
    [
        "def __call__(self, model, speech, **_): return [{'text': ''}]",
        "def __call__(self, speeches, speech, speech_lengths): return [{'text': ''} for _ in speech]",  # noqa: E501
        "def __call__(self, *args, **batch): return [{'text': '', 'score': 1}]",
        "def __call__(self, model, /, *, speech=None, **_): return self.answers(speech)",
        "def __call__(self, model, **batch): return [{'text': '', **self.more()}]",
    ],
)
def test_runners_that_are_right(found, call):
    assert found(INFER, decode=runner(call)) == []


@pytest.mark.parametrize(
    ("call", "finding"),
    [
        ("def __call__(self, speech, model): return [{'text': ''}]", ("R429", "def __call__")),
        ("def __call__(self, model, feats, **_): return [{'text': ''}]", ("R429", "def __call__")),
        ("def __call__(self, **batch): return [{'text': ''}]", ("R429", "def __call__")),
        ("def __call__(self, model, **_): return [{'hyp': ''} for _ in '']", ("R422", "text")),
    ],
)
def test_runners_that_are_wrong(found, call, finding):
    assert found(INFER, decode=runner(call)) == [finding]


def test_the_fields_of_a_collate_function_of_the_recipe_are_not_known(found):
    own = INFER.replace(
        "output_keys", "dataloader: {collate_fn: {_target_: src.decode.Pad}}\n    output_keys"
    )
    pad = "class Pad:\n    def __call__(self, items): return [], {}\n"
    call = "def __call__(self, model, feats): return [{'text': ''}]"
    assert found(own, decode=runner(call) + pad) == []
    pad = pad.replace("items", "items, value")
    assert found(own, decode=runner(call) + pad) == [("R429", "def __call__")]


@pytest.mark.parametrize(
    ("call", "codes"),
    [
        ("self, sample", []),
        ("self, utt_id, sample", []),
        ("self, sample, limit=3", []),
        ("self, sample, *, limit", ["R429"]),
        ("self, utt_id, sample, limit", ["R429"]),
        ("self", ["R429"]),
    ],
)
def test_preprocessors(found, call, codes):
    text = TRAIN.replace("dataset: {", "dataset: {preprocessor: {_target_: src.prepare.Prepare}, ")
    code = f"class Prepare:\n    def __call__({call}): return dict(limit=3)\n"
    assert [code for code, _ in found(text, prepare=code)] == codes


@pytest.mark.parametrize(
    ("method", "codes"),
    [
        ("def train(self, context): return super().train(context)", []),
        ("def train(self, *args): return super().train(*args)", []),
        ("def train(self): return super().train()", ["R429"]),
        ("def measure(self): return super().measure()", []),
        ("def __init__(self, **values): super().__init__(**values)", []),
        ("def __init__(self): super().__init__(configs={})", ["R429"]),
    ],
)
def test_stages_of_a_system(check, method, codes):
    text = HEAD.replace("system: asr", "system: src.system.Own") + TRAIN
    base = "from espnet3_runtime.systems.asr import ASRSystem\n\n\nclass Own(ASRSystem):\n"
    files = {"src/model.py": MODEL, "dataset/__init__.py": DATA}
    found = check(text, {**files, "src/system.py": f"{base}    {method}\n"})
    assert [code for code, _ in found] == codes


@pytest.mark.parametrize(
    ("hook", "codes"),
    [
        ("on_train_epoch_end(self, trainer, pl_module)", []),
        ("on_train_epoch_end(self, trainer, pl_module, outputs=None)", []),
        ("on_train_epoch_end(self, *args)", []),
        ("on_train_epoch_end(self, trainer, pl_module, outputs)", ["R429"]),
        ("on_train_epoch_end(self, trainer)", ["R429"]),
        ("on_train_batch_end(self, trainer, pl_module, outputs, batch)", ["R429"]),
        ("on_validation_batch_end(self, trainer, pl_module, outputs, batch, batch_idx)", []),
        ("on_some_day(self, trainer, pl_module, outputs)", []),
    ],
)
def test_hooks_of_callbacks(found, hook, codes):
    text = TRAIN.replace("dataset", "trainer: {callbacks: [{_target_: src.hear.Hear}]}, dataset", 1)
    code = f"from lightning.pytorch import Callback\nclass Hear(Callback):\n    def {hook}: ...\n"
    assert [code for code, _ in found(text, hear=code)] == codes


@pytest.mark.parametrize(
    ("body", "finding"),
    [
        ("def training_step(self, batch, index): return 1", [("R425", "training_step")]),
        ("def encode(self, speech): return 1", [("R425", "Net")]),
        ("forward = encode = None", []),
        ("def __init__(self, size): self.forward = self.encode", []),
        ("def __init__(self, size): setattr(self, 'forward', self.encode)", []),
        ("def __getattr__(self, name): return len", []),
    ],
)
@pytest.mark.parametrize("base", ["nn.Module", "pl.LightningModule"])
def test_models_without_forward(found, body, base, finding):
    imports = "import lightning.pytorch as pl\nfrom torch import nn\n"
    init = "" if "__init__" in body else "    def __init__(self, size): super().__init__()\n"
    model = f"{imports}class Net({base}):\n    {body}\n{init}"
    assert [one for one in found(model=model) if one[0] != "R516"] == finding


def test_a_model_that_is_not_trained_needs_no_forward(found):
    text = TRAIN.replace("[train]", "[{name: use, call: src.steps.use, model: net}]")
    model = MODEL.replace("forward", "foretell")
    assert "R425" not in [code for code, _ in found(text, model=model, steps="def use(): ...\n")]
