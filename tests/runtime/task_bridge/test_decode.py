"""Decoding with Speech2Text, and weights that have to fit."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml

from espnet3_runtime.config import ConfigView
from espnet3_runtime.errors import UserError
from espnet3_runtime.task_bridge.build import build_task_model
from espnet3_runtime.task_bridge.config_file import portable_options, write_config
from espnet3_runtime.task_bridge.decode import BestHypothesis, Decoder, speech2text
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
    return speech2text(chosen, checkpoint, "cpu", **{"train_config": "config.yaml", **settings})


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
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        BestHypothesis()(model, speech=speech, speech_lengths=lengths[:1])


def test_a_task_made_of_espnets_decodes_like_it(decodable, monkeypatch):
    Path("own_task.py").write_text(
        "from espnet2.tasks.asr import ASRTask\n\n\nclass OwnTask(ASRTask):\n    pass\n"
    )
    monkeypatch.syspath_prepend(decodable)
    model = ConfigView({**node(**LINEAR), "task": "own_task.OwnTask"})
    found, expected = decoder(model=model).asr_model, decoder().asr_model
    assert found.state_dict().keys() == expected.state_dict().keys()


ASR = "espnet2.tasks.asr.ASRTask"
OTHER = ConfigView({"task": "espnet2.tasks.asr.OtherTask"}, "models.other")


@pytest.mark.parametrize(
    ("settings", "message", "where", "hint"),
    [
        (
            {"beam_size": 0},
            "espnet2.bin.asr_inference.Speech2Text failed: ValueError: beam_size must be positive",
            "inference.provider",
            "",
        ),
        (
            {"model": ConfigView({"_target_": "torch.nn.Linear", "task": "x"}, "models.net")},
            "Speech2Text decodes a model that a task builds",
            "",
            "give the stage the model that was trained (model: NAME)",
        ),
        (
            {"model": OTHER},
            f'Speech2Text decodes models of {ASR}, not of "espnet2.tasks.asr.OtherTask"',
            "models.other",
            "write a provider of your own for this task",
        ),
        (
            {"lm_file": "lm.pth"},
            "lm_file is given, and the search has no language model",
            "inference.provider.lm_file",
            "give lm_train_config too",
        ),
        (
            {"train_config": "nowhere.yaml"},
            '"nowhere.yaml" cannot be read: No such file or directory',
            "",
            "",
        ),
        (
            {"model": ConfigView({"task": ASR, "maxepoch": 3}, "models.net")},
            f'{ASR} has no option "maxepoch"',
            "models.net.maxepoch",
            'did you mean "max_epoch"?',
        ),
    ],
)
def test_settings_that_espnet2_cannot_use_are_reported(decodable, settings, message, where, hint):
    torch.save({"lm.weight": torch.ones(1)}, "lm.pth")
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        decoder(**settings)
    assert caught.value.message == message
    assert (caught.value.where, caught.value.hint) == (where, hint)


def test_without_a_model_there_is_nothing_to_decode(decodable):
    with pytest.raises(UserError, match="decodes a model that a task builds"):
        speech2text(None, "model.pth", "cpu", train_config="config.yaml")


SETTINGS = {
    "beam_size": 20,
    "ctc_weight": 0.5,
    "penalty": 0.0,
    "maxlenratio": 0.0,
    "minlenratio": 0.0,
    "nbest": 1,
    "normalize_length": False,
    "lm_train_config": None,
    "lm_weight": 1.0,
    "transducer_conf": None,
    "token_type": None,
    "bpemodel": None,
    "dtype": "float32",
}
GIVEN = {
    "beam_size": 3,
    "ctc_weight": 0.25,
    "penalty": 0.1,
    "maxlenratio": 0.2,
    "minlenratio": 0.3,
    "nbest": 4,
    "normalize_length": True,
    "lm_train_config": "lm.yaml",
    "lm_weight": 0.75,
    "transducer_conf": {"search_type": "alsd"},
    "token_type": "char",
    "bpemodel": "bpe.model",
    "dtype": "float64",
}


@pytest.mark.parametrize("given", [{}, GIVEN])
def test_every_setting_reaches_the_search(decodable, given):
    made = decoder(**given)
    found = {name: made.search.settings[name] for name in (*SETTINGS, "device", "asr_model_file")}
    assert found == {**SETTINGS, **given, "device": "cpu", "asr_model_file": None}
    assert made.asr_model is made.search.asr_model
    assert str(made.asr_model.ctc_lo.weight.dtype) == f"torch.{given.get('dtype', 'float32')}"
    assert not made.training
    assert not any(parameter.requires_grad for parameter in made.parameters())


def test_the_options_of_the_node_replace_those_of_the_training(decodable):
    trained = yaml.safe_load(Path("config.yaml").read_text())
    trained |= {"bpemodel": "there/bpe.model", "max_epoch": 7, "encoder": "rnn"}
    Path("config.yaml").write_text(yaml.safe_dump(trained))
    model = node(**LINEAR, bpemodel="here/bpe.model")
    found = vars(decoder(model=model).search.args)
    assert found == {**trained, "bpemodel": "here/bpe.model", "encoder": "linear"}
    assert "task" not in found


@pytest.mark.parametrize("checkpoint", [None, "model.pth"])
def test_without_a_checkpoint_the_weights_stay_as_they_are_initialised(decodable, checkpoint):
    saved = torch.load("model.pth", weights_only=True)["ctc_lo.weight"]
    found = decoder(checkpoint).asr_model.state_dict()["ctc_lo.weight"]
    assert torch.equal(found, saved) == (checkpoint is not None)


class Search:
    """A search that returns or raises what it was made with."""

    asr_model = torch.nn.Linear(1, 1)

    def __init__(self, *results):
        self.results = list(results)

    def __call__(self, speech):
        found = self.results.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


def hypotheses(*items):
    return [(text, tokens, [], SimpleNamespace(score=score)) for text, tokens, score in items]


def test_the_best_hypothesis_is_text_tokens_and_score(caplog):
    short = type("TooShortUttError", (Exception,), {})
    results = (
        hypotheses(("ab", ["a", "b"], torch.tensor(-1.5)), ("a", ["a"], torch.tensor(-2.0))),
        hypotheses((None, [], 3)),
        short("has 3 frames"),
    )
    speech, lengths = torch.zeros(3, 9), torch.tensor([9, 8, 3])
    found = BestHypothesis()(Decoder(Search(*results)), speech=speech, speech_lengths=lengths)
    assert found == [
        {"text": "ab", "tokens": "a b", "score": -1.5},
        {"text": "", "tokens": "", "score": 3.0},
        {"text": "", "tokens": "", "score": 0.0},
    ]
    assert [type(one["score"]) for one in found] == [float] * 3
    assert caplog.messages == ["3 samples are too few for the model: the text is empty"]


def test_another_failure_of_the_search_is_one():
    with pytest.raises(ValueError, match="no such beam"):
        BestHypothesis()(
            Decoder(Search(ValueError("no such beam"))), torch.zeros(1, 4), torch.tensor([4])
        )


@pytest.mark.parametrize("transducer", [False, True])
def test_a_language_model_is_loaded_as_strictly(decodable, transducer):
    torch.save({"lm.weight": torch.full((1, 1), 3.0)}, "lm.pth")
    if transducer:
        made = decoder(lm_train_config="lm.yaml", lm_file="lm.pth", transducer_conf={})
        assert made.search.beam_search_transducer.lm.weight.item() == 3.0
        return
    search = decoder(lm_train_config="lm.yaml", lm_file="lm.pth").search
    assert search.beam_search.full_scorers["lm"].weight.item() == 3.0
    torch.save({"lm.wieght": torch.full((1, 1), 3.0)}, "lm.pth")
    with pytest.raises(UserError, match="missing in the file: weight"):
        decoder(lm_train_config="lm.yaml", lm_file="lm.pth")


def test_how_tokens_become_text_has_to_be_known(decodable):
    options = {**yaml.safe_load(Path("config.yaml").read_text()), "token_type": None}
    Path("config.yaml").write_text(yaml.safe_dump(options))
    with pytest.raises(UserError, match="how tokens become text") as caught:
        decoder()
    assert str(caught.value) == (
        "no token_type says how tokens become text\n"
        "  config: inference.provider.token_type\n"
        "  help: give the model token_type: bpe and bpemodel: "
        "${stages.train_tokenizer.tokenizer_model}, or token_type: char or word"
    )
    assert decoder(token_type="char").search.settings["token_type"] == "char"
