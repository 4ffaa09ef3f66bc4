"""What a bundle from others may not do."""

import pytest
import torch

from espnet3_runtime.errors import UserError
from espnet3_runtime.publication.bundle import open_bundle, path_inside
from espnet3_runtime.publication.model import InferenceModel
from espnet3_runtime.publication.trust import is_harmless
from tests.runtime.bundle_kit import INFERENCE, pack, packable


@pytest.fixture
def recipe(tmp_path):
    with packable(tmp_path / "recipe") as directory:
        yield directory


def test_a_named_file_cannot_leave_the_bundle(recipe):
    with pytest.raises(UserError, match="leads out of the bundle"):
        pack(recipe, publication={"files": {"../../words.txt": "exp/words.txt"}})


def test_an_altered_bundle_is_refused(recipe):
    bundle = pack(recipe)
    (bundle / "code/src/words.py").write_text("WORDS = ()\n")
    with pytest.raises(UserError, match=r'"code/src/words\.py" of the bundle .* was altered'):
        open_bundle(bundle)
    (bundle / "code/src/words.py").unlink()
    with pytest.raises(UserError, match=r'lacks "code/src/words\.py"'):
        open_bundle(bundle)
    (bundle / "bundle.json").write_text("{}")
    with pytest.raises(UserError, match="does not describe a bundle"):
        open_bundle(bundle)
    with pytest.raises(UserError, match="is no bundle"):
        open_bundle(bundle.parent)


@pytest.mark.parametrize("name", ["../up", "/etc/passwd", "a/../../b", "c:\\x", "link/x"])
def test_names_cannot_leave_the_bundle(tmp_path, name):
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "link").symlink_to(tmp_path)
    with pytest.raises(UserError, match="leads out of the bundle"):
        path_inside(bundle, name)


def test_paths_in_configs_cannot_leave_the_bundle(recipe):
    bundle = pack(recipe)
    file = bundle / "inference.yaml"
    file.write_text(file.read_text().replace("bundle://files/words.txt", "bundle://../../x"))
    with pytest.raises(UserError, match="leads out of the bundle"):
        InferenceModel.from_packed(bundle, trust_user_code=True, verify=False)


def test_a_bundle_without_code_needs_no_trust(recipe):
    model = {"_target_": "torch.nn.Linear", "in_features": 160, "out_features": 1}
    torch.save(torch.nn.Linear(160, 1).state_dict(), "best.ckpt")
    inference = {**INFERENCE, "runner": None, "model": model, "checkpoint": None, "contract": None}
    bundle = pack(recipe, inference=inference, publication={"include": []})
    loaded = InferenceModel.from_packed(bundle)
    assert loaded.bundle.code == ()


@pytest.mark.parametrize(
    ("target", "harmless"),
    [
        ("torch.nn.Linear", True),
        ("torch.nn.modules.conv.Conv1d", True),
        ("torch.nn.Module", True),
        ("espnet3_runtime.data.collate.CommonCollateFn", True),
        ("espnet3_runtime.atomic.write_text", False),
        ("torch.nn.utils.rnn.torch.load", False),
        ("torch.nn.modules.module.torch.hub.load", False),
        ("torch.load", False),
        ("os.system", False),
        ("builtins.eval", False),
        ("src.model.Scale", False),
        ("torch.nn.nothing", False),
    ],
)
def test_what_is_harmless(target, harmless):
    assert is_harmless(target) is harmless
