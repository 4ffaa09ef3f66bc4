"""A kind of value of a recipe's own: checked, decoded, packed, loaded and shown on a page."""

import os
import shutil
import time
from pathlib import Path

import pytest
import torch
import yaml

from espnet3_compiler.cli import main as cli
from espnet3_runtime.errors import UserError
from espnet3_runtime.publication.demo import make_demo
from espnet3_runtime.publication.model import InferenceModel
from espnet3_runtime.value_type import ValueType
from tests.runtime.demo_kit import serving
from tests.warm_kit import run_warm

KINDS = '''
"""Tunes: lists of notes."""

from espnet3_runtime.value_type import ValueType


class Tune(ValueType):
    suffix = ".tune"
    example = "[60, 62]"

    def __init__(self, highest=127):
        self.highest = highest

    def accept(self, value):
        notes = [int(note) for note in value]
        if max(notes) > self.highest:
            raise ValueError(f"{max(notes)} is higher than {self.highest}")
        return notes

    def write(self, value, path):
        path.write_text(" ".join(map(str, value)))

    def read(self, path):
        return path.read_text().split()


class Key(ValueType):
    def widget(self, gradio, label):
        return gradio.Dropdown(["C", "D"], label=label)
'''
MODEL = """
import torch


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.shift = torch.nn.Parameter(torch.zeros(1))

    def forward(self, tune):
        return self.shift.sum(), {}, 1


class Numbers:
    def __call__(self, sample):
        return {**sample, "tune": torch.tensor(sample["tune"], dtype=torch.float32)}


class Transpose:
    def __call__(self, model, tune, tune_lengths):
        moved = (tune + model.shift).round().int().tolist()
        return [{"higher": notes[:n], "key": "D"} for notes, n in zip(moved, tune_lengths)]
"""
DATASET = """
class Dataset:
    fields = {"tune": {"kind": "own", "type": {"_target_": "src.kinds.Tune"}}}

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return {"utt_id": f"u{index}", "tune": [60 + index, 64]}
"""
RECIPE = """
version: 1
recipe: toy/tunes
system: base
models: {net: {_target_: src.model.Net}}
configs:
  inference:
    checkpoint: w.ckpt
    device: cpu
    dataset: {test: [{name: test}], preprocessor: {_target_: src.model.Numbers}}
    runner: {_target_: src.model.Transpose}
    contract:
      inputs:
        tune: {kind: own, type: {_target_: src.kinds.Tune}, label: Melody}
      outputs:
        higher: {kind: own, type: {_target_: src.kinds.Tune, highest: 100}}
        key: {kind: own, type: {_target_: src.kinds.Key}}
  publication: {}
  demo: {model: {trust_user_code: true}}
stages: [infer, pack_model, pack_demo]
"""
FILES = {
    "src/__init__.py": "",
    "src/kinds.py": KINDS,
    "src/model.py": MODEL,
    "dataset/__init__.py": DATASET,
    "recipe.yaml": RECIPE,
}
OWN = "kind: own, type: {_target_: src.kinds.Tune}, label: Melody"
MISTAKES = [
    (OWN, "kind: own", '"tune" is of an own kind, and its type is not declared'),
    (OWN, "kind: text, type: {_target_: src.kinds.Key}", '"type" belongs to an own kind'),
    ("highest: 100", "heighest: 100", 'did you mean "highest"?'),
    ("src.kinds.Key", "src.kinds.Keys", '"src.kinds" has no "Keys"'),
    ("src.kinds.Key", "src.model.Numbers", '"src.model.Numbers" is no ValueType'),
    ("key: {kind: own", "key: {kind: onw", 'did you mean "own"?'),
]


def write_recipe(folder: Path, old: str = "", new: str = "") -> Path:
    assert old in RECIPE
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace(old, new) if name == "recipe.yaml" else text)
    torch.save({"shift": torch.full((1,), 12.0)}, folder / "w.ckpt")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Compile the recipe and run its stages; return it and what they said."""
    recipe = write_recipe(tmp_path_factory.mktemp("own") / "recipe")
    assert cli.main([str(recipe / "recipe.yaml")]) == 0
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = run_warm("build/run.py", folder=recipe, environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return recipe, done.stdout


def test_it_is_written_as_its_type_says(run):
    decoded = run[0] / "exp/recipe/infer/test"
    assert (decoded / "higher/u1.tune").read_text() == "73 76"
    assert (decoded / "key.scp").read_text() == "u0 D\nu1 D\n"


def test_its_bundle_takes_values_and_files(run, tmp_path: Path):
    bundle = run[0] / "exp/recipe/pack_model/bundle"
    assert "print(model([60, 62]))" in (bundle / "README.md").read_text()
    with pytest.raises(UserError, match=r"code of its own: .*src\.kinds\.Tune"):
        InferenceModel.from_packed(bundle)
    model = InferenceModel.from_packed(bundle, trust_user_code=True)
    (tmp_path / "a.tune").write_text("1 2")
    assert model(tmp_path / "a.tune") == model([1, 2]) == {"higher": [13, 14], "key": "D"}
    with pytest.raises(UserError, match='"higher" of item0 is not Tune: 112 is higher than 100'):
        model([100])


def test_its_page_has_the_widgets_of_the_types(run, tmp_path: Path):
    pytest.importorskip("gradio")
    page = make_demo(run[0] / "exp/recipe/pack_demo/demo")
    found = {getattr(one, "label", None): one.get_block_name() for one in page.blocks.values()}
    assert (found["Melody"], found["higher"], found["key"]) == ("file", "file", "dropdown")
    (tmp_path / "b.tune").write_text("0")
    (handler,) = (one.fn for one in page.fns.values() if one.api_name == "run")
    file, key = handler(str(tmp_path / "b.tune"))
    assert (Path(file).read_text(), key) == ("12", "D")


def test_what_its_page_wrote_for_a_visitor_is_deleted(run, tmp_path: Path):
    client = pytest.importorskip("gradio_client")
    demo = Path(shutil.copytree(run[0] / "exp/recipe/pack_demo/demo", tmp_path / "demo"))
    settings = yaml.safe_load((demo / "demo.yaml").read_text())
    settings["limits"]["delete_after_seconds"] = 2
    (demo / "demo.yaml").write_text(yaml.safe_dump(settings))
    (tmp_path / "b.tune").write_text("0")
    with serving(demo, tmp_path) as address:
        page = client.Client(address, verbose=False, download_files=str(tmp_path / "got"))
        file, key = page.predict(client.handle_file(tmp_path / "b.tune"), api_name="/run")
        assert (Path(file).read_text(), key) == ("12", "D")
        assert _tunes(tmp_path)
        end = time.monotonic() + 20
        while _tunes(tmp_path) and time.monotonic() < end:
            time.sleep(0.2)
        assert not _tunes(tmp_path)
    assert "Traceback" not in (tmp_path / "log").read_text()


def _tunes(folder: Path) -> list[Path]:
    return [path for name in ("gradio", "tmp") for path in (folder / name).rglob("*.tune")]


@pytest.mark.parametrize(("old", "new", "said"), MISTAKES)
def test_a_mistake_in_its_declaration(tmp_path: Path, capsys, old: str, new: str, said: str):
    recipe = write_recipe(tmp_path, old, new)
    assert cli.main([str(recipe / "recipe.yaml"), "--check"]) == 1
    told = capsys.readouterr()
    assert said in told.out + told.err


def test_a_type_with_files_says_which_method_it_lacks(tmp_path: Path):
    class Midi(ValueType):
        suffix = ".mid"

    with pytest.raises(UserError, match=r'the suffix "\.mid", and no write for a\.mid: int'):
        Midi().write(3, tmp_path / "a.mid")
    with pytest.raises(UserError, match=r"and no read for a\.mid"):
        Midi().read(tmp_path / "a.mid")
