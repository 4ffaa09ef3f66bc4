"""The task bridge: a small task in the manner of ESPnet2, and the real ones where obtainable."""

import inspect
import os
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest

from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import search_path
from espnet3_compiler.signature.task import Task, read_task
from tests.compiler.target_kit import judged, shown, write

FILES = {
    "mini2/__init__.py": "",
    "mini2/class_choices.py": """
        class ClassChoices:
            def __init__(self, name, classes, type_check=None, default=None, optional=False): ...
    """,
    "mini2/parts.py": """
        from typeguard import typechecked
        class Frontend:
            @typechecked
            def __init__(self, n_fft: int = 512, hop_length: int = 128): ...
        class Conformer:
            def __init__(self, input_size: int, num_blocks: int = 6, rate: float = 0.1): ...
        class Rnn:
            def __init__(self, input_size: int, layers: int): ...
        class Decoder:
            def __init__(self, vocab_size: int, encoder_output_size: int, heads: int = 4): ...
        class Transducer:
            def __init__(self, vocab_size: int, embed_pad: int = 0): ...
        class CTC:
            def __init__(self, odim: int, encoder_output_size: int, dropout_rate: float = 0.0): ...
        class Model:
            def __init__(self, vocab_size: int, encoder, decoder, ctc, ctc_weight: float = 0.5): ...
    """,
    "mini2/abs_task.py": """
        class Trainer:
            @classmethod
            def add_arguments(cls, parser):
                parser.add_argument("--generator_first", type=bool)
        class AbsTask:
            num_optimizers = 1
            trainer = Trainer
            @classmethod
            def get_parser(cls):
                parser.add_argument("--output-dir")
                parser.add_argument("--max_epoch", type=int)
                for i in range(1, cls.num_optimizers + 1):
                    suf = "" if i == 1 else str(i)
                    parser.add_argument(f"--optim{suf}")
                    parser.add_argument(f"--optim{suf}_conf")
                cls.trainer.add_arguments(parser)
    """,
    "mini2/asr.py": """
        from mini2.abs_task import AbsTask
        from mini2.class_choices import ClassChoices
        from mini2.parts import CTC, Conformer, Decoder, Frontend, Model, Rnn, Transducer

        frontend_choices = ClassChoices(name="frontend", classes=dict(default=Frontend),
                                        default="default")
        encoder_choices = ClassChoices("encoder", classes=dict(conformer=Conformer, rnn=Rnn),
                                       default="rnn")
        decoder_choices = ClassChoices(
            "decoder", {"transformer": Decoder, "transducer": Transducer}, default=None,
            optional=True,
        )
        model_choices = ClassChoices("model", classes=dict(espnet=Model), default="espnet")

        class ASRTask(AbsTask):
            class_choices_list = [frontend_choices, encoder_choices, decoder_choices,
                                  model_choices]

            @classmethod
            def add_task_arguments(cls, parser):
                group = parser.add_argument_group("Task related")
                group.add_argument("--token_list", type=str)
                group.add_argument("--input_size", type=int)
                group.add_argument("--ctc_conf", action=NestedDictAction)
                for class_choices in cls.class_choices_list:
                    class_choices.add_arguments(group)

            @classmethod
            def build_model(cls, args):
                frontend_class = frontend_choices.get_class(args.frontend)
                frontend = frontend_class(**args.frontend_conf)
                encoder_class = encoder_choices.get_class(args.encoder)
                encoder = encoder_class(input_size=frontend.size, **args.encoder_conf)
                decoder_class = decoder_choices.get_class(args.decoder)
                if args.decoder == "transducer":
                    decoder = decoder_class(vocab_size, embed_pad=0, **args.decoder_conf)
                else:
                    decoder = decoder_class(
                        vocab_size=vocab_size, encoder_output_size=3, **args.decoder_conf
                    )
                ctc = CTC(odim=vocab_size, encoder_output_size=3, **args.ctc_conf)
                model_class = model_choices.get_class(args.model)
                return model_class(vocab_size=vocab_size, encoder=encoder, decoder=decoder,
                                   ctc=ctc, **args.model_conf)
        class Computed(AbsTask):
            class_choices_list = make_list()
        def function(): ...
    """,
}


def check(root: Path, text: str) -> list[Diagnostic]:
    write(root, {name: inspect.cleandoc(source) + "\n" for name, source in FILES.items()})
    node = textwrap.indent(textwrap.dedent(text), "    ")
    manifest = f"version: 1\nrecipe: a/asr\nsystem: base\nmodels:\n  m:\n{node}\nstages: [train]\n"
    return judged(root, manifest, Library(search_path(root, [])))[0]


@pytest.mark.parametrize(
    "text",
    [
        "encoder: conformer\nencoder_conf: {num_blocks: 3}",
        "encoder: Conformer\ndecoder: null",
        "frontend: null\ninput_size: 80",
        "encoder: ${oc.env:ENCODER}\nencoder_conf: {anything: 3}",
        "encoder_conf: {layers: 3}",
        "decoder: transformer\ndecoder_conf: {heads: 3}",
        "decoder: none\ndecoder_conf: {heads: 3}",
        "encoder: conformer\ndecoder_conf: {}",
        "encoder: conformer\ndecoder: ${oc.env:DECODER}\ndecoder_conf: {heads: 3}",
        "token_list: [a, b]\noutput_dir: x\nmax_epoch: 3\ngenerator_first: true",
        "optim: adam\noptim2_conf: {lr: 3}",
        "ctc_conf: {dropout_rate: 0.1}\nmodel_conf: {ctc_weight: 0.3}\nfrontend_conf: null",
    ],
)
def test_silent(tmp_path, text):
    assert shown(check(tmp_path, "task: mini2.asr.ASRTask\n" + text)) == []


PARTS = "mini2.parts"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("enocder: rnn", """R502 'enocder': mini2.asr.ASRTask has no option "enocder\""""),
        (
            "enocder: conformer\nencoder_conf: {num_blocks: 3}",
            """R502 'enocder': mini2.asr.ASRTask has no option "enocder\"""",
        ),
        ("encoder_config: {}", """R502 'encoder_config': mini2.asr.ASRTask has no option"""),
        ("optimm: adam", """R502 'optimm': mini2.asr.ASRTask has no option "optimm\""""),
        (
            "encoder: conformre",
            """R507 'conformre': mini2.asr.ASRTask has no encoder "conformre\"""",
        ),
        ("frontend: null", """R507 'null': mini2.asr.ASRTask has no frontend null"""),
        ("encoder: null", """R507 'null': mini2.asr.ASRTask has no encoder null"""),
        ("encoder: 3", """R507 '3': mini2.asr.ASRTask has no encoder 3"""),
        (
            "encoder: conformer\nencoder_conf: {num_block: 3}",
            f"""R502 'num_block': {PARTS}.Conformer has no argument "num_block\"""",
        ),
        (
            "encoder: conformer\nencoder_conf: {rate: x}",
            f"""R504 'x': "rate" of {PARTS}.Conformer must be float, not the text "x\"""",
        ),
        (
            "encoder: conformer\nencoder_conf: {input_size: 3}",
            f"""R506 'input_size': the task passes "input_size" to {PARTS}.Conformer itself""",
        ),
        ("encoder: rnn", f"""R503 'rnn': {PARTS}.Rnn needs the argument "layers\""""),
        (
            "encoder: rnn\nencoder_conf: {layer: 2}",
            f"""R502 'layer': {PARTS}.Rnn has no argument "layer\"""",
        ),
        (
            "encoder: conformer\ndecoder_conf: {heads: 3}",
            """R512 'decoder_conf': decoder_conf has no effect: mini2.asr.ASRTask has no decoder""",
        ),
        ("encoder_conf: [3]", """R504 '[3]': "encoder_conf" must be a mapping of arguments"""),
        (
            "decoder: transducer\ndecoder_conf: {vocab_size: 3}",
            f"""R506 'vocab_size': the task passes "vocab_size" to {PARTS}.Transducer itself""",
        ),
        (
            "decoder: transducer\ndecoder_conf: {heads: 3}",
            f"""R502 'heads': {PARTS}.Transducer has no argument "heads\"""",
        ),
        (
            "ctc_conf: {drop_rate: 0.1}",
            f"""R502 'drop_rate': {PARTS}.CTC has no argument "drop_rate\"""",
        ),
        (
            "model_conf: {ctc_wieght: 0.1}",
            f"""R502 'ctc_wieght': {PARTS}.Model has no argument "ctc_wieght\"""",
        ),
    ],
)
def test_one_mistake_one_finding(tmp_path, text, expected):
    (row,) = shown(check(tmp_path, "task: mini2.asr.ASRTask\n" + text))
    assert row.startswith(expected)


@pytest.mark.parametrize(
    ("task", "code"),
    [
        ("mini2.asr.ASRTsk", "R501"),
        ("mini2.asrr.ASRTask", "R501"),
        ("mini2.asr.function", "R505"),
    ],
)
def test_the_task_itself(tmp_path, task, code):
    assert [item.code for item in check(tmp_path, f"task: {task}\nencoder: x")] == [code]


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("encoder: conformer\nctc_weight: 0.3", ("write it below model_conf",)),
        ("encoder: conformer\nrate: 0.3", ("write it below encoder_conf",)),
        ("encoder: conformer\nencoder_config: {}", ('did you mean "encoder_conf"?',)),
    ],
)
def test_an_argument_one_level_too_high(tmp_path, text, advice):
    [found] = check(tmp_path, f"task: mini2.asr.ASRTask\n{text}")
    assert (found.code, found.help) == ("R502", advice)


@pytest.mark.parametrize("task", ["mini2.asr.Computed", "espnet2.tasks.asr.ASRTask"])
def test_not_guessed(tmp_path, task):
    assert shown(check(tmp_path, f"task: {task}\nencodr: x")) == []


@pytest.fixture(scope="session")
def espnet(tmp_path_factory) -> Path:
    """Unpack the real ESPnet without installing it (``ESPNET_WHEEL`` names a wheel at hand)."""
    folder = tmp_path_factory.mktemp("espnet")
    wheel = os.environ.get("ESPNET_WHEEL")
    if not wheel:
        arguments = [
            "download",
            "--no-deps",
            "--quiet",
            "--retries",
            "0",
            "--timeout",
            "15",
            "-d",
            str(folder),
            "espnet==202511",
        ]
        try:
            subprocess.run(
                [sys.executable, "-m", "pip", *arguments],
                check=True,
                timeout=120,
                capture_output=True,
            )
        except (subprocess.SubprocessError, OSError) as error:
            pytest.skip(f"espnet 202511 cannot be downloaded: {error}")
        (wheel,) = map(str, folder.glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "lib")
    return folder / "lib"


def test_every_real_task(espnet):
    library = Library(search_path(espnet / "none", [str(espnet), *sys.path]))
    read = 0
    for file in sorted((espnet / "espnet2" / "tasks").glob("*.py")):
        names = [
            line.split("(")[0][6:]
            for line in file.read_text().splitlines()
            if line.startswith("class ") and line.split("(")[0].endswith("Task")
        ]
        for name in names:
            task = read_task(library, f"espnet2.tasks.{file.stem}.{name}")
            if isinstance(task, Task):
                read += 1
                assert len(task.options) > 100
    assert read >= 20


REAL = """
task: espnet2.tasks.asr.ASRTask
token_list: [a, b]
init: xavier_uniform
frontend: default
frontend_conf: {fs: 16k, n_fft: 512, win_length: 400, hop_length: 160}
specaug: specaug
specaug_conf:
  apply_time_warp: true
  time_warp_window: 5
  time_warp_mode: bicubic
  apply_freq_mask: true
  freq_mask_width_range: [0, 27]
  num_freq_mask: 2
  apply_time_mask: true
  time_mask_width_ratio_range: [0.0, 0.05]
  num_time_mask: 5
normalize: global_mvn
normalize_conf: {stats_file: "${stages.collect_stats.feats_stats}"}
encoder: e_branchformer
encoder_conf:
  output_size: 256
  attention_heads: 4
  attention_layer_type: rel_selfattn
  pos_enc_layer_type: rel_pos
  rel_pos_type: latest
  cgmlp_linear_units: 1024
  cgmlp_conv_kernel: 31
  use_linear_after_conv: false
  gate_activation: identity
  num_blocks: 12
  dropout_rate: 0.1
  positional_dropout_rate: 0.1
  attention_dropout_rate: 0.1
  input_layer: conv2d
  layer_drop_rate: 0.0
  linear_units: 1024
  positionwise_layer_type: linear
  use_ffn: true
  macaron_ffn: true
  merge_conv_kernel: 31
decoder: transformer
decoder_conf:
  attention_heads: 4
  linear_units: 2048
  num_blocks: 6
  dropout_rate: 0.1
  positional_dropout_rate: 0.1
  self_attention_dropout_rate: 0.1
  src_attention_dropout_rate: 0.1
model_conf:
  ctc_weight: 0.3
  lsm_weight: 0.1
  length_normalized_loss: false
"""


def real(espnet: Path, root: Path, text: str) -> list[Diagnostic]:
    node = textwrap.indent(text, "    ")
    manifest = f"version: 1\nrecipe: a/asr\nsystem: base\nmodels:\n  m:\n{node}\nstages: [train]\n"
    library = Library(search_path(root, [str(espnet), *sys.path]))
    return judged(root, manifest, library)[0]


def test_a_real_config(espnet, tmp_path):
    """The published e-Branchformer of LibriSpeech 100, as far as a task builds a model of it."""
    assert shown(real(espnet, tmp_path, REAL)) == []


@pytest.mark.parametrize(
    ("right", "wrong", "code"),
    [
        ("encoder: e_branchformer", "encoder: e_branchfomer", "R507"),
        ("cgmlp_linear_units", "cgmlp_linear_unit", "R502"),
        ("ctc_weight: 0.3", "ctc_wieght: 0.3", "R502"),
        ("num_blocks: 12", "num_blocks: twelve", "R504"),
        ("specaug_conf:", "spec_aug_conf:", "R502"),
        ("n_fft: 512", "nfft: 512", "R502"),
        ("asr.ASRTask", "asr.AsrTask", "R501"),
    ],
)
def test_mistakes_in_a_real_config(espnet, tmp_path, right, wrong, code):
    assert right in REAL
    found = real(espnet, tmp_path, REAL.replace(right, wrong, 1))
    assert [item.code for item in found] == [code]
