"""Audio that is read as a pair, and taken for one array, or for the other of both."""

import pytest

from tests.compiler.checks.checks_kit import HEAD

DATA = """
import numpy as np
import soundfile
import soundfile as sf
import torch
import torchaudio
from scipy.io import wavfile

class Dataset:
    def __init__(self, split): self.paths = [split]
    def __len__(self): return len(self.paths)
    def _load(self, path): return soundfile.read(path)
    def __getitem__(self, index):
        path = self.paths[index]
        BODY

def load(path):
    return torchaudio.load(path)
"""
TRAIN = """\
configs:
  training: {dataset: {train: [{data_src_args: {split: t}}]}}
stages: [train]
"""


def places(check, *lines, text=HEAD + TRAIN, **files):
    code = {f"src/{name}.py": content for name, content in files.items()}
    data = DATA.replace("BODY", "\n        ".join(lines))
    found = check(text, {"dataset/__init__.py": data, **code})
    return [place for code, place in found if code == "R519"]


@pytest.mark.parametrize(
    ("lines", "place"),
    [
        (("x = soundfile.read(path)", "return {'speech': np.asarray(x)}"), "x"),
        (("x = sf.read(path, dtype='float32')", "return {'speech': x.mean(-1)}"), "x"),
        (("x = torchaudio.load(path)", "return {'speech': x / 2}"), "x"),
        (("x = torchaudio.load(path)", "return {'speech': x[0, :]}"), "x"),
        (("speech = soundfile.read(path)", "return {'speech': speech}"), "speech"),
        (("x = self._load(path)", "return {'speech': x.astype('f')}"), "x"),
        (("x = load(path)", "return {'speech': x.squeeze(0)}"), "x"),
        (("return {'speech': np.array(sf.read(path))}",), "sf.read(path)"),
        (("return {'speech': torchaudio.load(path).mean()}",), "torchaudio.load(path)"),
        (("x = wavfile.read(path)", "return {'speech': torch.from_numpy(x)}"), "x"),
        (("_, speech = soundfile.read(path)", "return {'speech': speech}"), "_, speech"),
        (("_, wav_1 = load(path)", "return {'speech': wav_1}"), "_, wav_1"),
        (("sr, x = sf.read(path)", "return {'speech': x, 'rate': sr}"), "sr, x"),
        (("speech, rate = wavfile.read(path)", "return {'speech': speech}"), "speech, rate"),
        (("speech, _ = wavfile.read(path)", "return {'speech': speech}"), "speech, _"),
    ],
)
def test_pairs_that_are_taken_for_arrays(check, lines, place):
    assert places(check, *lines) == [place]


@pytest.mark.parametrize(
    "lines",
    [
        ("speech, _ = soundfile.read(path)", "return {'speech': np.asarray(speech)}"),
        ("x = soundfile.read(path)", "return {'speech': np.asarray(x[0])}"),
        ("x = soundfile.read(path)", "speech, rate = x", "return {'speech': speech}"),
        ("x = soundfile.read(path)", "x = x[0]", "return {'speech': np.asarray(x)}"),
        ("x = soundfile.read(path)", "return {'speech': self.cut(x)}"),
        ("x = soundfile.read(path)", "return {'both': x}"),
        ("_, rate = soundfile.read(path)", "return {'rate': rate}"),
        ("_, sr = torchaudio.load(path)", "return {'sr': np.array(sr)}"),
        ("speech_sr, native = soundfile.read(path)", "return {'speech': speech_sr}"),
        ("frequency_response, r = soundfile.read(path)", "return {'x': frequency_response}"),
        ("_, speech = wavfile.read(path)", "return {'speech': speech}"),
        ("rate, speech = wavfile.read(path)", "return {'speech': speech / 32768}"),
        ("soundfile = self", "x = soundfile.read(path)", "return {'speech': x.mean()}"),
        ("speech, noise = load(path)", "return {'speech': speech, 'noise': noise}"),
        ("return {'speech': soundfile.read(path)[0]}",),
        ("x = soundfile.read(path)", "if isinstance(x, tuple): x.y", "return {'speech': x}"),
    ],
)
def test_pairs_that_stay_pairs(check, lines):
    assert places(check, *lines) == []


@pytest.mark.parametrize(
    ("step", "found"),
    [
        ('speech, rate = item["speech"]', []),
        ('speech = item["speech"][0]', []),
        ('speech = self.resample(*item["speech"])', []),
        ('speech = [a for a, _ in (item[key] for key in ("speech", "noise"))]', []),
        ("speech = [x[0] for x in item.values() if isinstance(x, tuple)]", []),
        ('speech = item["speech"]', ["speech"]),
    ],
)
def test_a_pair_that_a_transform_may_take_apart(check, step, found):
    text = HEAD + TRAIN.replace("t}}", "t}, transform: {_target_: src.cut.Cut}}")
    call = f"    def __call__(self, item):\n        {step}\n        return dict(a=speech)\n"
    lines = ("speech = soundfile.read(path)", "return {'speech': speech}")
    assert places(check, *lines, text=text, cut=f"class Cut:\n{call}") == found
