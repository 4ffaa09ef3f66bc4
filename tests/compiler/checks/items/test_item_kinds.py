"""What the fields of an item are, as far as the code says it plainly."""

import textwrap

import pytest

from espnet3_compiler.checks.item_kinds.makers import changed_kinds, item_kinds
from espnet3_compiler.checks.targets.datasets import DatasetEntry
from espnet3_compiler.signature.library import open_library
from tests.compiler.checks.checks_kit import mapping_of

HEAD = """
import csv
import glob
import json
import os
from pathlib import Path
import numpy as np
import soundfile
import torch
"""
TABLE = """
class Dataset:
    def __init__(self, split, path, *, speech=True):
        self.speech = speech
        with open(path) as file:
            self.rows = list(csv.DictReader(file, delimiter="\\t"))
    def __getitem__(self, index):
        row = self.rows[index]
"""


METHODS = """
    def clean(self, text): return text.strip()
    def said(self, text) -> str: return self.table[text]
    def either(self, text) -> str: return {text: 1} if text else text
    def item(self, text): return {"x": np.zeros(3)}
    def more(self, item, number):
        item["y"] = number
        return item
NAMES = ["a", "b"]
"""


def kinds_of(folder, code, arguments="{split: train, path: a.tsv}"):
    (folder / "dataset.py").write_text(HEAD + code)
    node = mapping_of(f"{{data_src_args: {arguments}}}")
    data = DatasetEntry(node, open_library(folder), "dataset", certain=True)
    return item_kinds(data)


def shown(kinds):
    return {name: kind.name for name, kind in kinds.fields.items()}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ('return {"x": row["x"]}', "text"),
        ('x = row["x"]\nreturn {"x": x}', "text"),
        ('return {"x": self.rows[index]["x"]}', "text"),
        ('return {"x": str(Path(row["x"]))}', "text"),
        ('return {"x": os.path.join("a", row["x"])}', "text"),
        ('return {"x": f"{index}.wav"}', "text"),
        ('return {"x": row["x"].strip().lower()}', "text"),
        ('return {"x": "a/" + row["x"]}', "text"),
        ('item = {"n": 1}\nitem["y"] = np.zeros(3)\nitem["x"] = row["x"]\nreturn item', "text"),
        ('return {"x": np.array(row["x"].split(), dtype=int)}', "array"),
        ('x, _ = soundfile.read(row["x"])\nreturn {"x": x}', "array"),
        ('return {"x": int(row["x"])}', "number"),
        ('return {"x": row["x"].split()}', "other"),
        ('return {"x": Path(row["x"])}', "other"),
        ('return {"x": Path("a") / row["x"]}', "other"),
        ('return {"x": None}', "other"),
        ('return {"x": [one for one in row["x"]]}', "other"),
        ('return {"x": np.array(list(row["x"]))}', "other"),
        ('return {"x": [int(one) for one in row["x"]]}', ""),
        ('return {"x": row.get("y")}', ""),
        ('item = {"y": row["y"]}\nreturn {"x": item.get("y")}', "text"),
        ('return {"x": make(row["x"]).lower()}', "text"),
        ('return {"x": make(row["x"]).str.lower()}', ""),
        ('return {"x": NAMES[index]}', "text"),
        ('NAMES = make()\nreturn {"x": NAMES[index]}', ""),
        ('return {"x": self.clean(row["x"])}', "text"),
        ('return {"x": self.said(row["x"])}', "text"),
        ('return {"x": self.either(row["x"])}', ""),
        ('return self.item(row["x"])', "array"),
        ('return self.more({"x": row["x"]}, 2)', "text"),
        ('return {"x": json.loads(row["x"])}', ""),
        ('row["x"] = json.loads(row["x"])\nreturn {"x": row["x"]}', ""),
        ('x = row["x"]\nif index:\n    x = np.array(x)\nreturn {"x": x}', ""),
        ('item = {"x": row["x"]}\nif index:\n    item["x"] = np.zeros(1)\nreturn item', ""),
        ('item = {"x": row["x"]}\nitem["x"] = np.zeros(1)\nreturn item', "array"),
        ('item = {"x": row["x"]}\nitem.update(make())\nreturn item', ""),
        ('return {"x": row["x"], **make()}', ""),
        ('def str(x): return x\nreturn {"x": str(1)}', ""),
    ],
)
def test_the_kind_of_a_field(tmp_path, body, kind):
    code = TABLE + textwrap.indent(body, " " * 8) + "\n" + METHODS
    assert shown(kinds_of(tmp_path, code))["x"] == kind


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        ("self.rows = [line.split() for line in open(path)]", "text"),
        ("rows = list(csv.reader(open(path)))\nself.rows = rows[:3]", "text"),
        ("self.rows = []\nfor line in open(path):\n    self.rows.append(line.split())", "text"),
        (
            """rows = []
for row in csv.DictReader(open(path)):
    rows.append(row)
self.rows = sorted(rows)""",
            "text",
        ),
        ("self.rows = [dict(zip('ab', one.split())) for one in open(path)]", "text"),
        ("self.rows = [json.loads(line) for line in open(path)]", ""),
        ("self.rows = []\nfor line in open(path):\n    self.rows.append(json.loads(line))", ""),
        ("self.rows = list(csv.DictReader(open(path), quoting=csv.QUOTE_NONNUMERIC))", ""),
        (
            """self.rows = list(csv.DictReader(open(path)))
for row in self.rows:
    row['x'] = int(row['x'])""",
            "",
        ),
        ("self.rows = list(csv.DictReader(open(path)))\nself.rows = make(self.rows)", ""),
        ("self.rows = make(path)", ""),
        ("self.rows = torch.zeros(3).split(1)", ""),
    ],
)
def test_rows_of_texts(tmp_path, made, kind):
    code = f"""
class Dataset:
    def __init__(self, split, path):
{textwrap.indent(made, " " * 8)}
    def __getitem__(self, index):
        row = self.rows[index]
        return {{"x": row["x"]}}
"""
    assert shown(kinds_of(tmp_path, code))["x"] == kind


def test_rows_that_another_method_changes_are_not_known(tmp_path):
    code = TABLE + '        return {"x": row["x"]}\n'
    code += "    def count(self):\n        for row in self.rows: row['x'] = int(row['x'])\n"
    assert shown(kinds_of(tmp_path, code)) == {"x": ""}


def test_fields_by_the_arguments_of_an_entry(tmp_path):
    code = TABLE + (
        '        audio = {"speech": np.zeros(3)} if self.speech else {}\n'
        '        return {"text": row["text"], **audio}\n'
    )
    both, one = {"text": "text", "speech": "array"}, {"text": "text"}
    assert shown(kinds_of(tmp_path, code)) == both
    assert shown(kinds_of(tmp_path, code, "{split: a, path: a, speech: false}")) == one
    assert shown(kinds_of(tmp_path, code, "{split: a, path: a, speech: '${x.y}'}")) == {"text": ""}


def test_fields_of_a_base_class_and_of_a_part(tmp_path):
    code = TABLE + (
        '        return {"text": row["text"], "speech": np.zeros(3)}\n'
        "Base = Dataset\n"
        "class Other(Base): pass\n"
        "class Data:\n"
        "    def __init__(self, split, path): self.inner = Other(split, path)\n"
        "    def __getitem__(self, index):\n"
        "        return {**self.inner[index], 'a': self.inner[index]['speech'], 'b': 1}\n"
    )
    found = kinds_of(
        tmp_path,
        code.replace("class Dataset:", "class Table:")
        .replace("Base = Dataset", "Base = Table")
        .replace("class Data:", "class Dataset:"),
    )
    assert shown(found) == {"text": "text", "speech": "array", "a": "array", "b": "number"}


def test_what_a_preprocessor_changes(tmp_path):
    (tmp_path / "prepare.py").write_text(
        "from espnet3_runtime.data.preprocess import TextToTokens\n"
        "class Two:\n"
        "    def __init__(self, a, b):\n"
        "        self.steps = TextToTokens(a), TextToTokens(b, field='other')\n"
        "    def __call__(self, sample):\n"
        "        changed = dict(sample)\n"
        "        for step in self.steps:\n"
        "            changed = step(changed)\n"
        "        return changed\n"
        "class Circle:\n"
        "    def __init__(self): self.inner = Circle()\n"
        "    def __call__(self, sample): return self.inner(sample)\n"
    )
    given = kinds_of(tmp_path, TABLE + '        return {"text": row["a"], "other": row["b"]}\n')
    library = open_library(tmp_path)
    two = changed_kinds(library, mapping_of("{_target_: prepare.Two, a: a, b: b}"), given)
    assert shown(two) == {"text": "", "other": ""}  # texts, or numbers that stand for them
    circle = changed_kinds(library, mapping_of("{_target_: prepare.Circle}"), given)
    assert shown(circle) == {}


def builder(rows, written='f"{split}.json"', text="json.dumps(rows)"):
    return f"""
class DatasetBuilder:
    def build(self, rng, split):
        rows = []
        for n in range(9):
            word = rng.choice("ab")
            rows.append({rows})
        (self.root / {written}).write_text({text})
class Dataset:
    def __init__(self, split, path):
        self.rows = json.loads((Path(path) / f"{{split}}.json").read_text())
    def __getitem__(self, index):
"""


@pytest.mark.parametrize(
    ("head", "body", "kind"),
    [
        (builder("[word, n]"), 'a, b = self.rows[index]\nreturn {"x": a}', "text"),
        (builder("[word, n]"), 'a, b = self.rows[index]\nreturn {"x": b}', "number"),
        (builder("[word, n]"), 'return {"x": self.rows[index][0]}', "text"),
        (builder("{'w': word}"), 'row = self.rows[index]\nreturn {"x": row["w"]}', "text"),
        (builder("{'w': word}"), 'row = self.rows[index]\nreturn {"x": row["v"]}', ""),
        (builder("word"), 'return {"x": self.rows[index]}', "text"),
        (builder("make(n)"), 'return {"x": self.rows[index]}', ""),
        (builder("word", '"all.json"'), 'return {"x": self.rows[index]}', ""),
        (builder("word", '"made" / f"{split}.json"'), 'return {"x": self.rows[index]}', ""),
        (builder("word", text="json.dumps(make(rows))"), 'return {"x": self.rows[index]}', ""),
        (
            builder("word") + "        json.dumps(1)\n",
            'return {"x": self.rows[index]}',
            "",
        ),
        (builder("word"), 'a, *b = self.rows[index]\nreturn {"x": b}', ""),
    ],
)
def test_rows_that_the_builder_writes_as_json(tmp_path, head, body, kind):
    code = head + textwrap.indent(body, " " * 8) + "\n"
    assert shown(kinds_of(tmp_path, code))["x"] == kind
