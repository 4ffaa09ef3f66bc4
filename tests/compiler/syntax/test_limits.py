"""Each limit of a text: what just fits is read, and one more is a finding."""

from pathlib import Path

import pytest

from espnet3_compiler.syntax.read import MAX_BYTES, read_file
from tests.compiler.syntax_kit import read


@pytest.mark.parametrize(("levels", "codes"), [(62, []), (63, ["R105"]), (70, ["R105"])])
def test_so_many_levels(levels: int, codes: list[str]) -> None:
    got, found = read(f"a: {'[' * levels}x{']' * levels}\nb: 1\n")
    assert [finding.code for finding in found] == codes
    assert isinstance(got, dict)
    assert got["b"] == 1


@pytest.mark.parametrize(("levels", "codes"), [(31, []), (32, ["R105"])])
def test_so_many_levels_with_those_behind_an_alias(levels: int, codes: list[str]) -> None:
    deep = f"{'[' * 30}x{']' * 30}"
    _, found = read(f"a: &a {deep}\nb: {'[' * levels}*a{']' * levels}\n")
    assert [finding.code for finding in found] == codes


@pytest.mark.parametrize(("aliases", "codes"), [(10, []), (11, ["R105"]), (30, ["R105"])])
def test_so_many_nodes_behind_aliases(aliases: int, codes: list[str]) -> None:
    got, found = read(f"a: &a [{'x, ' * 1999}]\nb: [{'*a, ' * aliases}]\nc: 1\n")
    assert [finding.code for finding in found] == codes
    assert isinstance(got, dict)
    assert [len(item) for item in got["b"][:10]] == [1999] * 10
    assert got["b"][10:] == ["${}"] * (aliases - 10)
    assert got["c"] == 1


@pytest.mark.parametrize(("items", "codes"), [(7, []), (8, ["R105"]), (20, ["R105"])])
def test_so_many_nodes(items: int, codes: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("espnet3_compiler.syntax.build_tree.MAX_NODES", 10)
    got, found = read(f"a: [{'x, ' * items}]\n")
    assert [finding.code for finding in found] == codes
    assert got == {"a": ["x"] * min(items, 7) + ["${}"] * (items - 7)}


@pytest.mark.parametrize(("digits", "codes"), [(1000, []), (1001, ["R105"])])
def test_so_many_digits(digits: int, codes: list[str]) -> None:
    got, found = read(f"a: {'1' * digits}\nb: '{'1' * digits}'\nc: x{'1' * digits}\n")
    assert [finding.code for finding in found] == codes
    assert isinstance(got, dict)
    assert got["a"] == ("${}" if codes else int("1" * digits))
    assert got["b"] == "1" * digits


@pytest.mark.parametrize(("size", "codes"), [(MAX_BYTES, []), (MAX_BYTES + 1, ["R105"])])
def test_so_many_bytes(size: int, codes: list[str], tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(b"a: 1\n#".ljust(size, b"x"))
    node, source, found = read_file(path, "f.yaml", tmp_path)
    assert [finding.code for finding in found] == codes
    assert (node is None) is (source is None) is bool(codes)
    assert MAX_BYTES == 2_000_000


@pytest.mark.parametrize(("size", "fixed"), [(200_000, True), (200_001, False)])
def test_a_fix_is_sought_in_texts_of_so_many_characters(size: int, fixed: bool) -> None:
    _, found = read("a: 'b\n#".ljust(size, "x"))
    assert [finding.code for finding in found] == ["R101"]
    assert (found[0].fix is not None) is fixed


def test_a_file_that_is_not_there_or_lies_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out.yaml").write_text("a: 1\n")
    (tmp_path / "in/link.yaml").symlink_to(tmp_path / "out.yaml")
    said = []
    for name in ("no.yaml", ".", "link.yaml"):
        node, source, (finding,) = read_file(tmp_path / "in" / name, name, tmp_path / "in")
        assert node is source is None
        shown = finding.primary.span.source
        assert (shown.name, shown.text, shown.path) == (name, "", tmp_path / "in" / name)
        said.append((finding.code, finding.message, finding.help))
    assert said == [
        ("R701", 'the file "no.yaml" does not exist', ()),
        ("R701", 'the file "." cannot be read: is a directory', ()),
        (
            "R702",
            '"link.yaml" leads through a link out of the recipe directory',
            ("put a copy in the place of the link",),
        ),
    ]


@pytest.mark.parametrize(
    ("data", "message", "column"),
    [
        (b"a: \xc3\xa9 \xff", '"f" is not UTF-8 text', 6),
        (b"\xef\xbb\xbfa: \xff", '"f" is not UTF-8 text', 4),
        (b"\xff\xfea\x00", '"f" is not UTF-8 text but UTF-16', 1),
        (b"\xfe\xff\x00a", '"f" is not UTF-8 text but UTF-16', 1),
        (b"\xfea\xff", '"f" is not UTF-8 text', 1),
    ],
)
def test_the_first_byte_that_is_not_utf_8(
    data: bytes, message: str, column: int, tmp_path: Path
) -> None:
    (tmp_path / "f").write_bytes(data)
    _, source, (finding,) = read_file(tmp_path / "f", "f", tmp_path)
    assert (finding.code, finding.message) == ("R108", message)
    span = finding.primary.span
    assert source == span.source
    assert span.source.line_column(span.start) == (1, column)
    assert span.text == "\ufffd"
