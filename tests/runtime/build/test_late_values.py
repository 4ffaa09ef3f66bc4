"""Late values: the grammar of OmegaConf for what the compiler leaves behind."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from espnet3_compiler.build.late_values import parts_of
from espnet3_runtime.build.late_values import (
    LateHashes,
    find_references,
    lookup,
    read_late_values,
    resolve_references,
)
from espnet3_runtime.config import ConfigView, iter_leaves
from espnet3_runtime.errors import BuildError, UserError
from espnet3_schemas.late_values import Env, LateValues, StageOutput, from_json, to_json

ENVIRON = {"SET": "value", "EMPTY": "", "OTHER": "two words"}


def late_values(value: Any) -> LateValues:
    """Return what the texts in plain data mean, parsed by the compiler as for a lock."""
    texts = [leaf for _, leaf in iter_leaves(value) if isinstance(leaf, str) and "${" in leaf]
    return from_json({text: to_json(parts_of(text)) for text in texts})


def _output(reference: StageOutput, where: str) -> str:
    return f"exp/{reference.stage}/{reference.output}"


def _bind(value: Any, environ: dict[str, str] | None = None) -> Any:
    values = lookup(_output, ENVIRON if environ is None else environ)
    return resolve_references(value, late_values(value), values, "training")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("${oc.env:SET}", "value"),
        ("${oc.env:EMPTY}", ""),
        ("a ${oc.env:SET} b ${oc.env:OTHER}", "a value b two words"),
        ("${oc.env:UNSET,default}", "default"),
        ("${oc.env:UNSET, spaced }", "spaced"),
        ("${oc.env:UNSET,'quoted, {it}'}", "quoted, {it}"),
        ('${oc.env:UNSET,"a \\" b"}', 'a " b'),
        ("${oc.env:UNSET,${oc.env:SET}}", "value"),
        ("${oc.env:UNSET,/data/${oc.env:SET}/x}", "/data/value/x"),
        ("${oc.env:UNSET,null}", None),
        ("${oc.env:UNSET,'null'}", "null"),
        ("${oc.env:UNSET,12}", "12"),
        ("${oc.env:UNSET,a\\,b}", "a,b"),
        ("\\${oc.env:SET}", "${oc.env:SET}"),
        ("\\\\${oc.env:SET}", "\\value"),
        ("\\\\\\${oc.env:SET}", "\\${oc.env:SET}"),
        ("C:\\dir\\file", "C:\\dir\\file"),
        ("${stages.train.best_checkpoint}", "exp/train/best_checkpoint"),
        ("${stages.train.best}.bak", "exp/train/best.bak"),
        ("${oc.env:UNSET,${stages.train.best}}", "exp/train/best"),
    ],
)
def test_values(text: str, expected: str | None) -> None:
    assert _bind({"a": [text]}) == {"a": [expected]}


@pytest.mark.parametrize(
    "text",
    [
        "${oc.env:SET}",
        "x${oc.env:SET}y",
        "\\${oc.env:SET}",
        "\\\\${oc.env:SET}",
        "\\\\\\${oc.env:SET}",
        "${oc.env:UNSET,some default}",
        "${oc.env:UNSET,'quoted, default'}",
        "${oc.env:UNSET,null}",
        "${oc.env:UNSET,'null'}",
        "${oc.env:UNSET,${oc.env:SET}}",
        "${oc.env:UNSET,a/${oc.env:SET}/b}",
        "a\\b",
        "${oc.env:UNSET,a\\,b}",
        "${ oc.env:SET }",
    ],
)
def test_same_as_omegaconf(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("UNSET", raising=False)
    assert _bind({"a": text})["a"] == OmegaConf.create({"a": text}).a


@given(
    st.from_regex(
        r"(x|\\{0,3}\$\{oc\.env:SET(,('a\\'b'|\$\{stages\.a\.b\}|null|))?\}){0,4}", fullmatch=True
    )
)
@settings(max_examples=200, deadline=None)
def test_what_is_parsed_comes_back_from_json(text: str) -> None:
    parts = parts_of(text)
    assert from_json({text: to_json(parts)}) == {text: parts}


@given(st.text("ab \\${}", max_size=10))
@settings(max_examples=200, deadline=None)
def test_escaped_texts_come_back(text: str) -> None:
    escaped = text.replace("${", "\\${")
    if "\\\\${" not in escaped:
        assert _bind(escaped) == text


def test_a_missing_variable_is_named_with_its_place() -> None:
    with pytest.raises(UserError) as caught:
        _bind({"upload": [{"token": "${oc.env:HF_TOKEN}"}]})
    assert '"HF_TOKEN" is not set' in caught.value.message
    assert caught.value.where == "training.upload[0].token"
    assert "${oc.env:HF_TOKEN,default}" in caught.value.hint


def test_a_text_that_the_compiler_did_not_parse_is_refused() -> None:
    with pytest.raises(BuildError, match="cannot read"):
        resolve_references("${oc.env:SET}", {}, lookup(_output, ENVIRON))


NESTED: Any = ["x"]
for _ in range(500):
    NESTED = [{"env": "A", "default": NESTED}]


@pytest.mark.parametrize(
    "parts",
    [
        *(None, "x", {}, [None], [1], [[]], [{}], [{"stage": "a"}], [{"env": 1}], [{"env": "1A"}]),
        [{"env": "A", "default": "x"}],
        [{"env": "A", "more": 1}],
        [{"stage": "a", "output": "b", "default": None}],
        NESTED,
    ],
)
def test_parts_that_the_compiler_never_writes_are_refused(parts: Any) -> None:
    with pytest.raises(BuildError, match=r"recipe\.lock\.json: .* of a late value"):
        read_late_values({"${x}": parts}, "recipe.lock.json")


def test_references_are_found_with_their_places() -> None:
    view = ConfigView({"a": ["${oc.env:X,${stages.s.o}}"], "b": "\\${stages.no.no}"}, "m")
    found = list(find_references(view, late_values(view)))
    assert [path for path, _ in found] == ["m.a[0]", "m.a[0]"]
    assert isinstance(found[0][1], Env)
    assert found[1][1] == StageOutput("s", "o")


def _hash(text: str, environ: dict[str, str], outputs: dict[str, str | None]) -> Any:
    view = ConfigView({"a": text}, "m")
    return LateHashes(outputs, environ, b"salt", late_values(view)).leaves(view)["a"]


def test_hashes_follow_values_and_hide_them() -> None:
    secret = {"KEY": "very secret value"}
    one = _hash("${oc.env:KEY}", secret, {})
    assert one == _hash("${oc.env:KEY}", secret, {})
    assert one["digest"] != _hash("${oc.env:KEY}", {"KEY": "another"}, {})["digest"]
    assert "very secret value" not in str(one)


def test_hashes_follow_contents_not_names_of_stages() -> None:
    first = _hash("${stages.train.best}", {}, {"train.best": "abc"})
    renamed = _hash("${stages.train_full.best}", {}, {"train_full.best": "abc"})
    assert first["digest"] == renamed["digest"]
    assert first["digest"] != _hash("${stages.train.best}", {}, {"train.best": "abd"})["digest"]
    assert _hash("${stages.train.best}", {}, {"train.best": None})["digest"] is None


def test_null_the_empty_text_and_the_word_are_three_defaults() -> None:
    texts = ("${oc.env:UNSET,null}", "${oc.env:UNSET,''}", "${oc.env:UNSET,'null'}")
    assert len({_hash(text, {}, {})["digest"] for text in texts}) == len(texts)


def test_parts_do_not_run_together() -> None:
    environ = {"A": "x", "B": "xy"}
    assert _hash("${oc.env:A}y", environ, {}) != _hash("${oc.env:B}", environ, {})
