"""What goes into a bundle: all that it needs, and no secrets."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from espnet3_runtime.errors import UserError
from espnet3_runtime.publication.model import InferenceModel
from espnet3_runtime.weights import read_weights
from espnet3_schemas.bundles import CARD_VALUES
from tests.runtime.bundle_kit import INFERENCE, LATE, MODEL, RUNNER, pack, speech


def test_the_code_of_a_bundle_is_listed_in_order(recipe):
    code = json.loads((pack(recipe) / "bundle.json").read_text())["code"]
    assert len(code) > 3
    assert code == sorted(code)


TIED = """

class Tied(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Linear(64, 64, bias=False)
        self.again = torch.nn.Linear(64, 64, bias=False)
        self.again.weight = self.scale.weight

    def forward(self, speech, speech_lengths):
        return speech * self.scale.weight[0, 0], speech_lengths
"""


def test_tied_weights_are_once_in_the_file_and_tied_again_after_loading(recipe):
    with Path("src/model.py").open("a") as file:
        file.write(TIED)
    from src.model import Tied

    trained = Tied()
    torch.nn.init.constant_(trained.scale.weight, 2.0)
    torch.save({"state_dict": trained.state_dict()}, "best.ckpt")
    bundle = pack(recipe, model={"_target_": "src.model.Tied"})
    size = (bundle / "model.safetensors").stat().st_size
    assert 64 * 64 * 4 < size < 1.5 * 64 * 64 * 4  # float32
    model = InferenceModel.from_packed(bundle, trust_user_code=True)
    assert model(speech("two"))["text"] == "four"
    loaded = model.predictor.model
    assert loaded.again.weight is loaded.scale.weight
    assert loaded.state_dict().keys() == trained.state_dict().keys() == read_weights(bundle).keys()
    kept = {"scale.weight": trained.scale.weight.detach()}
    for tied in ("[]", "{", '{"again.weight": "none"}'):
        save_file(kept, bundle / "model.safetensors", metadata={"tied": tied})
        with pytest.raises(UserError, match="is damaged: its tied weights"):
            read_weights(bundle)


def test_the_card_says_what_the_config_says_of_the_model(recipe):
    card = {"license": "mit", "language": ["en", "ja"], "metadata": {"base_model": "a/b"}}
    text = (pack(recipe, publication={"card": card}) / "README.md").read_text()
    head = yaml.safe_load(text.split("---")[1])
    assert (head["license"], head["language"], head["base_model"]) == ("mit", ["en", "ja"], "a/b")
    assert "datasets" not in head
    assert "license" not in (pack(recipe) / "README.md").read_text().split("---")[1]


def test_weights_are_the_checkpoints(recipe):
    torch.save({"state_dict": {"scale": torch.full((1,), 2.0)}}, "best.ckpt")
    bundle = pack(recipe)
    assert InferenceModel.from_packed(bundle, trust_user_code=True)(speech("two"))["text"] == "four"
    assert load_file(bundle / "model.safetensors")["scale"].item() == 2.0
    modes = {(bundle / name).stat().st_mode for name in ("model.safetensors", "bundle.json")}
    assert len(modes) == 1  # by umask
    meta = json.loads((bundle / "bundle.json").read_text())
    assert meta["checkpoint"]["path"] == "best.ckpt"
    assert not list(bundle.rglob("*.ckpt"))


def test_references_become_files_and_secrets_stay_out(recipe, monkeypatch):
    monkeypatch.setenv("TINY_TOKEN", "s3cr3t-value")
    composed = {
        **INFERENCE,
        **LATE,
        "runner": {"_target_": "src.decode.Reader", "word_list": "${stages.tok.token_list}"},
    }
    Path("src/model.py").write_text(
        Path("src/model.py").read_text().replace("width=1", "width=1, token=None")
    )
    bundle = pack(
        recipe,
        composed=composed,
        model={**MODEL, "token": "s3cr3t-value"},
        composed_model={**MODEL, "token": "${oc.env:TINY_TOKEN}"},
    )
    everything = b"".join(path.read_bytes() for path in bundle.rglob("*") if path.is_file())
    assert b"s3cr3t" not in everything
    assert "word_list: bundle://files/words.txt" in (bundle / "inference.yaml").read_text()
    assert "${oc.env:TINY_TOKEN}" in (bundle / "model.yaml").read_text()
    assert str(recipe).encode() not in everything
    assert json.loads((bundle / "bundle.json").read_text())["late_values"] == {
        "${oc.env:TINY_TOKEN}": [{"env": "TINY_TOKEN"}]
    }
    monkeypatch.delenv("TINY_TOKEN")
    with pytest.raises(UserError, match='the environment variable "TINY_TOKEN" is not set'):
        InferenceModel.from_packed(bundle, trust_user_code=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"checkpoint": "none.ckpt"}, 'there is no checkpoint ".*none.ckpt"'),
        ({"runner": {**RUNNER, "word_list": "exp/no.txt"}}, 'would lack "exp/no.txt"'),
    ],
)
def test_a_missing_file_is_named(recipe, change, message):
    with pytest.raises(UserError, match=message):
        pack(recipe, inference={**INFERENCE, **change})
    assert not (recipe / "exp/tiny/pack_model/bundle").exists()


def test_missing_outputs_of_stages_are_named(recipe):
    missing = {**INFERENCE, "runner": {**RUNNER, "word_list": str(recipe / "exp/tokens")}}
    late = {**INFERENCE, "runner": {**RUNNER, "word_list": "${stages.tok.token_list}"}}
    with pytest.raises(UserError, match="would lack") as caught:
        pack(recipe, inference=missing, composed=late)
    assert "inference.runner.word_list" in str(caught.value)


def test_code_that_is_left_out_is_named(recipe):
    with pytest.raises(UserError, match=r"would lack code that it runs: src/words\.py") as caught:
        pack(recipe, publication={"exclude": ["src/words.py"]})
    assert "pack_model.include" in str(caught.value)


def test_links_are_packed_as_what_they_lead_to(recipe, tmp_path):
    shared = tmp_path / "shared"
    Path("src").rename(shared)
    (tmp_path / "words.py").write_bytes((shared / "words.py").read_bytes())
    (shared / "words.py").unlink()
    (shared / "words.py").symlink_to("../words.py")
    Path("src").symlink_to("../shared")
    Path("data").rename(tmp_path / "lists")
    Path("data").symlink_to("../lists")
    bundle = pack(recipe, proof=True)
    assert not [path for path in bundle.rglob("*") if path.is_symlink()]
    assert (bundle / "code/src/words.py").read_bytes() == (tmp_path / "words.py").read_bytes()
    assert not Path("src/words.py").resolve().is_relative_to(recipe)


def test_a_linked_directory_inside_of_the_code_goes_in_by_its_name(recipe, tmp_path):
    """It could lead anywhere, and be as large as a corpus."""
    (tmp_path / "inner").mkdir()
    Path("src/words.py").rename(tmp_path / "inner" / "words.py")
    Path("src/inner").symlink_to("../../inner")
    for file in Path("src").glob("*.py"):
        file.write_text(file.read_text().replace("src.words", "src.inner.words"))
    with pytest.raises(UserError, match=r"would lack code that it runs: src/inner/words\.py"):
        pack(recipe)
    bundle = pack(recipe, publication={"include": ["src", "src/inner"]})
    assert (bundle / "code/src/inner/words.py").is_file()
    assert not (bundle / "code/src/inner").is_symlink()


def test_files_that_code_opens_by_itself_are_named(recipe):
    Path("conf").mkdir()
    Path("conf/lexicon.txt").write_text("a\n")
    decode = Path("src/decode.py")
    decode.write_text(
        decode.read_text().replace(
            "def __init__(self, word_list=None):",
            "def __init__(self, word_list=None):\n"
            '        self.kind = "audio/x.wav"\n'  # names no file of the recipe
            '        open("conf/lexicon.txt").read()',
        )
    )
    with pytest.raises(
        UserError, match=r"opens files that would not be inside: conf/lexicon\.txt\n"
    ):
        pack(recipe)


def test_what_only_works_beside_the_recipe_is_found_by_trying(recipe):
    Path("exp/hidden.txt").write_text("a\n")
    Path("src/model.py").write_text(
        Path("src/model.py")
        .read_text()
        .replace("super().__init__()", "super().__init__(); open('/'.join(['exp', 'hidden.txt']))")
    )
    with pytest.raises(UserError, match="does not load outside of the recipe") as caught:
        pack(recipe, proof=True)
    assert "exp/hidden.txt" in str(caught.value)


def test_packing_again_replaces_the_bundle(recipe):
    pack(recipe)
    (recipe / "exp/tiny/pack_model/bundle/stray.txt").touch()
    bundle = pack(recipe, publication={"files": {"notes/words.txt": "exp/words.txt"}})
    assert not (bundle / "stray.txt").exists()
    model = InferenceModel.from_packed(bundle, trust_user_code=True)
    assert model.files["notes/words.txt"].read_text().startswith("zero")


def test_the_model_card(recipe):
    scores = {
        "metrics": {"wer": {"a": {"wer": 1.5}}},
        "about": {"wer": {"headline": "wer", "unit": "%"}},
    }
    Path("metrics.json").write_text(json.dumps(scores))
    found = {
        "upstream": {"measure.metrics": recipe / "metrics.json"},
        "upstream_kinds": {"measure": "measure"},
    }
    card = (pack(recipe, proof=True, **found) / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: espnet3-compile\n")
    assert "pipeline_tag: automatic-speech-recognition" in card
    assert "| a | 1.50 % |" in card
    assert "A `src.model.Scale` with 1 parameters." in card
    assert "${" not in card
    own = recipe / "card.md"
    own.write_text("# ${recipe} by ${author}\n${nothing}\n${results}\n")
    settings = {"readme": "card.md", "readme_context": {"author": "me", "nothing": ""}}
    card = (pack(recipe, publication=settings, **found) / "README.md").read_text()
    assert card.startswith("# tiny/asr by me\n| test set")
    own.write_text("${resluts}")
    with pytest.raises(UserError, match="resluts") as caught:
        pack(recipe, publication=settings)
    assert 'did you mean "results"' in str(caught.value)
    own.write_text("It costs $5.")
    with pytest.raises(UserError, match="begins no name"):
        pack(recipe, publication=settings)
    own.write_text("\n".join(f"${{{name}}}" for name in CARD_VALUES))
    pack(recipe, publication=settings)


@pytest.mark.parametrize("name", ["api_key", "password", "pat", "connection_string"])
def test_a_bundle_takes_no_secrets(recipe, name):
    Path("src/model.py").write_text(
        Path("src/model.py").read_text().replace("width=1", f"width=1, {name}=None")
    )
    with pytest.raises(UserError, match=f'"{name}" holds a secret, which would be published'):
        pack(recipe, model={**MODEL, name: "s3cr3t"})
    assert not list(recipe.rglob("bundle"))
