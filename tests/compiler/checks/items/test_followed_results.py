"""Results that another method gives."""

import pytest

from tests.compiler.checks.checks_kit import CONFIGS, HEAD

RUN = """
import numpy as np

class Net:
    def __init__(self, size): self.size = size
    def __call__(self, model, speech, **_):
        RESULT
    def text(self, one) -> str: return self.table[one]
    def texts(self, many): return [self.text(one) for one in many]
    def said(self, many) -> list[str]: return self.table.find(many)
    def item(self, one): return {"text": self.text(one)}
    def items(self, many): return [self.item(one) for one in many]
    def dicts(self, many) -> list[dict]: return self.table.find(many)
    def known(self, many): return many
"""


@pytest.mark.parametrize(
    ("result", "found"),
    [
        ("return [self.text(one) for one in speech]", ["self.text(one)"]),
        ("return list(map(self.text, speech))", ["self.text"]),
        ("return self.texts(speech)", ["self.texts(speech)"]),
        ("return self.said(speech)", ["self.said(speech)"]),
        ("return [self.texts(one) for one in speech]", ["self.texts(one)"]),
        ("out = [self.text(one) for one in speech]; return out", ["self.text(one)"]),
        ("return [self.item(one) for one in speech]", []),
        ("return list(map(self.item, speech))", []),
        ("return self.items(speech)", []),
        ("out = [self.text(one) for one in speech]; out[0] = {}; return out", []),
        ("out = [self.text(one) for one in speech]; self.fill(out); return out", []),
        ("return self.dicts(speech)", []),
        ("return self.known(speech)", []),
        ("return [self.text(one)[0] for one in make(speech)]", ["self.text(one)[0]"]),
        ("return [{'text': self.text(one)} for one in speech]", []),
        ("if speech: return self.texts(speech)\n        return self.items(speech)", []),
    ],
)
def test_what_a_runner_gives_by_other_methods(check, result, found):
    text = f"{HEAD}{CONFIGS}stages: [train, infer]\n"
    places = check(text, {"src/model.py": RUN.replace("RESULT", result)})
    assert [place for code, place in places if code == "R428"] == found


@pytest.mark.parametrize(
    ("result", "found"),
    [
        ("self.pair(index)", ["self.pair(index)"]),
        ("self.item(index)", []),
        ("self.rows[index]", []),
        ("make(self.pair(index))", []),
    ],
)
def test_what_a_data_set_gives_by_other_methods(check, result, found):
    data = f"""
class Dataset:
    def __init__(self, split): self.rows = [split]
    def __len__(self): return 1
    def __getitem__(self, index): return {result}
    def pair(self, index): return index, self.rows[index]
    def item(self, index): return {{"text": self.rows[index]}}
"""
    text = f"{HEAD}{CONFIGS}stages: [train]\n"
    places = check(text, {"dataset/__init__.py": data})
    assert [place for code, place in places if code == "R428"] == found
