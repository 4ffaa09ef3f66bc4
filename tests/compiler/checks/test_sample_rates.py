"""The sample rate of a contract, and those of the model and of the data."""

import pytest

from tests.compiler.checks.checks_kit import CONFIGS, HEAD

NET = "class Net:\n    def __init__(self, sample_rate: int = 0, fs: str = '', size: int = 8): ...\n"
DATA = """\
RATE = 8000
class Dataset:
    def __init__(self, split=""): ...
    def __len__(self): return 1
    def __getitem__(self, index): return {"speech": None}
"""
CONTRACT = """\
    contract:
      inputs: {speech: {kind: audio, sample_rate: 16000}}
      outputs: {text: {kind: text}}
stages: [train, infer]
"""


def check_rates(check, head: str, data: str) -> list[tuple[str, str]]:
    files = {"src/model.py": NET, "dataset/__init__.py": data}
    return [one for one in check(head + CONFIGS + CONTRACT, files) if one[0] == "R816"]


@pytest.mark.parametrize(
    ("given", "data", "found"),
    [
        ("sample_rate: 8000", "", True),
        ("sample_rate: 16000", DATA, False),
        ("sample_rate: 8000", f"{DATA}# resampled\n", True),
        ("fs: 8k", "", True),
        ("fs: 16k", DATA, False),
        ("size: 8", f"{DATA}# resampled\n", False),
        ("size: 8", DATA, True),
        ("size: 8", DATA.replace("8000", "16_000"), False),
        ("size: 8", f"{DATA}SOURCE_RATE = 16000\n", False),
        ("size: 8", f"{DATA}SR = 44100\n", False),
        ("size: 8", DATA.replace("RATE", "FRAME_RATE"), False),
    ],
)
def test_contract_has_the_rate_of_model_and_data(check, given, data, found):
    head = HEAD.replace("size: 8", given)
    data = data or DATA.replace("RATE = 8000\n", "")
    assert check_rates(check, head, data) == ([("R816", "16000")] if found else [])


FRONT = "class Front:\n    def __init__(self, sample_rate: int = RATE): ...\n"
MADE = FRONT + "class Net:\n    def __init__(self, size: int): self.front = Front(ARGUMENTS)\n"


@pytest.mark.parametrize(
    ("code", "found"),
    [
        (NET.replace("= 0", "= 8000"), True),
        (NET.replace("= 0", "= 16_000"), False),
        (NET.replace("= 0", "= 8"), False),
        (MADE.replace("RATE", "8000").replace("ARGUMENTS", ""), True),
        (MADE.replace("RATE", "8000").replace("ARGUMENTS", "sample_rate=size"), False),
        (MADE.replace("RATE", "8000").replace("ARGUMENTS", "*size"), False),
    ],
)
def test_a_front_end_has_a_rate_unless_told_otherwise(check, code, found):
    files = {"src/model.py": code, "dataset/__init__.py": DATA.replace("RATE = 8000\n", "")}
    reported = [one for one in check(HEAD + CONFIGS + CONTRACT, files) if one[0] == "R816"]
    assert reported == ([("R816", "16000")] if found else [])


ENHANCING = """\
    contract:
      inputs: {speech: {kind: audio, sample_rate: 16000}}
      outputs: {text: {kind: audio, sample_rate: 8000}}
  metrics:
    metrics: [{metric: METRIC, inputs: {ref: "dataset:clean", hyp: text, x: "dataset:speech"}}]
stages: [train, infer, measure]
"""
PREPARED = "    dataset: {test: [{name: dev}], preprocessor: {_target_: src.model.Net}}\n"
SISDR = "{_target_: espnet3_runtime.metrics.si_sdr.SISDRImprovement}"


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("", "", True),
        ("8000", "16000", False),
        ("si_sdr.SISDRImprovement", "versa.VERSA", False),
        (', x: "dataset:speech"', "", False),
        ("hyp: text", "hyp: other", False),
        ("[train, infer, measure]", "[train, infer]", False),
        ("    contract:", f"{PREPARED}    contract:", False),
    ],
)
def test_recordings_that_are_compared_have_one_rate(check, old, new, found):
    text = ENHANCING.replace("METRIC", SISDR).replace(old, new)
    sets = "    dataset: {test: [{name: dev}]}\n"
    configs = CONFIGS.replace(sets, "") if PREPARED in new else CONFIGS
    rates = [one for one in check(HEAD + configs + text) if one[0] == "R816"]
    assert rates == ([("R816", "8000")] if found else [])


SPEAKING = """\
    contract:
      inputs: {text: {kind: text}}
      outputs: {wave: {kind: audio, sample_rate: 22050}}
stages: [train, infer]
"""


@pytest.mark.parametrize(
    ("given", "code", "found"),
    [
        ("sample_rate: 16000", "", True),
        ("sample_rate: 22050", "", False),
        ("sample_rate: 16000", "NATIVE = 22_050\n", False),
        ("sample_rate: 16000", "# resampled\n", False),
        ("size: 8", "", False),
    ],
)
def test_a_model_that_speaks_has_the_rate_of_its_output(check, given, code, found):
    text = HEAD.replace("size: 8", given) + CONFIGS + SPEAKING
    rates = [one for one in check(text, {"src/model.py": NET + code}) if one[0] == "R816"]
    assert rates == ([("R816", "22050")] if found else [])
