"""Methods of the recipe's code: what is wrong with them, and what only resembles a mistake."""

import pytest

from tests.compiler.checks.checks_kit import HEAD
from tests.compiler.checks.methods_kit import DATA, INFER, MODEL, TORCH, TRAIN, runner


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
        ("def __call__(self, model, **_) -> list[str]: return self.x(model)", ("R428", "return")),
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
    ("arguments", "codes"),
    [
        ("speech", []),
        ("speech, **others", []),
        ("**fields", []),
        ("speech, rate=16000", []),
        ("audio, **others", ["R429"]),
        ("speech, speech_lengths", ["R429"]),
        ("rate=3", ["R429"]),
    ],
)
def test_a_model_that_is_called_itself(found, arguments, codes):
    whole = "    model: {_target_: src.whole.Whole}\n"
    text = INFER.replace("    runner: {_target_: src.decode.Run}\n", whole)
    text = text.replace("    checkpoint: ${stages.train.best_checkpoint}\n", "")
    code = f"{TORCH}class Whole(nn.Module):\n    def forward(self, {arguments}): return 1\n"
    assert [code for code, _ in found(text, whole=code)] == codes
    plain = code.replace("(nn.Module)", "").replace("forward", "__call__")
    assert [code for code, _ in found(text, whole=plain)] == codes


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
    code = f"class Prepare:\n    def __call__({call}): return dict(speech=[3])\n"
    assert [code for code, _ in found(text, prepare=code)] == codes


@pytest.mark.parametrize(
    ("arguments", "given", "codes"),
    [
        ("sample, level", "level: 2", []),
        ("utt_id, sample, level", "level: 2", []),
        ("sample, *, level", "level: 2", []),
        ("*samples, level", "level: 2", []),
        ("level, sample", "level: 2", ["R429"]),
        ("sample, level, extra", "level: 2", ["R429"]),
        ("level", "level: 2", ["R429"]),
        ("level, sample", "_args_: [2]", []),
    ],
)
def test_preprocessors_that_are_functions(found, arguments, given, codes):
    target = f"{{_target_: src.prepare.prepare, {given}, _partial_: true}}"
    text = TRAIN.replace("dataset: {", f"dataset: {{preprocessor: {target}, ")
    code = f"def prepare({arguments}): return dict(speech=[3])\n"
    assert [code for code, _ in found(text, prepare=code)] == codes


@pytest.mark.parametrize(
    ("method", "codes"),
    [
        ("def train(self, context): return super().train(context)", []),
        ("def train(self, *args): return super().train(*args)", []),
        ("def train(self): return super().train()", ["R429"]),
        ("def measure(self): return super().measure()", ["R503"]),
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
        ("on_some_day(self, trainer, pl_module, outputs)", ["R441"]),
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
def test_models_without_forward(found, body, finding):
    init = "" if "__init__" in body else "    def __init__(self, size): super().__init__()\n"
    model = f"from torch import nn\nclass Net(nn.Module):\n    {body}\n{init}"
    assert [one for one in found(model=model) if one[0] != "R516"] == finding


LOGGED = 'return self.log("valid/loss", 1)'


@pytest.mark.parametrize(
    ("body", "finding"),
    [
        (f"def training_step(self, batch): {LOGGED}\n    def configure_optimizers(self): 1", []),
        (f"def training_step(self, batch): {LOGGED}", [("R425", "Net")]),
        ("def configure_optimizers(self): return 1", [("R425", "Net")]),
        ("def __getattr__(self, name): return len", []),
        (f"training_step = 1\n    def configure_optimizers(self): {LOGGED}", []),
    ],
)
@pytest.mark.parametrize("imports", ["import lightning.pytorch as pl", "import lightning as pl"])
def test_lightning_modules_without_steps(found, imports, body, finding):
    init = "    def __init__(self, size): super().__init__()\n"
    model = f"{imports}\nclass Net(pl.LightningModule):\n    {body}\n{init}"
    assert [one for one in found(model=model) if one[0] != "R412"] == finding


def test_a_model_that_is_not_trained_needs_no_forward(found):
    text = TRAIN.replace("[train]", "[{name: use, call: src.steps.use, model: net}]")
    model = MODEL.replace("forward", "foretell")
    assert "R425" not in [code for code, _ in found(text, model=model, steps="def use(): ...\n")]


WORKS = "        return [{'text': ''}]\n"


def using(*lines):
    body = "".join(f"        {line}\n" for line in lines)
    head = "    def __call__(self, model, speech, **_):\n"
    return f"import torch\nclass Run:\n{head}{body}{WORKS}"


@pytest.mark.parametrize(
    ("line", "codes"),
    [
        ("model.encode(speech)", []),
        ("model.training, model.size, model.mean, model.parameters()", []),
        ("model._private", []),
        ("model.decode(speech)", ["R517"]),
        ("[model.sizes for one in speech]", ["R517"]),
        ("if hasattr(model, 'sizes'): model.sizes", []),
        ("if self.old: model.sizes", []),
        ("self.old and model.sizes", []),
        ("model = torch.compile(model); model.sizes", []),
        ("model.sizes = 3; model.sizes", []),
        ("self.inner(1, model)", ["R517"]),
        ("scores, lengths = model.encode(speech)", []),
        ("scores, *lengths = model.encode(speech)", []),
        ("scores, lengths, more = model.encode(speech)", ["R519"]),
        ("scores, lengths, more = model.either(speech)", []),
    ],
)
def test_what_a_runner_does_with_its_model(found, line, codes):
    model = MODEL.replace(
        "super().__init__()",
        "super().__init__(); self.size = size; self.register_buffer('mean', None)",
    )
    model += "    def either(self, speech): return (1, 2) if speech else (1, 2, 3)\n"
    code = using(line) + "    def inner(self, one, net): return net.sizes\n"
    assert [code for code, _ in found(INFER, decode=code, model=model)] == codes


def test_the_place_of_an_attribute_below_its_model(found):
    assert found(INFER, decode=using("(model", " .sizes)")) == [("R517", "sizes")]


@pytest.mark.parametrize(
    "change",
    [
        ("super().__init__()", "super().__init__(); setattr(self, 'sizes', 1)"),
        ("super().__init__()", "super().__init__(); self.register_buffer(f'{size}', None)"),
        ("    def encode", "    def __getattr__(self, name): return 1\n    def encode"),
        ("(nn.Module)", "(nn.Sequential)"),
        ("(nn.Module)", "(nn.Module, metaclass=Meta)"),
    ],
)
def test_models_that_may_have_other_attributes(found, change):
    assert found(INFER, decode=using("model.sizes"), model=MODEL.replace(*change)) == []


def test_a_model_unpacks_what_it_returns_itself(found):
    wrong = MODEL.replace('return {"loss"', 'a, b, c = self.encode(speech); return {"loss"')
    assert found(model=wrong) == [("R519", "a, b, c")]
    assert found(model=wrong.replace("a, b, c", "a, b")) == []


@pytest.mark.parametrize(
    ("arguments", "layer", "codes"),
    [
        ("speech, speech_lengths, layer=-1", "3", []),
        ("speech, speech_lengths, *, layer", "3", []),
        ("speech, **others", "3", []),
        ("speech, speech_lengths", "null", []),
        ("speech, speech_lengths", "3", ["R429"]),
        ("speech, speech_lengths, index=-1", "3", ["R429"]),
        ("speech, speech_lengths, layer", "null", ["R429"]),
    ],
)
def test_features_of_a_layer(check, arguments, layer, codes):
    text = (HEAD + TRAIN).replace("system: asr", "system: ssl")
    text = text.replace("stages: [", "stages: [cluster, ")
    text = text.replace("dataset: {", f"cluster: {{num_clusters: 8, layer: {layer}}}, dataset: {{")
    code = (
        f"{TORCH}class Net(nn.Module):\n    def __init__(self, size): super().__init__()\n"
        "    def forward(self, speech, speech_lengths): return self.other(speech)\n"
        f"    def extract_features(self, {arguments}): return self.other(speech)\n"
    )
    found = [code for code, _ in check(text, {"src/model.py": code}) if code == "R429"]
    assert found == codes
