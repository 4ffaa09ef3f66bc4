"""Parts of models of transformers, of a small package in its place."""

import pytest

from tests.compiler.checks.code.test_part_names import recipe

BASE = """\
from torch import nn
class PreTrainedModel(nn.Module):
    @classmethod
    def from_pretrained(cls, path): return cls(path)
"""
MODEL = """\
from torch import nn
from ...modeling_utils import PreTrainedModel
class Encoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(8, 8)])
class Heard(PreTrainedModel):
    def __init__(self, config):
        super().__init__()
        self.feature_extractor = nn.Conv1d(1, 8, 3)
        self.encoder = Encoder(config)
        ADDED
class HeardForCTC(PreTrainedModel):
    def __init__(self, config):
        super().__init__()
        self.heard = Heard(config)
        self.lm_head = nn.Linear(8, 8)
    def forward(self, **batch): return batch["loss"]
"""
OWN = """\
from torch import nn
from transformers import NAME
class Net(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.body = NAME.from_pretrained("x")
        self.head = nn.Linear(size, size)
    def forward(self, **batch): return batch["loss"]
"""
PACKAGE = {
    "transformers/modeling_utils.py": BASE,
    "transformers/models/__init__.py": "",
    "transformers/models/heard/__init__.py": "",
    "transformers/__init__.py": (
        "from .models.heard.modeling_heard import Heard, HeardForCTC\n"
        "class AutoModel:\n    @classmethod\n    def from_pretrained(cls, path): ...\n"
    ),
}
CTC = "{_target_: transformers.HeardForCTC, config: 8}"
LOADED = "{_target_: transformers.HeardForCTC.from_pretrained, path: hub/name}"
NET = "{_target_: src.model.Net, size: 8}"


def selected(check, selector: str, model: str, name: str = "Heard", added: str = "pass"):
    """Return what is reported of a part to freeze."""
    code = {"transformers/models/heard/modeling_heard.py": MODEL.replace("ADDED", added)}
    files = PACKAGE | code | {"src/model.py": OWN.replace("NAME", name)}
    return [one for one in check(recipe(selector, model), files) if one[0] == "R807"]


@pytest.mark.parametrize("selector", ["heard.feature_encoder", "head", "hear.encoder"])
@pytest.mark.parametrize("model", [CTC, LOADED])
def test_parts_that_no_class_of_the_model_has(check, selector, model):
    assert selected(check, selector, model) == [("R807", selector)]


@pytest.mark.parametrize(
    "selector", ["heard.feature_extractor", "encoder.layers.0", "lm_head.weight", "'heard.enc*'"]
)
def test_parts_that_a_class_of_the_model_has(check, selector):
    assert selected(check, selector, CTC) == []


def test_a_model_inside_one_of_the_recipe(check):
    assert selected(check, "body.feature_encoder", NET) == [("R807", "body.feature_encoder")]
    assert selected(check, "body.feature_extractor", NET) == []
    assert selected(check, "body.feature_encoder", NET, "AutoModel") == []


@pytest.mark.parametrize("added", ["setattr(self, config.name, 1)", "self.x = AutoModel.make(1)"])
def test_names_that_are_made_while_code_runs(check, added):
    assert selected(check, "heard.feature_encoder", CTC, added=added) == []
