"""The files of a bundle: which are listed, which names lead out, and how YAML is written."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from espnet3_runtime.errors import UserError
from espnet3_runtime.publication.bundle import (
    dump_yaml,
    hash_files,
    open_bundle,
    path_inside,
)

FILES = {"code/src/a.py": "x = 1\n", "inference.yaml": "a: 1\n", "code/b.py": "", "files/c/d": "d"}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return sign(folder)


def sign(folder: Path, **changes: Any) -> Path:
    meta = {"format": "espnet3-bundle", "schema_version": 1, "files": hash_files(folder)}
    (folder / "bundle.json").write_text(json.dumps({**meta, **changes}))
    return folder


def test_hashes(bundle: Path) -> None:
    expected = {
        name: hashlib.sha256(text.encode()).hexdigest() for name, text in sorted(FILES.items())
    }
    found = hash_files(bundle)
    assert found == expected
    assert list(found) == list(expected)


def test_a_bundle(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(bundle.parent)
    opened = open_bundle(Path("bundle"))
    assert opened.directory == bundle
    assert opened.code == ("code/b.py", "code/src/a.py")
    assert opened.path("files/c/d") == bundle / "files/c/d"
    assert opened.config("inference.yaml") == {"a": 1}
    assert opened.config("model.yaml") is None
    assert opened.late == {}


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ({"format": "other"}, 'bundle.json" does not describe a bundle'),
        ({"schema_version": 2}, "has version 2; this program reads version 1"),
        ({"schema_version": None}, "has version None; this program reads version 1"),
        ({"files": []}, "has version 1; this program reads version 1"),
        ({"files": {"gone": "0"}}, 'lacks "gone"'),
        ({"files": {"inference.yaml": "0"}}, '"inference.yaml" of the bundle'),
    ],
)
def test_records_that_do_not_fit(meta: dict[str, Any], message: str, bundle: Path) -> None:
    sign(bundle, **meta)
    with pytest.raises(UserError) as caught:
        open_bundle(bundle)
    assert message in caught.value.message


@pytest.mark.parametrize("text", ["{", "[" * 9999, "\udcff", "[]", "3"])
def test_a_record_that_cannot_be_read(text: str, bundle: Path) -> None:
    (bundle / "bundle.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(UserError, match=r'bundle\.json" (cannot be read: |does not describe)'):
        open_bundle(bundle)


def test_no_record(bundle: Path) -> None:
    (bundle / "bundle.json").unlink()
    with pytest.raises(UserError) as caught:
        open_bundle(bundle)
    assert str(caught.value) == f'"{bundle}" is no bundle: it has no bundle.json'


def test_how_large_a_record_may_be(bundle: Path) -> None:
    text = (bundle / "bundle.json").read_text()
    (bundle / "bundle.json").write_text(text + " " * (10_000_000 - len(text)))
    open_bundle(bundle)
    (bundle / "bundle.json").write_text(text + " " * (10_000_001 - len(text)))
    with pytest.raises(UserError, match=r'bundle\.json" has more than 10000000 bytes$'):
        open_bundle(bundle)


def test_what_is_altered_is_noticed_when_it_is_compared(bundle: Path) -> None:
    (bundle / "code/b.py").write_text("y = 1\n")
    assert open_bundle(bundle, verify=False).code
    with pytest.raises(UserError) as caught:
        open_bundle(bundle)
    assert str(caught.value) == (f'"code/b.py" of the bundle "{bundle}" was altered or is damaged')


@pytest.mark.parametrize("name", ["more", "code/more", "linked"])
def test_more_than_is_listed(name: str, bundle: Path) -> None:
    if name == "linked":
        (bundle / name).symlink_to(bundle / "code")
    else:
        (bundle / name).touch()
    with pytest.raises(UserError) as caught:
        open_bundle(bundle)
    assert str(caught.value) == (
        f'the bundle "{bundle}" holds "{name}", which its bundle.json does not list\n'
        "  help: remove it, or download the bundle again"
    )


@pytest.mark.parametrize("name", [".cache/a", ".git/b/c", ".gitattributes"])
def test_what_a_hub_leaves_beside_the_files(name: str, bundle: Path) -> None:
    (bundle / name).parent.mkdir(parents=True, exist_ok=True)
    (bundle / name).touch()
    (bundle / "empty").mkdir()
    assert open_bundle(bundle)


@pytest.mark.parametrize("name", ["a", "a/b", "a b", ".", "...", "link/x"])
def test_names_inside(name: str, tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "link").symlink_to("inner")
    assert path_inside(tmp_path, name) == tmp_path / name


@pytest.mark.parametrize("name", ["/a", "../a", "a/..", "a\\b", "a:b", "a\0b", "link/x"])
def test_names_outside(name: str, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "link").symlink_to(tmp_path)
    with pytest.raises(UserError) as caught:
        path_inside(inner, name)
    assert str(caught.value) == f'"{name}" leads out of the bundle "{inner}"'


def test_links_of_the_cache_of_a_hub(tmp_path: Path) -> None:
    snapshot = tmp_path / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    for folder in ("blobs", "blobs/deep", "other"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x").touch()
    for name, target in (("good", "blobs/x"), ("deep", "blobs/deep/x"), ("bad", "other/x")):
        (snapshot / name).symlink_to(os.path.join("../..", target))  # noqa: PTH118
    assert path_inside(snapshot, "good") == snapshot / "good"
    for name in ("deep", "bad"):
        with pytest.raises(UserError, match=f'^"{name}" leads out of the bundle'):
            path_inside(snapshot, name)


def located(bundle: Path, text: str) -> Any:
    (bundle / "inference.yaml").write_text(f"a: [{{b: '{text}'}}, 3]\n")
    config = open_bundle(sign(bundle)).config("inference.yaml")
    assert config is not None
    return config["a"][0]["b"]


@pytest.mark.parametrize("name", ["files/c/d", "files/c", "files", "code/src"])
def test_paths_of_the_bundle_become_absolute(name: str, bundle: Path) -> None:
    assert located(bundle, f"bundle://{name}") == str(bundle / name)
    assert located(bundle, f"x bundle://{name}") == f"x bundle://{name}"


@pytest.mark.parametrize("name", ["files/none", "bundle.json", "", "."])
def test_paths_that_the_bundle_does_not_hold(name: str, bundle: Path) -> None:
    with pytest.raises(UserError) as caught:
        located(bundle, f"bundle://{name}")
    assert str(caught.value) == f'the bundle names "bundle://{name}", which it does not hold'


@pytest.mark.parametrize("value", [{"x": 3}, []])
def test_late_values_of_another_form(value: Any, bundle: Path) -> None:
    opened = open_bundle(sign(bundle, late_values=value))
    with pytest.raises(UserError, match=r'bundle\.json": '):
        _ = opened.late


def test_yaml_keeps_order_letters_and_equal_values() -> None:
    same = {"z": 1, "a": "é"}
    text = dump_yaml({"b": same, "a": same, "long": "word " * 30})
    assert text == (
        "b:\n  z: 1\n  a: é\na:\n  z: 1\n  a: é\n"
        f"long: '{('word ' * 19).strip()}\n  {'word ' * 11}'\n"
    )
    assert dump_yaml({}) == "{}\n"


def test_yaml_with_a_secret() -> None:
    with pytest.raises(UserError) as caught:
        dump_yaml({"a": [{"token": "hf_abc"}]})
    assert str(caught.value) == (
        '"a[0].token" holds a secret, which would be published\n'
        "  help: write ${oc.env:NAME}, and set that variable where it is used"
    )
