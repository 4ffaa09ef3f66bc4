"""Arguments of a base's constructor in the wrong order."""

import pytest

from tests.compiler.checks.checks_kit import HEAD

RECIPE = f"{HEAD}configs: {{training: {{dataset: {{train: [{{}}]}}}}}}\nstages: [train]\n"
BASE = "class Base:\n    def __init__(self, optimizer, factor, in_size=1, out_size=2): pass\n\n"
NET = "class Net(Base):\n    def __init__(self, size, factor, optimizer, in_size, out_size, n):\n"


def found_in(check, call):
    found = check(RECIPE, {"src/model.py": f"{BASE}{NET}        {call}\n"})
    return [text for code, text in found if code == "R504"]


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        ("factor, optimizer", "factor"),
        ("n, optimizer", "optimizer"),
        ("factor, optimizer, in_size=2", "factor"),
        ("factor, n", "factor"),
    ],
)
def test_arguments_in_each_others_places(check, arguments, place):
    assert found_in(check, f"super().__init__({arguments})") == [place]


@pytest.mark.parametrize(
    "call",
    [
        "super().__init__(optimizer, factor)",
        "super().__init__(n, factor)",
        "super().__init__(optimizer, factor, out_size, in_size)",
        "super().__init__(factor, 3)",
        "super().__init__(optimizer, optimizer)",
        "super().__init__(*(factor, optimizer))",
        "super().__init__(n, factor=optimizer)",
        "print(factor, optimizer)",
    ],
)
def test_arguments_that_are_right_or_meant(check, call):
    assert found_in(check, call) == []
