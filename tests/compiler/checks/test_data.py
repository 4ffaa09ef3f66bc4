"""Recipes that resemble mistakes in their data, and are right."""

import textwrap

import pytest

from tests.compiler.checks.checks_kit import HEAD

MODEL = """
import torch

class Net(torch.nn.Module):
    def __init__(self, size): ...
    def forward(self, speech): return speech

class Only:
    def __call__(self, sample): return {"speech": sample["speech"]}

class Pair:
    def __call__(self, sample): return sample, 1

class Run:
    def __init__(self, transform=None): ...
    def __call__(self, model, **batch): return [{"text": ""} for _ in batch["speech"]]
"""
DATA = """
class Dataset:
    def __init__(self, split): ...
    def __len__(self): return 1
    def __getitem__(self, index): return {"speech": index, "text": ""}
"""
TRAIN = "configs:\n  training: {dataset: {train: [{data_src_args: {split: t}}]}}\nstages: [train]\n"
SCORE = """\
configs:
  training: {dataset: {train: [{data_src_args: {split: t}}]}}
  inference:
    checkpoint: ${stages.train.best_checkpoint}
    dataset: {test: [{name: dev, data_src_args: {split: dev}, transform: {_target_: src.model.Only}}]}
    runner: {_target_: src.model.Run}
    input_key: speech
    output_keys: [text]
  metrics: {metrics: [{metric: {_target_: espnet3_runtime.metrics.wer.WER}, inputs: {ref: "dataset:text", hyp: text}}]}
stages: [train, infer, measure]
"""  # noqa: E501
OWN = "class Own(BaseSystem):\n    def train(self, context): return {}\n"


@pytest.fixture
def found(check):
    """Return a function that gives the findings about a recipe whose data or code is replaced."""

    def run(text=TRAIN, *, data=DATA, **files):
        code = {f"src/{name}.py": content for name, content in files.items()}
        return check(HEAD + text, {"src/model.py": MODEL, "dataset/__init__.py": data, **code})

    return run


def test_columns_are_those_before_the_transform(found):
    assert found(SCORE) == []
    assert found(SCORE.replace("dataset:text", "dataset:txt")) == [("R422", '"dataset:txt"')]


@pytest.mark.parametrize(
    ("method", "codes"), [("", ["R422"]), ("    def column(self, name): return []\n", [])]
)
def test_one_of_several_test_sets_has_columns(found, method, codes):
    other = "test: [{name: b, data_src: src.more, data_src_args: {split: b}}, "
    text = SCORE.replace("dataset:text", "dataset:txt").replace("test: [", other)
    assert [code for code, _ in found(text, more=DATA + method)] == codes


BUILDER = """
class DatasetBuilder:
    def is_source_prepared(self, **_): ...
    def prepare_source(self, **_): ...
    def is_built(self, **_): ...
    def build(self, *, seed): ...
"""


@pytest.mark.parametrize(
    ("file", "result"), [("", ("R503", "create_dataset")), ("file: no.yaml, ", ("R701", "no.yaml"))]
)
def test_arguments_of_builders_may_stand_in_a_file_that_is_missing(check, file, result):
    test = "dataset: {test: [{name: dev, data_src_args: {split: dev}}]}"
    configs = f"configs:\n  training: {{dataset: {{train: []}}}}\n  inference: {{{file}{test}}}\n"
    text = f"{HEAD.partition('models')[0]}{configs}stages: [create_dataset]\n"
    assert check(text, {"dataset/__init__.py": DATA + BUILDER}) == [result]


def test_only_the_runtimes_own_objects_have_wanted_results(found):
    inner = "{_target_: src.model.Run, transform: {_target_: src.model.Pair}}"
    assert found(SCORE.replace("{_target_: src.model.Run}", inner)) == []
    assert found(SCORE.replace("src.model.Only", "src.model.Pair"))[0][0] == "R428"


def test_items_of_a_stage_of_ones_own(check, found):
    tuples = DATA.replace('{"speech": index, "text": ""}', "index, 1")
    assert [code for code, _ in found(data=tuples)] == ["R428"]
    own = f"from espnet3_runtime import BaseSystem\n{OWN}"
    head = HEAD.replace("system: asr", "system: src.own.Own")
    assert check(head + TRAIN, {"src/own.py": own}) == []


def test_a_builder_that_no_stage_runs(found):
    stages = TRAIN.replace("[train]", "[create_dataset, train]")
    builder = DATA + "\nclass DatasetBuilder: ...\n"
    assert found(data=builder) == []
    assert [code for code, _ in found(stages, data=builder)] == ["R425"]


def test_a_class_that_makes_objects_of_another(found):
    assert found(data="class Dataset:\n    def __new__(cls, split): return [{}]\n") == []


@pytest.mark.parametrize(
    "decorated",
    [
        DATA.replace("    def __getitem__", "    @more\n    def __getitem__"),
        DATA.replace("class Dataset", "@more\nclass Dataset"),
    ],
)
def test_decorators_that_may_change_items(found, decorated):
    more = """
    from functools import wraps
    def more(function):
        @wraps(function)
        def inner(*args, **kwargs): return {**function(*args, **kwargs), "text": ""}
        return inner
    """
    text = SCORE.replace(", transform: {_target_: src.model.Only}", "")
    data = decorated.replace(', "text": ""}', "}")
    assert [code for code, _ in found(text, data=data.replace("@more", ""))] == ["R422"]
    assert found(text, data=textwrap.dedent(more) + data) == []


@pytest.mark.parametrize(
    ("body", "known"),
    [
        ('return x, {"acc": x, "los": x}, 1', False),
        ('stats = {"acc": x}\nreturn x, stats', False),
        ('stats = {"acc": x}\nif self.training:\n    stats["cer"] = x\nreturn x, stats, 1', True),
        ('return {"loss": x, "cer": x}', True),
        ('return {"loss": x}', False),
        ('if self.training:\n    return x\nreturn {"loss": x}', True),
        ("return x, self.stats(x)", True),
        ("return self.net(x)", True),
    ],
)
@pytest.mark.parametrize("callback", ["lightning.pytorch.callbacks.Timer", "src.model.Shout"])
def test_values_that_the_model_measures(found, body, known, callback):
    lines = "".join(f"        {line}\n" for line in body.splitlines())
    head = "import torch\nfrom lightning.pytorch import Callback\n\nclass Net(torch.nn.Module):\n"
    model = f"{head}    def __init__(self, size): ...\n    def forward(self, speech):\n{lines}"
    text = TRAIN.replace(
        "training: {",
        "training: {best_model_criterion: [[valid/cer, 1, min], [valid/loss, 1, min]], "
        f"trainer: {{callbacks: [{{_target_: {callback}}}]}}, ",
    )
    said = found(text, model=f"{model}\n\nclass Shout(Callback): ...\n")
    quiet = known or callback.startswith("src.")
    assert said == ([] if quiet else [("R412", "valid/cer")])


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ('{"speech": "aduio"}', [("R604", '"aduio"')]),
        ('{"speech": "audio", "text": {"kind": "txt"}}', [("R604", '"txt"')]),
        ('{"söng": {"sample_rate": 8000}}', [("R603", '"söng"')]),
        ('{"speech": "audio", "text": {"kind": "text", "normalize": ["strip"]}}', []),
        ("{name: KIND for name in NAMES}", []),
        ('{"speech": KIND, **MORE}', []),
        ('{"speech": {**MORE}}', []),
        ('["speech", "text"]', []),
    ],
)
def test_kinds_of_declared_fields(found, declared, expected):
    data = DATA.replace("class Dataset:\n", f"class Dataset:\n    fields = {declared}\n")
    assert found(data=data) == expected
    later = data.replace("split): ...", "split): self.fields = {}")
    assert found(data=later) == []


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("return {'model': path}", []),
        ("return {'model': path, 'other': path}", [("R404", "{model: exp/m}")]),
        ("return {'modle': path}", [("R404", "{model: exp/m}")]),
        ("return {'other': path} if path else {}", []),
        ("if path: return {'other': path}\n    return {'model': path}", []),
        ("if path: return\n    return {'other': path}", []),
        ("return {name: path for name in 'ab'}", []),
        ("return path", []),
        ("pass", []),
    ],
)
def test_a_call_returns_what_its_stage_declares(check, body, found):
    text = f"{HEAD}stages:\n  - {{name: go, call: src.go.go, with: {{path: exp/m}}, OUT}}\n"
    code = {"src/go.py": f"def go(path):\n    {body}\n"}
    given = check(text.replace("OUT", "outputs: {model: exp/m}"), code)
    assert [pair for pair in given if pair[0] != "R208"] == found
    given = check(text.replace(", OUT", ""), code)
    assert [pair for pair in given if pair[0] != "R208"] == []


@pytest.mark.parametrize("name", ["valid/lloss", "valid/los", "valid/closs"])
def test_a_slip_in_the_name_of_the_loss_is_told_once(found, name):
    code = "import torch\n\nclass Net(torch.nn.Module):\n    def __init__(self, size): ...\n"
    model = f'{code}    def forward(self, speech): return {{"loss": speech}}\n'
    text = TRAIN.replace("training: {", f"training: {{best_model_criterion: [[{name}, 1, min]], ")
    assert found(text, model=model) == [("R412", name)]
