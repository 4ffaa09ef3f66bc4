"""Which fields an item has, as far as the code says it plainly."""

import ast

import pytest

from espnet3_compiler.checks.data.bodies import gives_nothing
from espnet3_compiler.checks.data.field_arguments import lacking_fields
from espnet3_compiler.checks.data.sample_fields import item_fields
from espnet3_compiler.checks.targets.datasets import DatasetEntry
from espnet3_compiler.signature.library import open_library
from tests.compiler.checks.checks_kit import mapping_of


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ('return {"a": 1, "b": 2}', {"a", "b"}),
        ('item = {"a": 1}\nitem["b"] = 2\nreturn item', {"a", "b"}),
        ("item = dict(a=1)\nif index:\n    item.update(b=2)\nreturn item", {"a", "b"}),
        ('if index:\n    return {"a": 1}\nreturn {"b": 1}', {"a", "b"}),
        ('return {"a": 1} | {"b": 2}', {"a", "b"}),
        ('row = {"a": 1}\nreturn {**row, "b": 2}', {"a", "b"}),
        ('item: dict = {"a": 1}\nreturn {k: v for k, v in item.items()}', {"a"}),
        ("return self.rows[index]", None),
        ('return {"a": 1, **self.rows[index]}', None),
        ('item = {"a": 1}\nitem[self.key] = 2\nreturn item', None),
        ('item = {"a": 1}\nadd_more(item)\nreturn item', None),
        ('item = {"a": 1}\nfor item in self.rows:\n    pass\nreturn item', None),
        ("return make(index)", None),
        ('item = {"a": 1}\nother = item\nother["b"] = 2\nreturn item', None),
        ('item = {"a": 1}\nadd_more([item])\nreturn item', None),
        ('item = {"a": 1}\ndef add():\n    item["b"] = 2\nadd()\nreturn item', None),
        ('if not index:\n    index = {"a": 1}\nreturn index', None),
    ],
)
def test_fields_of_an_item(tmp_path, body, fields):
    lines = "".join(f"        {line}\n" for line in body.splitlines())
    (tmp_path / "dataset.py").write_text(
        f"class Dataset:\n    def __getitem__(self, index):\n{lines}"
    )
    data = DatasetEntry(mapping_of("{}"), open_library(tmp_path), "dataset", certain=True)
    assert item_fields(data) == (None if fields is None else frozenset(fields))


def test_an_argument_that_names_a_field(tmp_path):
    (tmp_path / "prepare.py").write_text(
        "class Encode:\n    def __init__(self, field): self.field = field\n"
        "    def __call__(self, sample): return {**sample, 'ids': sample[self.field]}\n"
        "class Careful(Encode):\n"
        "    def __call__(self, sample):\n"
        "        return {'ids': sample[self.field]} if self.field in sample else sample\n"
        "class Replace(Encode):\n"
        "    def __call__(self, sample):\n"
        "        sample[self.field] = len(sample[self.field])\n"
        "        return sample\n"
        "class After(Encode):\n"
        "    def __call__(self, sample):\n"
        "        sample['t'] = sample['a']\n"
        "        return {'ids': sample[self.field]}\n"
        "class Named(Encode):\n"
        "    def __init__(self, field):\n"
        "        field = field + '_lengths'\n"
        "        self.field = field\n"
        "class Usual(Encode):\n"
        "    def __init__(self, field='t'): self.field = field\n"
    )
    library = open_library(tmp_path)
    read = [
        [one.name for one in lacking_fields(library, mapping_of(text), frozenset("a"))]
        for text in (
            "{_target_: prepare.Encode, field: t}",
            "{_target_: prepare.Replace, field: t}",
            "{_target_: prepare.Encode, field: a}",
            "{_target_: prepare.Careful, field: t}",
            "{_target_: prepare.After, field: t}",
            "{_target_: prepare.Named, field: t}",
            "{_target_: prepare.Usual}",
            "{_target_: prepare.Usual, field: a}",
            "{_target_: prepare.Usual, _partial_: true}",
        )
    ]
    assert read == [["t"], ["t"], [], [], [], [], ["t"], [], []]


@pytest.mark.parametrize(
    ("body", "nothing"),
    [
        ("x = 1", True),
        ("if a:\n  x = 1", True),
        ("for x in a:\n  print(x)", True),
        ("def inner():\n  return 1", True),
        ("return 1", False),
        ("if a:\n  return 1", False),
        ("yield 1", False),
        ("raise NotImplementedError", False),
        ("if a:\n  raise ValueError\nelse:\n  raise TypeError", False),
        ("if a:\n  raise ValueError\nelse:\n  x = 1", True),
        ("pass", False),
        ('"""Replaced by others."""', False),
        ("while True:\n  a()", False),
    ],
)
def test_functions_that_return_nothing(body, nothing):
    text = "def f(a):\n" + "".join(f"  {line}\n" for line in body.splitlines())
    (node,) = ast.parse(text).body
    assert gives_nothing(node) is nothing
