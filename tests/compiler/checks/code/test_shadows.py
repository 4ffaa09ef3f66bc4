"""Modules beside the manifest that hide installed ones."""

import pytest

from tests.compiler.checks.checks_kit import CONFIGS, HEAD

RECIPE = f"{HEAD}configs: {{training: {{dataset: {{train: [{{}}]}}}}}}\nstages: [train]\n"


@pytest.mark.parametrize(
    "name", ["numpy.py", "random.py", "typing.py", "torch/__init__.py", "yaml.py", "queue.py"]
)
def test_what_hides_another_module(check, name):
    pytest.importorskip("torch")
    assert check(RECIPE, {name: "x = 1\n"}) == [("R209", "x = 1")]


@pytest.mark.parametrize(
    "name",
    [
        *("corpus.py", "utils.py", "model.py", "whisper.py", "wave.py", "local/prepare.py"),
        *("src/numpy.py", "src/typing.py", "torch/notes.txt", "random/__main__.txt", "data.py"),
        *("tests/__init__.py", "build/numpy.py", "code.py", "losses.py", "lhotse/__init__.py"),
    ],
)
def test_what_hides_nothing(check, name):
    assert check(RECIPE, {name: "x = 1\n"}) == []


def test_a_module_that_imports_its_own_name(check):
    pytest.importorskip("onnx")
    files = {"src/model.py": "import onnx\nclass Net:\n    def __init__(self, size): ...\n"}
    text = "from onnx import ModelProto\n"
    found = check(RECIPE, {**files, "onnx.py": text})
    assert found == [(code, text.strip()) for code in ("R209", "R509")]


def test_a_bundle_that_lacks_what_hides_another_module_is_no_second_finding(check):
    pytest.importorskip("torch")
    model = "import numpy\n\nclass Net:\n    def __init__(self, size): ...\n"
    text = f"""{HEAD}{CONFIGS}  publication: {{pack_model: {{include: [src]}}}}
stages: [train, infer, pack_model]
"""
    files = {"src/model.py": model, "numpy.py": "x = 1\n"}
    assert check(text, files) == [("R209", "x = 1")]
