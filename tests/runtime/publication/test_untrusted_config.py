"""Configs of somebody else: how large, how deep, what they may name, and that they are whole."""

from pathlib import Path
from typing import Any

import pytest

from espnet3_runtime.errors import UserError
from espnet3_runtime.publication.untrusted_config import check_config, check_texts, read_mapping
from tests.runtime.composed_kit import composed_build

TRUST = "if you know who made it, pass trust_user_code=True (--trust_user_code)"


def read(folder: Path, text: str | bytes) -> dict[str, Any]:
    path = folder / "a.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_mapping(path)


def test_a_mapping(tmp_path: Path) -> None:
    assert read(tmp_path, "a: 1\nb: [é, {c: null}]\n") == {"a": 1, "b": ["é", {"c": None}]}
    assert read(tmp_path, "{}") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "holds no mapping of names"),
        ("", "holds no mapping of names"),
        ("1: a", "holds no mapping of names"),
        ("{a: 1, 2: b}", "holds no mapping of names"),
        ("a: &x 1\nb: *x\n", "is no YAML that a bundle may hold: it uses an alias, which no "),
        ("a: [", "is no YAML that a bundle may hold: while parsing a flow node"),
        (
            "a: !!python/object:os.system 1",
            "is no YAML that a bundle may hold: could not determine",
        ),
        (b"a: \xff", "is no YAML that a bundle may hold: 'utf-8' codec"),
    ],
)
def test_what_is_none(text: str | bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        read(tmp_path, text)
    assert caught.value.message.startswith(f'"{tmp_path / "a.yaml"}" {message}')
    assert "\n" not in caught.value.message


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r'a\.yaml" cannot be read: No such file or directory$'):
        read_mapping(tmp_path / "a.yaml")


def test_how_large_it_may_be(tmp_path: Path) -> None:
    start = "a: 1\n#"
    assert read(tmp_path, start + "x" * (2_000_000 - len(start))) == {"a": 1}
    with pytest.raises(UserError, match=r'a\.yaml" has more than 2000000 bytes$'):
        read(tmp_path, start + "x" * (2_000_001 - len(start)))


def test_how_deep_it_may_be(tmp_path: Path) -> None:
    def nested(depth: int) -> str:
        return "a: " + "[" * (depth - 1) + "]" * (depth - 1)

    assert read(tmp_path, nested(100))
    with pytest.raises(UserError, match=r"it is nested more than 100 levels deep$"):
        read(tmp_path, nested(101))
    siblings = ", ".join(["[[]]"] * 200)
    assert len(read(tmp_path, f"a: [{siblings}]")["a"]) == 200


@pytest.mark.parametrize(
    "text",
    [
        *("plain", "a/b", "a.b", "http://host/a", "~", "a..b", "c", "file", ""),
        *("BUNDLE", "BUNDLE/files/a", "torch.nn.Linear", "a b/c", "\\"),
    ],
)
def test_texts_that_stay_inside(text: str, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    check_texts({"inference.yaml": {"a": text.replace("BUNDLE", str(bundle)), "b": 3}}, bundle)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "/etc/passwd",
            "/x",
            "~/a",
            "file:a",
            "../a",
            "a/../b",
            "a\\..\\b",
            "C:\\a",
            "\\\\a\\b",
            "/",
            "..",
        ),
        *("BUNDLE/../x", "${oc.env:HOME}", "a ${b} c", "THERE", "there.txt", ".."),
    ],
)
def test_texts_that_lead_outside(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "bundle"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.txt").touch()
    named = text.replace("BUNDLE", str(bundle)).replace("THERE", "./there.txt")
    with pytest.raises(UserError) as caught:
        check_texts({"model.yaml": {"ok": "x", "a": [{"b": named}]}}, bundle)
    assert str(caught.value) == (
        f'the bundle reads "{named[:80]}", which is outside of it\n'
        f"  config: model.yaml.a[0].b\n  help: {TRUST}"
    ) or caught.value.where.endswith("a[0].b")
    assert caught.value.hint == TRUST


def test_a_name_without_a_dot_may_also_be_a_file_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cpu").touch()
    check_texts({"inference.yaml": {"device": "cpu"}}, tmp_path / "bundle")


@pytest.fixture(scope="module")
def inference() -> dict[str, Any]:
    config = {"runner": None, "dataset": {"test": [{"name": "a"}]}, "checkpoint": "a"}
    return composed_build("infer", {"inference": config}).config("inference").plain()


def check(config: dict[str, Any], *left_out: str) -> str:
    try:
        check_config(config, "inference", left_out, Path("/b/inference.yaml"))
    except UserError as error:
        return str(error)
    return ""


def test_a_config_of_its_role(inference: dict[str, Any]) -> None:
    assert check(inference) == ""
    without = {key: value for key, value in inference.items() if key != "parallel"}
    assert check(without, "parallel") == ""
    assert check(without) == (
        '"/b/inference.yaml" is no config of a bundle: "parallel" is missing\n  config: inference'
    )
    assert check(without, "device") == check(without)


def test_wrong_values_of_a_config(inference: dict[str, Any]) -> None:
    wrong = check({**inference, "batch_size": "many"})
    first, where = wrong.splitlines()
    assert first.startswith('"/b/inference.yaml" is no config of a bundle: ')
    assert where == "  config: inference.batch_size"
    inner = check({**inference, "dataset": {**inference["dataset"], "test": 3}})
    assert inner.splitlines()[-1] == "  config: inference.dataset.test"
    lacks = {key: value for key, value in inference["dataset"].items() if key != "preprocessor"}
    assert check({**inference, "dataset": lacks}).splitlines() == [
        '"/b/inference.yaml" is no config of a bundle: "preprocessor" is missing',
        "  config: inference.dataset",
    ]
