"""Loops that end in their first round, and those that may go on or are meant to take the first."""

import pytest

from tests.compiler.checks.checks_kit import HEAD

RECIPE = f"{HEAD}configs: {{training: {{dataset: {{train: [{{}}]}}}}}}\nstages: [train]\n"
FUNCTION = "class Net:\n    def forward(self, speech, steps, **_):\n"


def found_in(check, body):
    lines = [f"        {line}" for line in body.split("\n")]
    found = check(RECIPE, {"src/model.py": FUNCTION + "\n".join([*lines, "        pass", ""])})
    return [text for code, text in found if code == "R526"]


@pytest.mark.parametrize(
    "body",
    [
        "for step in steps:\n    speech = step(speech)\n    return speech",
        "rows = []\nfor step in steps:\n    rows.append(step)\n    return rows",
        "row = {}\nfor name in steps:\n    row[name] = 1\n\n    return row",
        "total = 0\nfor step in steps:\n    if step:\n        total += 1\n    return total",
        "def inner(all):\n    for one in steps:\n        all += one\n        return all",
    ],
)
def test_loops_that_end_in_their_first_round(check, body):
    assert len(found_in(check, body)) == 1


@pytest.mark.parametrize(
    "body",
    [
        "for step in steps:\n    speech = step(speech)\nreturn speech",
        "for step in steps:\n    return step",
        "for step in steps:\n    found = step(speech)\n    return found",
        "for step in steps:\n    speech = step(speech)\n    if speech:\n        return speech",
        "for step in steps:\n    speech = step(speech)\n    if step: continue\n    return speech",
        "row = {}\nfor step in steps:\n    row = step(speech)\n    row[0] = 1\n    return row",
        "step = None\nfor step in steps:\n    step = dict(step)\n    return step",
        "a = b = 0\nfor step in steps:\n    a, b = step\n    a += 1\n    return a",
        "rows = []\nwhile True:\n    rows.append(1)\n    return rows",
    ],
)
def test_loops_that_may_go_on_or_take_the_first(check, body):
    assert found_in(check, body) == []
