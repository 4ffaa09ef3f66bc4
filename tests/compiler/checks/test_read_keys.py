"""Mappings of a call or a class that lack what code reads of them."""

import pytest

from tests.compiler.checks.checks_kit import HEAD

STEPS = """\
from collections.abc import Sequence
import contextlib, json
OTHER
def tell(limits):
    if isinstance(limits, Sequence):
        return limits[0]
    kept = dict(limits)
    return kept["low"]
def search(space, rounds=1):
    for number in range(rounds):
        found = {name: tell(one) for name, one in space.items()}
    BODY
"""
LOW, MINE = "{lr: {low: 1, high: 2}, size: [1, 2]}", "{size: [1, 2], lr: {min: 1, max: 2}}"


def found_in(check, space: str, old: str = "", new: str = "") -> list[tuple[str, str]]:
    stage = f"{{name: seek, call: src.steps.search, with: {{space: {space}}}}}"
    code = STEPS.replace(old, new) if old else STEPS
    code = code.replace("OTHER", "").replace("BODY", "return found")
    recipe = (
        f"{HEAD}configs: {{training: {{dataset: {{train: [{{}}]}}}}}}\nstages: [{stage}, train]\n"
    )
    return [one for one in check(recipe, {"src/steps.py": code}) if one[0] == "R503"]


def test_a_mapping_of_a_call(check):
    assert found_in(check, MINE) == [("R503", "min")]
    assert found_in(check, LOW) == []
    assert found_in(check, '"${oc.env:SPACE}"') == []
    assert found_in(check, "{lr: {min: 1, '${oc.env:A}': 2}}") == [("R503", "min")]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('return kept["low"]', 'return kept.get("low")'),
        ('return kept["low"]', 'return kept["low"] if "low" in kept else 0'),
        ("kept = dict(limits)", "kept = {'low': 0, **limits}"),
        ("kept = dict(limits)", "kept = dict(limits, low=0)"),
        ("kept = dict(limits)", "kept = dict(limits)\n    kept.setdefault('low', 0)"),
        ("kept = dict(limits)", "kept = dict(limits)\n    kept['low'] = 0"),
        ("kept = dict(limits)", "kept = dict(limits)\n    json.load(kept)"),
        ("    return kept", "    with contextlib.suppress(KeyError):\n        return kept"),
        ("    return kept", "    if unknown():\n        return 0\n    return kept"),
        ("    return kept", "    if 'min' in kept:\n        return 0\n    return kept"),
        ("return kept", "yield kept"),
        ("space.items()}", "space.items() if name}"),
        ("found = {", "found = 0 and {"),
        ("    for number", "    if not space:\n        return\n    for number"),
        ("rounds=1", "rounds=0"),
        ("in range(rounds)", "in range(rounds - 1)"),
        ("in range(rounds)", "in rounds"),
        ("    return kept", "    with pytest.raises(KeyError):\n        return kept"),
        ("    return kept", "    with open('kept') as kept:\n        return kept"),
    ],
)
def test_code_that_may_do_without(check, old, new):
    assert found_in(check, MINE, old, new) == []


NET = """\
class Net:
    def __init__(self, conf, size=1):
        if conf is None:
            conf = {}
        self.size = size
        BODY
"""


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("self.layers = make(conf['layers'])", ["layer"]),
        ("self.conf = conf; self.layers = conf['layers']", ["layer"]),
        ("self.conf = conf; self.fill(); self.layers = conf['layers']", []),
        ("self.layers = conf['layer']", []),
        ("self.layers = [conf['layers'] for conf in size]", []),
        ("self.layers = lambda: conf['layers']", []),
        ("for one in size: self.layers = conf['layers']", []),
        ("for one in conf['none']: self.layers = conf['layers']", []),
        ("for one in range(3): self.layers = conf['layers']", ["layer"]),
    ],
)
def test_a_mapping_of_a_class(check, body, found):
    head = HEAD.replace("size: 8", "conf: {depth: 1, layer: 2, none: []}")
    recipe = f"{head}configs: {{training: {{dataset: {{train: [{{}}]}}}}}}\nstages: [train]\n"
    told = check(recipe, {"src/model.py": NET.replace("BODY", body)})
    assert [place for code, place in told if code == "R503"] == found
