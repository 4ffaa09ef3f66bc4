"""Functions that a stage cannot call with effect, and outputs that a call is not given."""

import pytest

from tests.compiler.target_kit import HEAD, judged, write

STEPS = """
from contextlib import contextmanager
from functools import lru_cache


def count(report: str, data: str = ""): ...


async def fetch(report: str): ...


def walk(report: str):
    yield report


def with_inner(report: str):
    def inner():
        yield 1
    async def other(): ...
    return list(inner())


@lru_cache
def cached(report: str): ...


class Counter:
    def __init__(self, report: str): ...
    def run(self, report: str): ...
    async def later(self): ...
    @classmethod
    def of(cls, report: str): ...
    @staticmethod
    def plain(report: str): ...
"""


@pytest.fixture
def findings(tmp_path):
    write(tmp_path, {"src/__init__.py": "", "src/steps.py": STEPS, "src/one.py": "def go(): ...\n"})

    def run(call: str, rest: str = "with: {report: out/count.json}"):
        text = HEAD.replace("[train]", f"\n  - {{name: count, call: {call}, {rest}}}")
        found = judged(tmp_path, text)[0]
        return [(item.code, item.primary.span.text, item.help) for item in found]

    return run


@pytest.mark.parametrize(
    ("call", "advice"),
    [
        ("src.steps.fetch", "make it a plain function"),
        ("src.steps.walk", "let it do its work without yield"),
        ("src.steps.Counter.run", "name a function that makes a Counter and calls its method"),
        ("src.steps.Counter.later", "name a function that makes a Counter and calls its method"),
        ("src.steps", "name what is meant in it: count, fetch, walk, with_inner, cached"),
        ("src.one", 'did you mean "src.one.go"?'),
    ],
)
def test_what_cannot_be_called_with_effect(findings, call, advice):
    assert findings(call) == [("R505", call, (advice,))]


@pytest.mark.parametrize(
    "call",
    [
        *("src.steps.count", "src.steps.with_inner", "src.steps.cached", "src.steps.Counter"),
        *("src.steps.Counter.of", "src.steps.Counter.plain"),
    ],
)
def test_what_can_be_called(findings, call):
    assert findings(call) == []


def test_flags_of_objects_are_no_arguments_of_a_call(findings):
    ((code, place, advice),) = findings("src.steps.count", "with: {report: x, _partail_: true}")
    assert (code, place) == ("R502", "_partail_")
    assert not [line for line in advice if "_partial_" in line]


def outputs_of(check, given, output):
    block = f"with: {{{given}}}, outputs: {{{output}}}"
    stage = f"stages:\n  - {{name: count, call: src.steps.count, {block}}}\n"
    head = HEAD.partition("stages")[0]
    return check(f"{head}{stage}", {"src/steps.py": STEPS})


@pytest.mark.parametrize(
    ("given", "output"),
    [
        ("report: out/counts.json", "report: out/count.json"),
        ("report: out/cuont.json", "made: out/count.json"),
        ("report: exp/a/score.txt, data: data/x", "report: exp/a/scores.txt"),
        ("report: exp/recipe/lines.txt, data: in/x", "report: exp/recipe/scores.txt"),
        ("report: exp/recipe/trimmed", "report: exp/recipe/prepared"),
        ("report: exp/recipe/lines.txt, data: exp/recipe/log.db", "made: exp/recipe/words.txt"),
        ("report: exp/recipe/lines.txt, data: exp/recipe/log.txt", "report: exp/recipe/words.txt"),
    ],
)
def test_outputs_that_no_argument_names(check, given, output):
    assert outputs_of(check, given, output) == [("R513", output.partition(" ")[2])]


@pytest.mark.parametrize(
    ("given", "output"),
    [
        ("report: out/count.json", "report: out/count.json"),
        ("report: out/count.json", "report: out/count.html"),
        ("report: out/hyp.txt", "made: out/hyp.trn"),
        ("report: out/one.json", "made: out/one.jsonl"),
        ("report: out/train.scp", "made: out/trans.scp"),
        ("report: out", "report: out/count.json"),
        ("report: out/counts.json, data: out", "report: out/count.json"),
        ("report: raw/text.txt", "report: clean/text.txt"),
        ("report: out/part1.json", "report: out/part2.json"),
        ("report: out/model.pt", "report: out/model.onnx"),
        ("report: out/count.json, data: out/counts.json", "all: out/count.json"),
        ("report: '${oc.env:HOME}/counts.json'", "report: out/count.json"),
        ("report: counts.json", "report: out/count.json"),
        ("report: exp/recipe/lines.txt, data: exp/recipe/words.txt", "all: exp/recipe/b.txt"),
        ("report: exp/recipe/lines.txt", "report: exp/recipe/lines.json"),
        ("report: exp/recipe/lines", "report: exp/recipe/lines_of_words"),
        ("report: lines.txt", "report: exp/recipe/scores.txt"),
        ("report: '${oc.env:HOME}/a.txt', data: exp/recipe/lines.txt", "all: exp/recipe/a.txt"),
        ("report: exp/recipe/lines.txt", "one: exp/recipe/lines.txt, two: exp/recipe/words.txt"),
    ],
)
def test_outputs_that_may_be_made(check, given, output):
    assert outputs_of(check, given, output) == []


@pytest.mark.parametrize(
    ("given", "body", "codes"),
    [
        ("${stages.train.best_checkpoint}", "print(report)", ["R513"]),
        ("${stages.train.best_checkpoint}", "0", []),
        ("${stages.train.best_checkpoint}", "open('words.txt')", []),
        ("${stages.train.best_checkpoint}", "return {'made': str(report)}", []),
        ("exp/recipe", "0", []),
        ("3", "0", []),
    ],
)
def test_a_call_is_given_nothing_but_what_other_stages_made(check, given, body, codes):
    call = f"with: {{report: '{given}'}}, outputs: {{made: exp/recipe/words.txt}}"
    model = "models: {net: {_target_: src.steps.Net}}\n"
    train = f"{model}configs: {{training: {{dataset: {{train: [{{}}]}}}}}}\n"
    stages = f"stages:\n  - train\n  - {{name: count, call: src.steps.count, {call}}}\n"
    code = f"def count(report):\n    {body}\n"
    found = check(HEAD.partition("stages")[0] + train + stages, {"src/steps.py": code})
    assert [one for one, _ in found if one == "R513"] == codes


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        ("context.outputs['report'].touch()", []),
        ("finish(context)", []),
        ("finish(context.outputs)", []),
        ("close(context)", ["R513"]),
        ("leave(context)", []),
        ("context.log.info('done')", ["R513"]),
        ("return report", ["R513"]),
    ],
)
def test_a_context_may_tell_the_outputs(check, body, codes):
    call = "with: {report: exp/recipe/lines.txt}, outputs: {report: exp/recipe/words.txt}"
    stage = f"stages:\n  - {{name: count, call: src.steps.go, {call}}}\n"
    code = f"from src.end import close, leave\ndef go(report, context):\n    {body}\n"
    code += "def finish(context):\n    print(getattr(context, name.outputs))\n"
    end = "from src.last import last\ndef close(context):\n    context.log.info('done')\n"
    end += "def leave(one):\n    last(one)\n"
    last = "def last(all):\n    print(all.outputs)\n"
    found = check(
        f"{HEAD.partition('stages')[0]}{stage}",
        {"src/steps.py": code, "src/end.py": end, "src/last.py": last},
    )
    assert [code for code, _ in found] == codes


def test_a_method_as_a_target(tmp_path):
    write(tmp_path, {"src/__init__.py": "", "src/steps.py": STEPS})
    node = "{_target_: src.steps.Counter.run, report: x}"
    found = judged(tmp_path, f"{HEAD}models:\n  net: {node}\n")[0]
    assert [item.code for item in found] == ["R505"]


KEYWORDS = """
class Base:
    def __init__(self, size: int = 3, **kwargs): ...


class Below(Base):
    def __init__(self, depth: int = 1, **kwargs):
        super().__init__(**kwargs)


class Kept:
    def __init__(self, size: int = 3, **kwargs):
        self.options = kwargs


class Passed:
    def __init__(self, size: int = 3, **kwargs):
        self.net = make(kwargs, **kwargs)


class Needy:
    def __init__(self, size: int, **_): ...
"""


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ("Base, sizes: 3", ("R512", "sizes")),
        ("Base, siez: 3", ("R512", "siez")),
        ("Below, sise: 3", ("R512", "sise")),
        ("Below, dpeth: 3", ("R512", "dpeth")),
        ("Needy, sizes: 3", ("R502", "sizes")),
        ("Base, size: 3, sizes: 4", None),
        ("Base, colour: red", None),
        ("Kept, sizes: 3", None),
        ("Passed, sizes: 3", None),
        ("Needy, size: 2, verbose: true", None),
    ],
)
def test_arguments_that_vanish(tmp_path, node, expected):
    write(tmp_path, {"src/__init__.py": "", "src/net.py": KEYWORDS})
    found = judged(tmp_path, f"{HEAD}models:\n  net: {{_target_: src.net.{node}}}\n")[0]
    assert [(item.code, item.primary.span.text) for item in found] == (
        [expected] if expected else []
    )
    assert not any(item.fix and item.fix.certain for item in found if item.code == "R512")
