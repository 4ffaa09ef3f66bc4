"""Heads of attention and the width of a part of an ESPnet2 task."""

import inspect

import pytest

from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import search_path
from tests.compiler.checks.targets.test_task import FILES
from tests.compiler.target_kit import judged, shown, write

PARTS = """
class Frontend:
    def __init__(self, n_fft: int = 512): ...
class Conformer:
    def __init__(
        self,
        input_size: int,
        output_size: int = 256,
        attention_heads: int = 4,
        use_attn: bool = True,
    ):
        args = (
            attention_heads,
            output_size,
            0.0,
        )
class Rnn:
    def __init__(self, input_size: int, output_size: int = 5, attention_heads: int = 4): ...
class Decoder:
    def __init__(self, vocab_size: int, encoder_output_size: int, attention_heads: int = 4):
        attention_dim = encoder_output_size
        layer = lambda: Attention(attention_heads, attention_dim, 0.1)
class Transducer:
    def __init__(self, vocab_size: int, embed_pad: int = 0): ...
class CTC:
    def __init__(self, odim: int, encoder_output_size: int): ...
class Model:
    def __init__(self, vocab_size: int, encoder, decoder, ctc): ...
"""
DECODED = "decoder: transformer\n    decoder_conf: {attention_heads: 3}"


def found_in(root, lines, package="espnet2"):
    files = {**FILES, "mini2/parts.py": PARTS}
    renamed = {
        name.replace("mini2", package): inspect.cleandoc(text).replace("mini2", package) + "\n"
        for name, text in files.items()
    }
    write(root, renamed)
    node = f"    task: {package}.asr.ASRTask\n    {lines}\n"
    manifest = f"version: 1\nrecipe: a/asr\nsystem: base\nmodels:\n  m:\n{node}stages: [train]\n"
    return shown(judged(root, manifest, Library(search_path(root, [])))[0])


@pytest.mark.parametrize(
    ("lines", "place"),
    [
        ("encoder: conformer\n    encoder_conf: {attention_heads: 3}", "'3'"),
        ("encoder: conformer\n    encoder_conf: {output_size: 90}", "'90'"),
        ("encoder: conformer\n    encoder_conf: {output_size: 90, attention_heads: 8}", "'8'"),
        (f"encoder: conformer\n    {DECODED}", "'3'"),
        (f"encoder: conformer\n    encoder_conf: {{output_size: 90}}\n    {DECODED}", "'90'"),
    ],
)
def test_heads_that_do_not_divide_the_width(tmp_path, lines, place):
    (row,) = found_in(tmp_path, lines)
    assert row.startswith(f"R523 {place}: ")


@pytest.mark.parametrize(
    "lines",
    [
        "encoder: conformer\n    encoder_conf: {output_size: 96, attention_heads: 3}",
        f"encoder: conformer\n    encoder_conf: {{output_size: 96}}\n    {DECODED}",
        "encoder: conformer\n    encoder_conf: {attention_heads: 3, use_attn: false}",
        "encoder: conformer\n    encoder_conf: {attention_heads: '${oc.env:HEADS}'}",
        "encoder: rnn\n    encoder_conf: {attention_heads: 3}",
        f"encoder: rnn\n    {DECODED}",
        "encoder: conformer",
    ],
)
def test_heads_that_fit_or_may_fit(tmp_path, lines):
    assert found_in(tmp_path, lines) == []


def test_a_package_of_others_may_mean_something_else(tmp_path):
    lines = "encoder: conformer\n    encoder_conf: {attention_heads: 3}"
    assert found_in(tmp_path, lines, "mini2") == []
