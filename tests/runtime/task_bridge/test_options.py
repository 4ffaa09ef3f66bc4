"""What a node of the task bridge says, and what the task makes of it."""

import sys
from pathlib import Path

import pytest
import torch

from espnet3_runtime.config import ConfigView
from espnet3_runtime.data.feature_extractors import make_feature_extractor
from espnet3_runtime.errors import InstantiateError, UserError
from espnet3_runtime.stages.train import make_model
from espnet3_runtime.task_bridge.build import build_task_model
from espnet3_runtime.task_bridge.config_file import portable_options
from espnet3_runtime.task_bridge.models import construct_model
from espnet3_runtime.task_bridge.torchaudio import TorchaudioMissingError, torchaudio_or_placeholder
from tests.runtime.inference_kit import make_context
from tests.runtime.task_kit import LINEAR, REAL, TASK, TOKENS, espnet_in_form, node, stats_file


@pytest.fixture
def fake(monkeypatch):
    with espnet_in_form(monkeypatch):
        yield


def test_a_class_that_is_chosen_inherits_nothing_from_another(fake):
    assert build_task_model(node()).model.encoder.rnn.hidden_size == 6  # the task's own default
    assert (
        build_task_model(node(encoder_conf={"bidirectional": False})).model.encoder.rnn.hidden_size
        == 6
    )
    assert build_task_model(node(encoder="rnn")).model.encoder.rnn.hidden_size == 6
    assert build_task_model(node(encoder="linear")).model.encoder.output_size() == 16


def test_defaults_are_filled_in_and_null_means_no_arguments(fake):
    options = portable_options(node(encoder="Linear", frontend_conf=None), Path("/nowhere"))
    assert options["encoder"] == "linear"
    assert options["frontend_conf"] == options["encoder_conf"] == {}
    assert options["preprocessor_conf"] == {"aux": [1, 2]}
    assert "ngpu" not in options


def test_the_command_line_is_not_read(fake, monkeypatch):
    arguments = ["run.py", "--stages", "train", "--encoder", "linear"]
    monkeypatch.setattr(sys, "argv", arguments)
    assert hasattr(build_task_model(node()).model.encoder, "rnn")
    assert sys.argv == arguments


@pytest.mark.parametrize(
    ("options", "message", "where", "hint"),
    [
        ({"enocder": "linear"}, 'has no option "enocder"', "enocder", 'did you mean "encoder"?'),
        ({"encoder": "liner"}, 'there is no encoder "liner"', "encoder", 'did you mean "linear"?'),
        ({"encoder": None}, "there is no encoder None", "encoder", ""),
        ({"frontend": None}, "there is no frontend None", "frontend", "give input_size, too"),
        ({"encoder_conf": 3}, "is a mapping of arguments", "encoder_conf", ""),
        ({**LINEAR, "encoder_conf": {"size": 3}}, "argument 'size'", "encoder_conf.size", ""),
        ({"freeze_param": ["encodr"]}, "no part of the model", "freeze_param", "encoder"),
        ({"model": "none_at_all"}, "which is no AbsESPnetModel", "task", ""),
        ({"normalize": "global_mvn"}, "missing 1 required", "", ""),
    ],
)
def test_what_does_not_fit_the_task_is_refused(fake, options, message, where, hint):
    with pytest.raises(InstantiateError) as caught:
        build_task_model(node(**options))
    assert message in caught.value.message
    assert caught.value.where == f"models.net.{where}".rstrip(".")
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "path", ["espnet2.tasks.asr.AsrTask", "espnet2.bin.asr_inference.Speech2Text"]
)
def test_a_task_that_is_none_is_refused(fake, path):
    with pytest.raises(InstantiateError) as caught:
        construct_model(ConfigView({"task": path}, "models.net"))
    assert caught.value.where == "models.net.task"


@pytest.mark.skipif(REAL, reason="ESPnet is installed here")
def test_without_espnet_the_message_says_how_to_install_it():
    with pytest.raises(InstantiateError) as caught:
        construct_model(node())
    assert 'there is no module "espnet2"' in caught.value.message
    assert "pip install --no-deps espnet" in caught.value.hint


def test_data_with_features_need_no_front_end(fake):
    found = build_task_model(node(frontend=None, input_size=5))
    assert found.model.frontend is None
    assert found.model.encoder.rnn.input_size == 5
    assert found.idle == ()


def test_freeze_param_names_parts_as_espnet2_does(fake):
    model = build_task_model(node(freeze_param=["encoder", "ctc_lo.bias"], **LINEAR)).model
    trained = [name for name, one in model.named_parameters() if one.requires_grad]
    assert trained == ["ctc_lo.weight"]


def test_options_of_training_are_reported_as_without_effect(fake, tmp_path, caplog):
    given = {"max_epoch": 3, "token_type": "bpe", "encoder_conf": {"hidden_size": 3}}
    unread = {"preprocessor_conf": {"aux": [3]}}  # the defaults of a choice not made, as ESPnet2's
    assert build_task_model(node(**given, **unread)).idle == ("max_epoch",)
    values = {"task": TASK, "token_list": TOKENS, **given}
    model, name = make_model(make_context(tmp_path, "train", model=values))
    assert name == TASK
    assert model.encoder.rnn.hidden_size == 3
    assert "without effect on the model: max_epoch" in caplog.text


def test_statistics_are_collected_without_normalisation(fake):
    # In the stage these keys are gone; what a task normalises by default is switched off, too.
    extract = make_feature_extractor(None, node(**LINEAR), torch.device("cpu"))
    assert build_task_model(node(**LINEAR), normalize=False).model.normalize is None
    batch = {"speech": torch.ones(2, 24), "speech_lengths": torch.tensor([24, 16])}
    feats, lengths = extract(batch)["feats"]
    assert feats.shape == (2, 3, 8)
    assert lengths.tolist() == [3, 2]


def test_paths_inside_of_the_recipe_are_relative(fake, tmp_path):
    tokens = tmp_path / "exp" / "tokens.txt"
    tokens.parent.mkdir()
    tokens.write_text("".join(f"{token}\n" for token in TOKENS))
    stats = {"stats_file": stats_file(tmp_path)}
    view = node(normalize="global_mvn", normalize_conf=stats, bpemodel="/elsewhere/bpe.model")
    options = portable_options(ConfigView({**view, "token_list": str(tokens)}), tmp_path)
    assert options["token_list"] == TOKENS
    assert options["normalize_conf"] == {"stats_file": "stats.npz"}
    assert options["bpemodel"] == "/elsewhere/bpe.model"
    with pytest.raises(UserError, match="cannot be read"):
        portable_options(ConfigView({**view, "token_list": "nowhere.txt"}), tmp_path)


# torchaudio.


def test_what_needs_torchaudio_says_so_when_it_is_used(fake):
    before = dict(sys.modules)
    with torchaudio_or_placeholder():
        from espnet2.asr import parts
    assert not any(name.partition(".")[0] == "torchaudio" for name in sys.modules.keys() - before)
    with pytest.raises(TorchaudioMissingError, match=r"kaldi\.fbank is needed"):
        parts.KaldiFrontend()(torch.ones(1, 8), torch.tensor([8]))


def test_a_torchaudio_that_works_is_used(tmp_path, monkeypatch):
    (tmp_path / "torchaudio.py").write_text("real = True\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with torchaudio_or_placeholder():
        import torchaudio
    assert torchaudio.real
    assert sys.modules.pop("torchaudio") is torchaudio


def test_a_torchaudio_that_is_broken_is_replaced_and_forgotten(tmp_path, monkeypatch):
    (tmp_path / "torchaudio").mkdir()
    broken = "raise OSError('libc10_cuda.so: cannot open shared object file')\n"
    (tmp_path / "torchaudio" / "__init__.py").write_text(broken)
    monkeypatch.syspath_prepend(str(tmp_path))
    with torchaudio_or_placeholder():
        import torchaudio
        from torchaudio.functional import rnnt_loss
    with pytest.raises(TorchaudioMissingError, match="libc10_cuda"):
        rnnt_loss(1)
    with pytest.raises(TorchaudioMissingError, match=r"torchaudio\.transforms\.Resample"):
        torchaudio.transforms.Resample(8000)
    assert "torchaudio" not in sys.modules
