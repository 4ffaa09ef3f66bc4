"""Names of the recipe's code that nothing defines, and those that only look so."""

import pytest

from espnet3_compiler.pipeline import compile_manifest
from tests.compiler.checks.checks_kit import HEAD

RECIPE = f"{HEAD}configs: {{training: {{dataset: {{train: [{{}}]}}}}}}\nstages: [train]\n"
CLASS = "class Net:\n    def __init__(self, size):\n        self.size = size\n"
FORWARD = "    def forward(self, speech):\n        {}\n"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("import json as j\n" + CLASS + FORWARD.format("return json.loads(speech)"), "json"),
        (CLASS + FORWARD.format("return wave.sum()"), "wave"),
        (CLASS + FORWARD.format("return [len(one) for one in items]"), "items"),
        (CLASS + FORWARD.format("return lambda x: x + other"), "other"),
        ("SIZE = SISE + 1\n" + CLASS + FORWARD.format("return speech"), "SISE"),
        ("class Base(Other):\n    pass\n" + CLASS + FORWARD.format("return speech"), "Other"),
        (CLASS + FORWARD.format("def inner(a=b): return a\n        return inner"), "b"),
        (CLASS + "    def forward(self, speech: Tensor): return speech\n", "Tensor"),
    ],
)
def test_what_nothing_defines(check, text, name):
    found = check(RECIPE, {"src/model.py": text}, names=True)
    assert [(code, place) for code, place in found if code == "R522"] == [("R522", name)]


@pytest.mark.parametrize(
    "text",
    [
        "from os.path import *\n" + CLASS + FORWARD.format("return join(speech)"),
        CLASS + FORWARD.format("return __file__, __name__, len(speech), NotImplemented"),
        CLASS
        + FORWARD.format("global seen\n        seen = speech")
        + "    def last(self): return seen\n",
        CLASS + FORWARD.format("return later(speech)") + "def later(x): return x\n",
        CLASS + FORWARD.format("return [one for one in speech]"),
        CLASS + FORWARD.format("return (word := speech), word"),
        CLASS + FORWARD.format("return super().forward, __class__"),
        "try:\n    text = unicode\nexcept NameError:\n    text = str\n"
        + CLASS
        + FORWARD.format("return speech"),
        "if 0:\n    import numpy as np\n" + CLASS + FORWARD.format("return np.sum(speech)"),
        "globals()['made'] = 1\n" + CLASS + FORWARD.format("return made"),
        "from __future__ import annotations\n"
        + CLASS
        + "    def forward(self, speech: Tensor): return speech\n",
        "for number in (1, 2): pass\n" + CLASS + FORWARD.format("return number"),
        "with open('a') as file: pass\n" + CLASS + FORWARD.format("return file"),
    ],
)
def test_what_is_defined_or_may_be(check, text):
    assert [
        code for code, _ in check(RECIPE, {"src/model.py": text}, names=True) if code == "R522"
    ] == []


@pytest.mark.parametrize(
    ("head", "body", "advice"),
    [
        ("import json as j\n", "return json.loads(speech)", 'did you mean "j"?'),
        ("from json import loads as read\n", "return loads(speech)", 'did you mean "read"?'),
        ("SAMPLE_RATE = 1\n", "return SAMPLE_RATES", 'did you mean "SAMPLE_RATE"?'),
        ("", "return waves", 'did you mean "speech"?'),
        ("", "return speech + waves", "define it, or import it"),
    ],
)
def test_what_was_meant(check, head, body, advice):
    check(RECIPE, {"src/model.py": head + CLASS + FORWARD.format(body)})
    found = compile_manifest(check.manifest).diagnostics
    assert [one.help for one in found if one.code == "R522"] == [(advice,)]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("def inner(a, a): return a", "duplicate argument 'a' in function definition"),
        ("global speech", "name 'speech' is parameter and global"),
        ("def inner():\n            nonlocal other", "no binding for nonlocal 'other' found"),
    ],
)
def test_names_at_odds_are_no_python(check, body, message):
    check(RECIPE, {"src/model.py": CLASS + FORWARD.format(body)})
    found = compile_manifest(check.manifest).diagnostics
    assert [one.message.rpartition(": ")[2] for one in found if one.code == "R510"] == [message]
