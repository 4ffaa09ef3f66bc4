"""What fails for certain once it runs: arguments that are refused, results that nobody can use."""

import pytest

from tests.compiler.checks.checks_kit import HEAD
from tests.compiler.checks.methods_kit import DATA, INFER, MODEL, TRAIN


@pytest.fixture
def found(check):
    """Return a function that gives the findings about a recipe whose data or code is replaced."""

    def run(text=TRAIN, *, data=DATA, model=MODEL, head=HEAD, **files):
        code = {f"src/{name}.py": content for name, content in files.items()}
        return check(head + text, {"src/model.py": model, "dataset/__init__.py": data, **code})

    return run


def refusing(*lines, parameters="size, kind='a'"):
    body = "".join(f"        {line}\n" for line in lines)
    start = "from torch import nn\n\nclass Part:\n    def __init__(self, width): assert width % 2\n"
    init = f"    def __init__(self, {parameters}):\n        super().__init__()\n{body}"
    return f"{start}\nclass Net(nn.Module):\n{init}    def forward(self, speech): return 1\n"


@pytest.mark.parametrize(
    ("lines", "refused"),
    [
        (["if size % 3: raise ValueError(f'{size} is odd')"], True),
        (["if size % 2: raise ValueError('odd')"], False),
        (["assert size > 8, 'too small'"], True),
        (["assert isinstance(size, int) and size in (4, 8)"], False),
        (
            [
                "half = size // 2",
                "if half < 10:",
                "    text = 'small'",
                "    raise ValueError(text)",
            ],
            True,
        ),
        (["if kind == 'a':", "    pass", "else:", "    raise ValueError(size)"], False),
        (["if unknown(size): return", "assert size > 8"], False),
        (["for size in range(3): pass", "assert size > 8"], False),
        (["if size > unknown: size = 1", "assert size > 8"], False),
        (["self.part = Part(size)"], True),
        (["self.part = Part(size + 1)"], False),
        (["self.part = Part(width=size) if kind else None"], False),
        (["self.parts = [Part(n) for n in range(size)]"], False),
        (["self.parts = [Part(size) for size in (3, 5)]"], False),
        (["self.part = Part(size) if unknown else None"], False),
        (["self.make = lambda: Part(size)"], False),
        (["self.size = size", "self.grow()", "assert self.size > 8"], False),
        (["self.size = size", "grow(self)", "assert self.size > 8"], False),
        (["self.size = size", "print(size)", "assert self.size > 8"], True),
        (["sizes = [size]", "sizes.append(1)", "assert len(sizes) > 1"], False),
        (["sizes = [size]", "sizes[0] = 9", "assert sizes[0] > 8"], False),
        (["sizes = (size, 1)", "assert sizes == (8, 2)"], True),
        (["size += 1", "assert size > 8"], False),
        (["if (size := 9) > 8: pass", "assert size > 8"], False),
        (["raise NotImplementedError"], False),
        (["assert size / 0"], False),
    ],
)
def test_values_that_a_constructor_refuses(found, lines, refused):
    assert found(model=refusing(*lines)) == ([("R523", "8")] if refused else [])


def test_a_reference_and_a_default_decide_too(found):
    text = TRAIN.replace("configs:", "configs:\n  other: {num_threads: 3}")
    head = HEAD.replace("size: 8", 'size: "${configs.training.num_threads}"')
    text = TRAIN.replace("{dataset", "{num_threads: 3, dataset")
    model = refusing("assert size % 2 == 0")
    assert [code for code, _ in found(text, model=model, head=head)] == ["R523"]
    model = refusing("assert other < size", parameters="size, other=20")
    assert found(model=model) == [("R523", "8")]


def test_what_the_runtime_gives_decides_nothing(found):
    late = refusing("assert total_steps > size", parameters="optimizer, size, total_steps=0")
    schedule = "scheduler: {_target_: src.late.Net, size: 8}"
    assert found(TRAIN.replace("{dataset", f"{{{schedule}, dataset"), late=late) == []
    known = late.replace("total_steps=0", "steps=0").replace("total_steps", "steps")
    text = TRAIN.replace("{dataset", f"{{{schedule}, dataset")
    assert found(text, late=known) == [("R523", "8")]


BUILDER = """
class DatasetBuilder:
    def is_source_prepared(self, **_): return True
    def prepare_source(self, **_): ...
    def is_built(self, **_): return True
    def build(self, sizes, more=()):
        for split, count in sizes.items(): print(split)
        print([part for part in more])
"""


@pytest.mark.parametrize(
    ("block", "split", "code"),
    [
        ("{sizes: {train: 8, dev: 1}}", "valid", "R439"),
        ("{sizes: {train: 8, valid: 1}}", "valid", None),
        ("{sizes: {train: 8}, more: [valid]}", "valid", "R439"),
        ("{sizes: {train: 8}}", '"${configs.training.seed}"', None),
    ],
)
def test_parts_that_are_not_made(found, block, split, code):
    text = (
        f"configs:\n  training:\n    seed: 1\n    create_dataset: {block}\n    dataset:\n"
        f"      train: [{{data_src_args: {{split: train}}}}]\n"
        f"      valid: [{{data_src_args: {{split: {split}}}}}]\nstages: [create_dataset, train]\n"
    )
    told = [(code, split)] if code else []
    assert found(text, data=BUILDER + DATA) == told
    counted = BUILDER.replace("split, count in sizes.items()", "i, (split, n) in enumerate(sizes)")
    assert found(text, data=counted + DATA) == told
    if code:
        said = BUILDER.replace("print(split)", "print(split, 'valid')")
        assert found(text, data=said + DATA) == []


@pytest.mark.parametrize(
    ("forward", "found_code"),
    [
        ('return {"mse": speech.mean()}', "R428"),
        ('return {"loss": speech.mean()}', None),
        ('return {**speech, "mse": 1}', None),
        ("return self.predict(speech).mean()", "R428"),
        ("return self.predict(speech).mean() + self.encode(speech)", None),
    ],
)
def test_losses_that_train_nothing(found, forward, found_code):
    model = f"""
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, size): super().__init__()
    def forward(self, speech, speech_lengths=None): {forward}
    def encode(self, speech): return speech
    @torch.no_grad()
    def predict(self, speech): return speech
"""
    assert [code for code, _ in found(model=model)] == ([found_code] if found_code else [])


@pytest.mark.parametrize(
    ("forward", "codes"),
    [
        ("return self.head(speech)", ["R428"]),
        ("scores = self.head(speech); return scores.softmax(-1), speech", ["R428"]),
        ("return self.head(speech) if speech_lengths is None else speech.sum()", []),
        ("return self.head(speech).mean()", []),
        ("return self.one(speech)", []),
    ],
)
def test_scores_in_the_place_of_a_loss(found, forward, codes):
    model = f"""
from torch import nn

class Net(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.head, self.one = nn.Linear(size, 3), nn.Linear(size, 1)
    def forward(self, speech, speech_lengths=None): {forward}
"""
    assert [code for code, _ in found(model=model)] == codes


@pytest.mark.parametrize(
    ("result", "codes"),
    [
        ("speech - speech.mean(1)", ["R428"]),
        ("speech, speech_lengths, 1", ["R428"]),
        ("speech.log()[..., :4]", ["R428"]),
        ("spectra", ["R428"]),
        ("speech, speech_lengths // 4", []),
        ("self.net(speech)", []),
        ("self.log(speech)", []),
        ("pair", []),
        ("pair + (speech,)", []),
    ],
)
def test_features_without_their_lengths(found, result, codes):
    net = f"""
class Net:
    def __init__(self, size): ...
    def forward(self, speech, speech_lengths):
        spectra = speech.abs()
        spectra = 2 * spectra
        spectra += 1
        pair = self.net(speech)
        return {result}
"""
    text = (
        "configs:\n  training:\n    dataset: {train: [{data_src_args: {split: t}}]}\n"
        "    collect_stats: {features: {_target_: src.net.Net, size: 1}}\n"
        "stages: [collect_stats, train]\n"
    )
    assert [code for code, _ in found(text, net=net)] == codes


@pytest.mark.parametrize(
    ("call", "codes"),
    [
        ("def __call__(self, model, speech, **_): return [round(x, 2) for x in speech]", ["R428"]),
        ("def __call__(self, model, speech, **_): return [{'text': x} for x in speech]", []),
        ("def __call__(self, model, speech): return [{'text': x} for x in speech]", ["R429"]),
        ("def __call__(self, model, speech, **_): return [model.encode(speech).sum()]", ["R519"]),
        ("def __call__(self, model, speech, **_): return [model.encode(speech).index(1)]", []),
    ],
)
def test_what_a_runner_gets_and_gives(found, call, codes):
    assert [code for code, _ in found(INFER, decode=f"class Run:\n    {call}\n")] == codes


def test_a_preprocessor_with_an_index(found):
    text = TRAIN.replace("split: t}}]}", "split: t}}], preprocessor: {_target_: src.pre.Pre}}")
    code = "class Pre:\n    def __call__(self, {}): return sample\n"
    assert [one for one, _ in found(text, pre=code.format("sample, idx"))] == ["R429"]
    assert found(text, pre=code.format("uid, sample")) == []
    assert found(text, pre=code.format("sample, idx=0")) == []


def test_a_stage_of_a_system_that_returns_nothing(found):
    head = HEAD.replace("system: asr", "system: src.own.Own")
    own = (
        "from espnet3_runtime.systems.asr import ASRSystem\n\nclass Own(ASRSystem):\n"
        "    def train(self, context):\n        outputs = super().train(context)\n{}"
    )
    assert [one for one, _ in found(head=head, own=own.format(""))] == ["R426"]
    assert found(head=head, own=own.format("        return outputs\n")) == []


METRICS = """  metrics:
    metrics:
      - {name: mae, metric: {_target_: src.score.Mae}, inputs: {ref: "dataset:text", hyp: text}}
"""


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        ("abs(a - b)", True),
        ("float(a) - float(b)", False),
        ("a + b", False),
        ("len(ref) - 1", False),
        ("100 / a", True),
    ],
)
def test_metrics_that_count_with_texts(found, expression, wrong):
    text = INFER.replace("stages: [train, infer]", f"{METRICS}stages: [train, infer, measure]")
    score = (
        "class Mae:\n    def __call__(self, ref, hyp):\n"
        f"        return {{'mae': sum({expression} for a, b in zip(ref, hyp))}}\n"
    )
    decode = "class Run:\n    def __call__(self, model, speech, **_): return [{'text': 'a'}]\n"
    codes = [code for code, _ in found(text, decode=decode, score=score)]
    assert codes == (["R428"] if wrong else [])


def test_scores_that_are_measured_twice(found):
    stages = "stages: [train, infer, measure, {name: again, run: measure%s}]"
    decode = "class Run:\n    def __call__(self, model, speech, **_): return [{'text': 'a'}]\n"
    score = "class Mae:\n    def __call__(self, ref, hyp): return 1\n"
    for more, codes in (("", ["R432"]), (", needs: [infer]", [])):
        text = INFER.replace("stages: [train, infer]", METRICS + stages % more)
        assert [code for code, _ in found(text, decode=decode, score=score)] == codes


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("16", "R814"),
        ("44.1", "R814"),
        ("16000", None),
        ("250", None),
        ('"${configs.training.seed}"', None),
    ],
)
def test_sample_rates_in_kilohertz(found, value, code):
    head = HEAD.replace("size: 8", f"size: 8, sample_rate: {value}")
    model = MODEL.replace("self, size)", "self, size, sample_rate=16000)")
    text = TRAIN.replace("{dataset", "{seed: 16000, dataset")
    assert found(text, head=head, model=model) == ([(code, value)] if code else [])


@pytest.mark.parametrize(
    ("value", "doc", "code"),
    [
        ("50", "margin: Seconds of silence.", "R814"),
        ("50", "margin: Of silence.", None),
        ("5", "margin: Seconds of silence.", None),
        ("0.00005", "margin (float): Silence in ms.", "R814"),
    ],
)
def test_milliseconds_for_seconds(found, value, doc, code):
    call = (
        f"def trim(path, margin=0.05):\n"
        f'    """Trim.\n\n    Args:\n        {doc}\n    """\n    open(path, "w")\n'
    )
    stage = (
        "  - {name: trim, call: src.trim.trim, with: {path: x, margin: %s}}\n" % value  # noqa: UP031
    )
    text = TRAIN.replace("stages: [train]", f"stages:\n  - train\n{stage}")
    assert found(text, trim=call) == ([(code, value)] if code else [])


def test_parts_that_are_frozen_and_start_afresh(found):
    model = MODEL.replace("super().__init__()", "super().__init__(); self.head = size")
    text = (
        "configs:\n  training: {dataset: {train: [{data_src_args: {split: t}}]}}\n"
        "  tuning: {extends: training, freeze: [head], reinit: [head]}\n"
        "stages: [{name: train, config: training}, "
        "{name: tune, run: train, config: tuning, init_from: train}]\n"
    )
    assert ("R415", "head") in found(text, model=model)


def test_an_entry_of_no_data(check):
    text = HEAD + (
        "configs:\n  training:\n    dataset:\n"
        "      train: [{data_src: src.data, data_src_args: {split: a}}]\n"
        "      valid: [{data_src_args: {split: b}}]\nstages: [train]\n"
    )
    given = check(text, {"src/model.py": MODEL, "src/data.py": DATA})
    assert given == [("R501", "data_src_args")]
