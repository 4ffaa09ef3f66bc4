"""Decoding with Speech2Text, and weights that have to fit."""

from pathlib import Path

import pytest
import torch
import yaml

from espnet3_runtime.config import ConfigView
from espnet3_runtime.errors import UserError
from espnet3_runtime.task_bridge.build import build_task_model
from espnet3_runtime.task_bridge.config_file import portable_options, write_config
from espnet3_runtime.task_bridge.decode import BestHypothesis, speech2text
from tests.runtime.task_kit import LINEAR, espnet_in_form, node


@pytest.fixture
def fake(monkeypatch):
    with espnet_in_form(monkeypatch):
        yield


@pytest.fixture
def decodable(fake, tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_config(tmp_path / "config.yaml", portable_options(node(**LINEAR), tmp_path))
    torch.save(build_task_model(node(**LINEAR)).model.state_dict(), tmp_path / "model.pth")
    return tmp_path


def decoder(checkpoint="model.pth", model=None, **settings):
    chosen = node(**LINEAR) if model is None else model
    return speech2text(chosen, checkpoint, "cpu", train_config="config.yaml", **settings)


def test_weights_that_do_not_fit_are_refused(decodable):
    """ESPnet2 itself leaves them as they are initialised and goes on."""
    weights = torch.load("model.pth", weights_only=True)
    weights["ctc_lo.wieght"] = weights.pop("ctc_lo.weight")
    torch.save(weights, "renamed.pth")
    with pytest.raises(UserError) as caught:
        decoder("renamed.pth")
    assert "missing in the file: ctc_lo.weight" in caught.value.message
    assert "not in the model: ctc_lo.wieght" in caught.value.message
    torch.save({"state_dict": torch.load("model.pth", weights_only=True)}, "ours.ckpt")
    own = decoder("ours.ckpt").asr_model.state_dict()["ctc_lo.weight"]
    assert torch.equal(own, weights["ctc_lo.wieght"])


def test_every_item_is_decoded_without_its_padding(decodable):
    model = decoder()
    generator = torch.Generator().manual_seed(0)
    speech = torch.randn(2, 80, generator=generator)
    lengths = torch.tensor([80, 40])
    together = BestHypothesis()(model, speech=speech, speech_lengths=lengths, text=None)
    alone = BestHypothesis()(model, speech=speech[1:, :40], speech_lengths=lengths[1:])
    assert together[1] == alone[0]
    assert together[0].keys() == {"text", "tokens", "score"}
    short = BestHypothesis()(model, speech=speech[:1, :4], speech_lengths=torch.tensor([4]))
    assert short == [{"text": "", "tokens": "", "score": 0.0}]


def test_a_task_made_of_espnets_decodes_like_it(decodable, monkeypatch):
    Path("own_task.py").write_text(
        "from espnet2.tasks.asr import ASRTask\n\n\nclass OwnTask(ASRTask):\n    pass\n"
    )
    monkeypatch.syspath_prepend(decodable)
    model = ConfigView({**node(**LINEAR), "task": "own_task.OwnTask"})
    found, expected = decoder(model=model).asr_model, decoder().asr_model
    assert found.state_dict().keys() == expected.state_dict().keys()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"beam_size": 0}, "beam_size must be positive"),
        ({"model": ConfigView({"_target_": "torch.nn.Linear"})}, "that a task builds"),
        ({"model": ConfigView({"task": "espnet2.tasks.asr.OtherTask"})}, "not of"),
        ({"lm_file": "lm.pth"}, "has no language model"),
    ],
)
def test_settings_that_espnet2_cannot_use_are_reported(decodable, settings, message):
    torch.save({"lm.weight": torch.ones(1)}, "lm.pth")
    with pytest.raises(UserError) as caught:
        decoder(**settings)
    assert message in caught.value.message


def test_a_language_model_is_loaded_as_strictly(decodable):
    torch.save({"lm.weight": torch.full((1, 1), 3.0)}, "lm.pth")
    search = decoder(lm_train_config="lm.yaml", lm_file="lm.pth").search
    assert search.beam_search.full_scorers["lm"].weight.item() == 3.0
    torch.save({"lm.wieght": torch.full((1, 1), 3.0)}, "lm.pth")
    with pytest.raises(UserError, match="missing in the file: weight"):
        decoder(lm_train_config="lm.yaml", lm_file="lm.pth")


def test_how_tokens_become_text_has_to_be_known(decodable):
    options = {**yaml.safe_load(Path("config.yaml").read_text()), "token_type": None}
    Path("config.yaml").write_text(yaml.safe_dump(options))
    with pytest.raises(UserError, match="how tokens become text"):
        decoder()
    assert decoder(token_type="char").search.asr_model is not None
