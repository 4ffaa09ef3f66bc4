"""What ``data_src`` may name, the methods of a builder, and inputs of metrics that are the same."""

import pytest

from espnet3_compiler.pipeline import compile_manifest
from evaluation.recipes import RECIPES
from tests.compiler.checks.checks_kit import HEAD

CORPUS = """class Dataset:
    def __len__(self): ...
    def __getitem__(self, index): ...


class Corpus:
    pass
"""
BUILDER = """class Dataset:
    def __len__(self): ...
    def __getitem__(self, index): ...


class DatasetBuilder:
    def is_source_prepared(self): ...
    def prepare_source(self): ...
    def is_built(self): ...
    def build(self): ...
"""


def found_in(check, source: str) -> list[tuple[str, str]]:
    text = f"{HEAD}configs:\n  training: {{dataset: {{train: [{{data_src: {source}}}]}}}}\n"
    return check(
        f"{text}stages: [train]\n", {"src/corpus.py": CORPUS, "dataset/__init__.py": CORPUS}
    )


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("src/corpus.py", ("R501", "src/corpus.py")),
        ("src/corpus", ("R501", "src/corpus")),
        ("dataset/__init__.py", ("R501", "dataset/__init__.py")),
        ("./dataset", ("R501", "./dataset")),
        ("/data/corpus", ("R501", "/data/corpus")),
        ("src.corpus.Dataset", ("R501", "src.corpus.Dataset")),
        ("src.corpus.Corpus", ("R501", "src.corpus.Corpus")),
        ("~/corpus/train", ("R706", "~")),
    ],
)
def test_a_data_src_that_names_something_else(check, source, found):
    assert found_in(check, source) == [found]


@pytest.mark.parametrize(
    "source",
    ["src.corpus", "dataset", "null", "mini/other", "corpora.voices", "egs3.an4.asr.dataset"],
)
def test_a_data_src_that_may_be_right(check, source):
    assert found_in(check, source) == []


@pytest.mark.parametrize("name", ["digits.asr", "egs3.digits.asr.dataset"])
def test_recipes_beside_with_a_dot(tmp_path, monkeypatch, name):
    recipe = tmp_path / "digits" / "mine"
    (recipe.parent / "asr").mkdir(parents=True)
    (recipe.parent / "asr" / "dataset").symlink_to(RECIPES / "digits" / "asr" / "dataset")
    recipe.mkdir()
    text = f"{HEAD}configs:\n  training: {{dataset: {{train: [{{data_src: {name}}}]}}}}\n"
    (recipe / "recipe.yaml").write_text(f"{text}stages: [train]\n")
    monkeypatch.chdir(recipe)
    found = compile_manifest(recipe / "recipe.yaml").diagnostics
    helps = [item.help for item in found if item.primary.span.text == name]
    assert helps == [('did you mean "digits/asr"?',)]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("is_source_prepared", "is_source_ready", [("R425", "is_source_ready")]),
        ("def prepare_source", "def prepare_sources", [("R425", "prepare_sources")]),
        ("    def is_built(self): ...\n", "", [("R425", "DatasetBuilder")]),
        ("class DatasetBuilder:", "class DatasetBuilder(Unknown):", []),
        ("    def build(self): ...", "    build = is_built", []),
        ("", "", []),
    ],
)
def test_methods_of_a_builder(check, old, new, expected):
    text = f"{HEAD}configs:\n  training: {{dataset: {{train: [{{}}], valid: [{{}}]}}}}\n"
    files = {"dataset/__init__.py": BUILDER.replace(old, new, 1)}
    assert check(f"{text}stages: [create_dataset, train]\n", files) == expected


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ("{ref: text, hyp: text}", [("R421", "text")]),
        ("{hypothesis: text, reference: text}", [("R421", "text")]),
        ('{ref: "dataset:text", hyp: "dataset:text"}', [("R421", '"dataset:text"')]),
        ('{ref: "dataset:text", hyp: text}', []),
        ('{src: "dataset:text", ref: "dataset:text", hyp: text}', []),
        ("[text]", []),
    ],
)
def test_one_input_twice(check, inputs, expected):
    text = f"""{HEAD}configs:
  training: {{dataset: {{train: [{{}}]}}}}
  inference:
    checkpoint: ${{stages.train.best_checkpoint}}
    dataset: {{test: [{{name: dev}}]}}
    runner: {{_target_: src.model.Net, size: 3}}
    output_keys: [text]
  metrics:
    metrics: [{{name: rate, metric: {{_target_: src.rate.Rate}}, inputs: {inputs}}}]
stages: [train, infer, measure]
"""
    files = {"src/rate.py": "class Rate:\n    def __call__(self, *args, **inputs): ...\n"}
    assert [item for item in check(text, files) if item[0] == "R421"] == expected
