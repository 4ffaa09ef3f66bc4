"""Bundles of models of every kind of input: the call that their README shows runs as it stands."""

import io
import re
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml

from espnet3_runtime.data.contract import accept_inputs, read_contract
from espnet3_runtime.errors import UserError
from espnet3_runtime.publication.demo import make_demo
from espnet3_runtime.publication.model import InferenceModel
from tests.runtime.bundle_kit import INFERENCE, pack

CODE = '''
"""A model that tells what it got."""

import numpy as np

LEVELS = ("low", "high")


class Encode:
    """Preprocessor: numbers of whatever comes."""

    def __call__(self, sample):
        return {name: self.encode(value) for name, value in sample.items()}

    def encode(self, value):
        if isinstance(value, str):
            return np.array([LEVELS.index(value) if value in LEVELS else len(value)])
        if isinstance(value, list):
            return np.array([list(row.values()) for row in value], dtype=np.float32)
        return value.astype(np.float32) if hasattr(value, "astype") else value


class Tell:
    """Runner: shapes by name."""

    def __call__(self, model, **batch):
        names = [name for name in batch if not name.endswith("_lengths")]
        count = len(batch[names[0]])
        said = " ".join(f"{name}{list(batch[name].shape[1:])}" for name in names)
        rows = [{"a": 1.5, "b": "x"}]
        found = {"said": said, "level": "high", "point": np.array([0.5, -1.0]), "rows": rows}
        return [{**found, "picture": np.full((2, 3), 0.5)} for _ in range(count)]
'''
OUTPUTS = {
    "said": {"kind": "text"},
    "level": {"kind": "category", "choices": ["low", "high"]},
    "point": {"kind": "vector", "size": 2},
    "rows": {"kind": "table", "columns": ["a", "b"]},
    "picture": {"kind": "image"},
}
LEVEL = {"kind": "category", "choices": ["low", "high"]}
CALLS: dict[str, tuple[dict[str, Any], str, str]] = {
    "audio": (
        {"speech": {"kind": "audio", "sample_rate": 16000}},
        '"audio.wav"',
        "speech[1600]",
    ),
    "image": ({"photo": {"kind": "image", "channels": 3}}, '"image.png"', "photo[4, 5, 3]"),
    "grey image": ({"photo": {"kind": "image", "channels": 1}}, '"image.png"', "photo[4, 5]"),
    "text": ({"text": {"kind": "text"}}, '"some text"', "text[1]"),
    "category": ({"level": LEVEL}, '"low"', "level[1]"),
    "number": ({"age": {"kind": "number"}}, "1.0", "age[]"),
    "vector": ({"point": {"kind": "vector", "size": 3}}, "[0.0, 0.0, 0.0]", "point[3]"),
    "long vector": ({"point": {"kind": "vector", "size": 99}}, "[0.0] * 99", "point[99]"),
    "table": (
        {"rows": {"kind": "table", "columns": ["a", 'b "c"']}},
        '[{"a": 0.0, "b \\"c\\"": 0.0}]',
        "rows[1, 2]",
    ),
    "several": (
        {"speech": {"kind": "image"}, "level": LEVEL, "note": {"kind": "text", "optional": True}},
        '{"speech": "image.png", "level": "low"}',
        "speech[4, 5, 3] level[1]",
    ),
}


def packed(recipe: Path, inputs: dict[str, Any]) -> Path:
    (recipe / "src" / "kinds.py").write_text(CODE)
    inference = {
        **INFERENCE,
        "dataset": {"test": [{"name": "a"}], "preprocessor": {"_target_": "src.kinds.Encode"}},
        "runner": {"_target_": "src.kinds.Tell"},
        "input_key": None,
        "contract": {"inputs": inputs, "outputs": OUTPUTS},
    }
    return Path(pack(recipe, inference=inference))


def write_files(place: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    soundfile.write(place / "audio.wav", np.zeros(1600), 16000)
    image.fromarray(np.arange(60, dtype=np.uint8).reshape(4, 5, 3)).save(place / "image.png")


@pytest.mark.parametrize("kind", CALLS)
def test_the_call_in_the_readme_runs_as_it_stands(recipe, tmp_path, monkeypatch, kind):
    inputs, call, said = CALLS[kind]
    bundle = packed(recipe, inputs)
    (tmp_path / "user" / "path/of/this").mkdir(parents=True)
    bundle.rename(tmp_path / "user" / "path/of/this/directory")
    monkeypatch.chdir(tmp_path / "user")
    write_files(Path())
    readme = Path("path/of/this/directory/README.md").read_text()
    assert f"print(model({call}))" in readme
    assert ("publication.transcribe" in readme) == (kind == "audio")
    assert ("- speech\n" in readme) == (kind == "audio")
    (code,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(code, {})
    assert f"'said': '{said}'" in printed.getvalue()
    assert "'level': 'high'" in printed.getvalue()


CHECKS = [
    ({"kind": "vector", "size": 2}, [1, 2], [1.0, 2.0]),
    ({"kind": "vector", "size": 2}, [1.0], "expected shape (2,), found shape (1,)"),
    ({"kind": "vector"}, [[1.0]], "expected one axis, found shape (1, 1)"),
    ({"kind": "vector"}, "1 2", "expected numbers, found str"),
    ({"kind": "vector"}, [float("nan")], "not all of its numbers are finite"),
    (LEVEL, "low", "low"),
    (LEVEL, "middle", '"middle" is none of low, high'),
    (LEVEL, 1, "expected a string, found int"),
    ({"kind": "image"}, np.array([[0.0, 1.0]]), [[0, 255]]),
    ({"kind": "image"}, np.array([[False, True]]), [[0, 255]]),
    ({"kind": "image", "channels": 3}, np.array([[7]], dtype=np.uint8), [[[7, 7, 7]]]),
    ({"kind": "image", "channels": 1}, np.array([[[9, 9, 9, 1]]], dtype=np.uint8), [[9]]),
    ({"kind": "image"}, np.array([[300]]), "expected bytes or floats in [0, 1], found int64"),
    ({"kind": "image"}, np.array([[2.0]]), "floats are in [0, 1], found 2 to 2"),
    ({"kind": "image"}, np.zeros(3), "expected shape (height, width) or (height, width, 3)"),
    ({"kind": "table", "columns": ["b"]}, [{"a": 1, "b": 2}], [{"b": 2}]),
    ({"kind": "table", "columns": ["a", "b"]}, [[1, 2]], [{"a": 1, "b": 2}]),
    ({"kind": "table"}, {"a": [1, 2], "b": [3, 4]}, [{"a": 1, "b": 3}, {"a": 2, "b": 4}]),
    ({"kind": "table", "columns": ["c"]}, [{"a": 1}], 'row 0 has no "c"; it has a'),
    ({"kind": "table", "columns": ["c"]}, [[1, 2]], "a row has 2 values, and there are 1 columns"),
    ({"kind": "table"}, {"a": [1], "b": []}, "has lists of one length"),
    ({"kind": "table"}, [1], "a row is a mapping from column to value, found int"),
    ({"kind": "table"}, 1, "expected a list of rows, found int"),
]


@pytest.mark.parametrize(("field", "value", "expected"), CHECKS)
def test_values_are_brought_into_their_form_or_refused(field, value, expected):
    contract = read_contract({"inputs": {"x": field}}, "contract")
    assert contract is not None
    if isinstance(expected, str) and expected != str(value):
        with pytest.raises(UserError, match=re.escape(expected)) as error:
            accept_inputs(contract.inputs, {"x": value}, "one")
        assert error.value.where == "contract.inputs.x"
        return
    found = accept_inputs(contract.inputs, {"x": value}, "one")["x"]
    assert (found.tolist() if hasattr(found, "tolist") else found) == expected


def test_tables_and_images_are_read_from_files(tmp_path):
    pytest.importorskip("PIL.Image")
    contract = read_contract({"inputs": {"t": {"kind": "table"}, "i": {"kind": "image"}}}, "c")
    assert contract is not None
    (tmp_path / "t.csv").write_text("a,b\n1,x\n2.5,\n")
    write_files(tmp_path)
    sample = {"t": str(tmp_path / "t.csv"), "i": tmp_path / "image.png"}
    found = accept_inputs(contract.inputs, sample, "one")
    assert found["t"] == [{"a": 1, "b": "x"}, {"a": 2.5, "b": ""}]
    assert found["i"].shape == (4, 5, 3)
    for name, said in (("t", "there is no table"), ("i", "there is no image file")):
        with pytest.raises(UserError, match=said):
            accept_inputs(contract.inputs, {**sample, name: tmp_path / "none"}, "one")
    with pytest.raises(UserError, match="cannot be read as an image"):
        accept_inputs(contract.inputs, {**sample, "i": tmp_path / "t.csv"}, "one")


def test_of_several_inputs_a_value_alone_is_refused_with_the_call(recipe):
    inputs = {"photo": {"kind": "image"}, "level": LEVEL}
    model = InferenceModel.from_packed(packed(recipe, inputs), trust_user_code=True)
    with pytest.raises(
        UserError, match=r"this model takes photo \(image\), level \(category\)"
    ) as e:
        model("image.png")
    assert e.value.hint == 'pass a mapping: model({"photo": …, "level": …})'


def test_a_page_has_a_widget_for_every_kind(recipe, tmp_path):
    pytest.importorskip("gradio")
    inputs = {
        "photo": {"kind": "image", "channels": 1},
        "level": LEVEL,
        "point": {"kind": "vector", "size": 2},
        "rows": {"kind": "table", "columns": ["a", "b"]},
        "age": {"kind": "number"},
        "note": {"kind": "text", "optional": True},
    }
    packed(recipe, inputs).rename(tmp_path / "bundle")

    def fields(side: dict[str, Any]) -> list[dict[str, Any]]:
        given = ("choices", "columns", "channels", "sample_rate")
        return [
            {"key": name, "type": one["kind"], "label": name, "optional": name == "note"}
            | {key: one.get(key) for key in given if key in one}
            for name, one in side.items()
        ]

    settings = {
        "title": "All",
        "description": "",
        "limits": {"max_file_mb": 1, "max_audio_seconds": 1, "delete_after_seconds": 60},
        "model": {"device": "cpu", "trust_user_code": True, "call_args": {}},
        "inputs": fields(inputs),
        "outputs": fields(OUTPUTS),
    }
    (tmp_path / "demo.yaml").write_text(yaml.safe_dump(settings))
    page = make_demo(tmp_path)
    names = [block.get_block_name() for block in page.blocks.values() if hasattr(block, "label")]
    widgets = [
        one for one in names if one in ("image", "dropdown", "textbox", "dataframe", "number")
    ]
    assert widgets == [
        *("image", "dropdown", "textbox", "dataframe", "number", "textbox"),
        *("textbox", "textbox", "textbox", "dataframe", "image"),
    ]
    (function,) = [one for one in page.fns.values() if one.api_name == "run"]
    grey = np.zeros((4, 5), dtype=np.uint8)
    said, level, point, rows, picture = function.fn(grey, "low", "0.5, -1", [[1, 2]], 3.0, "")
    assert said == "photo[4, 5] level[1] point[2] rows[1, 2] age[]"
    assert (level, point) == ("high", "0.5 -1")
    assert rows == {"headers": ["a", "b"], "data": [[1.5, "x"]]}
    assert picture.tolist() == [[128] * 3] * 2
    with pytest.raises(Exception, match="is a list of numbers, for example"):
        function.fn(grey, "low", "half", [[1, 2]], 3.0, "")
