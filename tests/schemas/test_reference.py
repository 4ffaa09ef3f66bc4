"""The generated pages of docs/ are those that the schemas, systems and codes make."""

import importlib.util
import sys
from pathlib import Path

import pytest

from espnet3_compiler.diagnostics.codes import CODES
from espnet3_schemas import load, systems

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def generator():
    spec = importlib.util.spec_from_file_location("build_reference", DOCS / "build_reference.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["build_reference"] = module
    spec.loader.exec_module(module)
    return module


def test_committed_pages_are_up_to_date(generator):
    made = generator.pages()
    for path, text in made.items():
        assert (DOCS / path).read_text(encoding="utf-8") == text, (
            f"docs/{path} is stale; run: python docs/build_reference.py"
        )
    assert {path.name for path in (DOCS / "reference").glob("*.md")} == {
        Path(path).name for path in made if path.startswith("reference/")
    }


def test_pages_name_every_key_kind_and_code(generator):
    made = generator.pages()
    for key in load("training")["properties"]:
        assert f"| `{key}` |" in made["reference/training.md"]
    for key in load("training")["properties"]["trainer"]["properties"]:
        assert f"| `{key}` |" in made["reference/training.md"]
    for kind, entry in systems()["kinds"].items():
        assert f"## {kind}\n" in made["reference/stages.md"]
        for output in entry["outputs"]:
            assert f"| `{output}` |" in made["reference/stages.md"]
    for code in CODES:
        assert f"### {code.number} {code.name} ({code.severity})\n" in made["diagnostics.md"]
