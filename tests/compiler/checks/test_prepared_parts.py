"""Parts of the data that entries name, and what the builder is told to make."""

import pytest

from tests.compiler.checks.checks_kit import HEAD

DATA = """
class Dataset:
    def __init__(self, part="", data_dir=""): ...
    def __len__(self): return 1
    def __getitem__(self, index): return {"speech": index}


class DatasetBuilder:
    def is_source_prepared(self, **_): return True
    def prepare_source(self, **_): ...
    def is_built(self, **_): return True
    def build(self, **_): ...
"""
STAGES = "stages: [create_dataset, train]"


def recipe(block, train, valid, stages=STAGES):
    sets = f"dataset: {{train: [{train}], valid: [{valid}]}}"
    return f"{HEAD}configs:\n  training: {{create_dataset: {{{block}}}, {sets}}}\n{stages}\n"


def part(name, **more):
    words = ", ".join(f"{key}: {value}" for key, value in more.items())
    return f"{{data_src_args: {{part: {name}}}{', ' if words else ''}{words}}}"


A_AND_B = f"{part('a')}, {part('b')}"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (recipe("parts: [a, b]", A_AND_B, part("c")), ["c"]),
        (recipe("sizes: {a: 1, b: 2}", A_AND_B, f"{part('c')}, {part('d')}"), ["c", "d"]),
        (recipe("parts: [a, b, c]", A_AND_B, part("c")), []),
        (recipe("parts: [a, x]", A_AND_B, part("c")), []),  # two parts must be known
        (recipe("parts: [a]", part("a"), part("c")), []),
        (recipe("parts: a", A_AND_B, part("c")), []),
        (recipe("parts: [a, b]", A_AND_B, part("c", data_src="mini/other")), []),
        (recipe("parts: [a, b]", A_AND_B, part("${oc.env:PART,c}")), []),
        (recipe("parts: [a, b]", A_AND_B, part("c"), "stages: [train]"), []),
        (
            recipe(
                "parts: [a, b]",
                A_AND_B,
                part("c"),
                "stages: [create_dataset, {name: more, run: create_dataset}, train]",
            ),
            [],
        ),
    ],
)
def test_parts(check, text, found):
    places = check(text, {"dataset/__init__.py": DATA})
    assert [place for code, place in places if code == "R436"] == found
