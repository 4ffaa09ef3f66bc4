"""A class that was named where its ``from_pretrained`` was meant: one finding, with the name."""

from pathlib import Path

import pytest

from tests.compiler.target_kit import HEAD, judged, shown, write

CODE = """
class Config: ...
class Encoder:
    def __init__(self, config, head=None): ...
    @classmethod
    def from_pretrained(cls, name_or_path, *args, revision="main", **kwargs): ...
"""
MEANT = (
    "R502 'src.model.Encoder': src.model.Encoder has no argument \"name_or_path\", "
    "but its from_pretrained has"
)
MODEL = "models:\n  net: {{_target_: src.model.Encoder{}}}\n"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            ", name_or_path: a/b, revision: x",
            [MEANT],
        ),
        (".from_pretrained, name_or_path: a/b, anything: 1", []),
        (", config: {_target_: src.model.Config}", []),
        (", config: {_target_: src.model.Config}, hed: 1",
         ["R502 'hed': src.model.Encoder has no argument \"hed\""]),
        ("", ["R503 'src.model.Encoder': src.model.Encoder needs the argument \"config\""]),
    ],
)  # fmt: skip
def test_one_finding_names_it(tmp_path: Path, given: str, expected: list[str]) -> None:
    write(tmp_path, {"src/model.py": CODE})
    findings, _ = judged(tmp_path, HEAD + MODEL.format(given))
    assert shown(findings) == expected
    if expected == [MEANT]:
        assert findings[0].help == ('did you mean "src.model.Encoder.from_pretrained"?',)
        assert findings[0].fix is not None
        assert not findings[0].fix.certain


@pytest.mark.parametrize(
    ("name", "help_"),
    [("Encoder", ('did you mean "src.model.Encoder"?',)), ("Decoder", ())],
)
def test_a_class_alone_gets_its_module(tmp_path: Path, name: str, help_: tuple[str, ...]) -> None:
    write(tmp_path, {"src/model.py": CODE})
    inner = f"models:\n  net: {{_target_: src.model.Encoder, config: {{_target_: {name}}}}}\n"
    findings, _ = judged(tmp_path, HEAD + inner)
    assert [(item.code, item.primary.span.text) for item in findings] == [("R501", name)]
    assert findings[0].help == help_
