"""What a bundle from others may not do."""

import json
import shutil
import subprocess
import sys
from importlib.metadata import packages_distributions

import pytest
import soundfile
import torch
import yaml

from espnet3_runtime.build.instantiate import instantiate
from espnet3_runtime.errors import UserError
from espnet3_runtime.publication import isolated_imports
from espnet3_runtime.publication.bundle import hash_files, open_bundle, path_inside
from espnet3_runtime.publication.model import InferenceModel
from espnet3_runtime.publication.trust import is_harmless
from tests.runtime.bundle_kit import INFERENCE, pack, speech

LINEAR = {"_target_": "torch.nn.Linear", "in_features": 160, "out_features": 1}


def test_a_named_file_cannot_leave_the_bundle(recipe):
    with pytest.raises(UserError, match="leads out of the bundle"):
        pack(recipe, publication={"files": {"../../words.txt": "exp/words.txt"}})


def test_an_altered_bundle_is_refused(recipe):
    bundle = pack(recipe)
    (bundle / "code/src/words.py").write_text("WORDS = ()\n")
    with pytest.raises(UserError, match=r'"code/src/words\.py" of the bundle .* was altered'):
        InferenceModel.from_packed(bundle, trust_user_code=True)
    (bundle / "code/src/words.py").unlink()
    with pytest.raises(UserError, match=r'lacks "code/src/words\.py"'):
        open_bundle(bundle)
    (bundle / "bundle.json").write_text("{}")
    with pytest.raises(UserError, match="does not describe a bundle"):
        open_bundle(bundle)
    with pytest.raises(UserError, match="is no bundle"):
        open_bundle(bundle.parent)


@pytest.mark.parametrize("name", ["../up", "/etc/passwd", "a/../../b", "c:\\x", "link/x", "a\0b"])
def test_names_cannot_leave_the_bundle(tmp_path, name):
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "link").symlink_to(tmp_path)
    with pytest.raises(UserError, match="leads out of the bundle"):
        path_inside(bundle, name)


@pytest.mark.parametrize("name", ["a\0b", "circle", "long", "circle/x", "\udcff", "x" * 300])
def test_a_bundle_that_lists_what_no_disk_holds_is_refused(recipe, name):
    bundle = pack(recipe)
    (bundle / "circle").symlink_to("circle")
    (bundle / "long").symlink_to("n" * 300)
    meta = json.loads((bundle / "bundle.json").read_text())
    meta["files"][name] = "0" * 64
    (bundle / "bundle.json").write_text(json.dumps(meta))
    with pytest.raises(UserError, match=r"lacks|leads out of"):
        open_bundle(bundle)
    del meta["files"][name]
    (bundle / "bundle.json").write_text(json.dumps(meta))
    with pytest.raises(UserError, match="does not list"):
        open_bundle(bundle)


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


def plain_config(model=LINEAR, **config):
    """Return an inference config of torch's layers, with a model of its own."""
    plain = {"runner": None, "model": model, "checkpoint": None, "contract": None}
    return {**INFERENCE, **plain, "input_key": "input", "output_keys": ["text"], **config}


def sign(bundle):
    """Make ``bundle.json`` fit the files, as whoever sends a bundle can."""
    meta = json.loads((bundle / "bundle.json").read_text())
    (bundle / "bundle.json").write_text(json.dumps({**meta, "files": hash_files(bundle)}))


def add_code(bundle, name, text=""):
    file = bundle / "code" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    sign(bundle)


def transcribe(bundle, *arguments, cwd):
    soundfile.write(cwd / "a.wav", speech("two"), 16000)
    module = "espnet3_runtime.publication.transcribe"
    command = [sys.executable, "-m", module, str(bundle), "a.wav", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)
    assert "Traceback" not in done.stderr
    return done


@pytest.mark.parametrize("where", ["elsewhere", "code"])
@pytest.mark.parametrize("trusted", [False, True])
def test_code_that_no_target_needs_is_never_imported(recipe, tmp_path, trusted, where):
    model = {"_target_": "torch.nn.Identity"}
    bundle = pack(recipe, inference=plain_config(model), publication={"include": []})
    shadow = f"open({str(tmp_path / 'ran')!r}, 'w')\n"
    for name in ("torch/__init__.py", "espnet3_schemas/__init__.py", "numpy.py", "json.py"):
        add_code(bundle, name, shadow)
    cwd = bundle / "code" if where == "code" else tmp_path
    if where == "code":
        soundfile.write(cwd / "a.wav", speech("two"), 16000)
        sign(bundle)
    done = transcribe(bundle, *(["--trust_user_code"] if trusted else []), cwd=cwd)
    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout.startswith("a.wav\t[")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("torch/__init__.py", 'the package "torch"'),
        ("torch/nn/new.py", 'the package "torch"'),
        ("yaml.py", 'the package "PyYAML"'),
        ("numpy.so", 'the package "numpy"'),
        ("espnet3_schemas/late_values.py", "this program"),
        ("json.py", "Python's standard library"),
        ("sitecustomize.pyc", None),
        ("torch.txt", None),
    ],
)
def test_trusted_code_takes_no_name_of_others(recipe, name, owner):
    bundle = pack(recipe)
    add_code(bundle, name, "raise SystemExit('ran')\n")
    if owner is None:
        assert InferenceModel.from_packed(bundle, trust_user_code=True)
        return
    with pytest.raises(UserError, match=f"which is a name of {owner}"):
        InferenceModel.from_packed(bundle, trust_user_code=True)


def test_an_installed_src_does_not_take_the_name_of_every_recipe(recipe, tmp_path, monkeypatch):
    installed = tmp_path / "site-packages"
    (installed / "src").mkdir(parents=True)
    (installed / "src/__init__.py").write_text("raise SystemExit('ran')\n")
    about = installed / "careless-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: careless\nVersion: 1.0\n")
    (about / "RECORD").write_text("src/__init__.py,,\n")
    bundle = pack(recipe)
    monkeypatch.syspath_prepend(str(installed))
    assert packages_distributions()["src"] == ["careless"]
    isolated_imports._packages_by_name.cache_clear()
    assert InferenceModel.from_packed(bundle, trust_user_code=True)
    isolated_imports._packages_by_name.cache_clear()


def test_files_that_are_not_listed_are_refused(recipe, tmp_path):
    bundle = pack(recipe)
    (bundle / ".gitattributes").touch()
    (bundle / "empty").mkdir()
    InferenceModel.from_packed(bundle, trust_user_code=True)
    assert not list(bundle.rglob("__pycache__"))
    for name in ("code/src/__pycache__/model.pyc", "code/other.py", "files/x", ".hidden"):
        (bundle / name).parent.mkdir(exist_ok=True)
        (bundle / name).touch()
        for verify in (True, False):
            with pytest.raises(UserError, match=f'holds "{name}", which its bundle.json does not'):
                InferenceModel.from_packed(bundle, trust_user_code=True, verify=verify)
        (bundle / name).unlink()
    shutil.copytree(bundle / "code/src", tmp_path / "linked")
    (bundle / "code/linked").symlink_to(tmp_path / "linked")
    with pytest.raises(UserError, match='holds "code/linked"'):
        open_bundle(bundle)


def model_bundle(recipe, node, weights):
    """Pack a model of torch's layers with weights, and give it another node."""
    torch.save(weights, "best.ckpt")
    runner = {"_target_": CALL, "output_keys": ["text"]}
    inference = {**INFERENCE, "runner": runner, "contract": None, "input_key": "input"}
    bundle = pack(recipe, inference=inference, model=LINEAR, publication={"include": []})
    (bundle / "model.yaml").write_text(json.dumps(node))
    sign(bundle)
    return bundle


CALL = "espnet3_runtime.inference.runner.CallModel"
RELU = {"_target_": "torch.nn.ReLU"}
ATTENTION = {"_target_": "torch.nn.TransformerEncoderLayer", "d_model": 8, "nhead": 2}
MANY = 10**8


def of(layer, count):
    return {"_target_": "torch.nn.TransformerEncoder", "encoder_layer": layer, "num_layers": count}


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (of(ATTENTION, MANY), "far larger than the weights"),
        (of(RELU, MANY), "far larger than the weights"),
        (of(of(RELU, 10_000), 10_000), "far larger than the weights"),
        ({"_target_": "torch.nn.LSTM", "input_size": 8, "hidden_size": 8, "num_layers": MANY}, 0),
        ({**LINEAR, "out_features": 10**12}, "is .1, 160. in the file and .1000000000000, 160. in"),
        ({**LINEAR, "out_features": 10**9, "device": "cpu"}, "do not fit Linear"),
        ({"_target_": LINEAR["_target_"], "_args_": [10**6, 10**6, True, "cpu"]}, "do not fit"),
        ({**LINEAR, "in_features": 10**30}, "torch.nn.Linear failed: "),
    ],
)
@pytest.mark.parametrize("own", [False, True])
def test_a_model_far_larger_than_its_weights_is_not_made(recipe, node, message, own):
    weights = torch.nn.Linear(160, 1).state_dict()
    bundle = model_bundle(recipe, LINEAR if own else node, weights)
    if own:
        config = plain_config(node)
        bundle = pack(recipe, inference=config, publication={"include": []})
        message = message if "failed" in str(message) else "far larger than the weights"
    with pytest.raises(UserError, match=message or "far larger than the weights"):
        InferenceModel.from_packed(bundle)
    assert sys.getprofile() is None


def test_ordinary_models_load_without_trust(recipe):
    layers = {**of({**ATTENTION, "batch_first": True}, 24), "enable_nested_tensor": False}
    embedding = {"_target_": "torch.nn.Embedding", "num_embeddings": 50, "embedding_dim": 8}
    node = {"_target_": "torch.nn.Sequential", "_args_": [embedding, layers]}
    model = instantiate(node)
    bundle = model_bundle(recipe, node, model.state_dict())
    loaded = InferenceModel.from_packed(bundle).predictor.model
    assert torch.equal(loaded[0].weight, model[0].weight)
    assert loaded[1].layers[23].linear1.weight.device.type == "cpu"


def test_only_the_model_is_made_of_layers(recipe):
    runner = {"_target_": "torch.nn.LSTM", "input_size": 8, "hidden_size": 8, "num_layers": MANY}
    bundle = pack(recipe, inference=plain_config(runner=runner), publication={"include": []})
    with pytest.raises(UserError, match=r"wants to run code of its own: torch\.nn\.LSTM"):
        InferenceModel.from_packed(bundle)


@pytest.mark.parametrize(
    "text",
    [
        *("/etc/passwd", "~/.ssh/id_rsa", "../outside.txt", "a/../../outside.txt", "exp/words.txt"),
        *("C:\\secret.txt", "\\\\host\\share", "a\\..\\..\\b", "file:///etc/passwd", "best.ckpt"),
        *("${oc.env:HOME}", "x${oc.env:NO_SUCH,/etc/passwd}"),
    ],
)
@pytest.mark.parametrize("key", ["checkpoint", "tokenizer"])
def test_a_bundle_reads_nothing_outside_without_trust(recipe, text, key):
    bundle = pack(recipe, inference=plain_config(), publication={"include": []})
    config = yaml.safe_load((bundle / "inference.yaml").read_text())
    if key == "checkpoint":
        config["checkpoint"] = text
    else:
        target = "espnet3_runtime.data.preprocess.TextToTokens"
        config["dataset"]["preprocessor"] = {"_target_": target, "tokenizer": text}
    (bundle / "inference.yaml").write_text(yaml.safe_dump(config))
    sign(bundle)
    with pytest.raises(UserError, match="which is outside of it"):
        InferenceModel.from_packed(bundle)


def test_large_files_of_a_bundle_are_refused(recipe):
    bundle = pack(recipe, inference=plain_config(), publication={"include": []})
    plain = (bundle / "inference.yaml").read_text()
    large = {
        "more than 100000 keys and values": plain + "x:\n" + "- a\n" * 400_000,
        "more than 2000000 bytes": plain + "#" * 2_000_000,
    }
    for message, text in large.items():
        (bundle / "inference.yaml").write_text(text)
        sign(bundle)
        with pytest.raises(UserError, match=message):
            InferenceModel.from_packed(bundle)
    (bundle / "bundle.json").write_text(" " * 10_000_001)
    with pytest.raises(UserError, match="more than 10000000 bytes"):
        InferenceModel.from_packed(bundle)
