"""``--fix`` applies what is certain, whole files at a time."""

import pytest

from espnet3_compiler.cli.fix import apply_fixes, plan_fixes, write_fixes
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.pipeline import display_name
from espnet3_compiler.result import CompileResult
from espnet3_compiler.schema.validate import validate_tree
from espnet3_compiler.syntax.read import read_file
from espnet3_schemas import load


def finding(source, *edits, certain=True):
    spans = [Edit(Span(source, start, end), text) for start, end, text in edits]
    return Diagnostic("R601", "m", Label(spans[0].span), fix=Fix("t", tuple(spans), certain))


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("one two three\n")
    return Source("a.yaml", "one two three\n", path=path)


def test_certain_edits_only(source):
    sure, unsure = finding(source, (0, 3, "1")), finding(source, (4, 7, "2"), certain=False)
    none = Diagnostic("R601", "m", Label(Span(source, 0, 1)))
    fixed = plan_fixes([sure, unsure, none])
    assert fixed.files == {source.path: "1 two three\n"}
    assert fixed.applied == (sure,)
    assert fixed.left == (unsure, none)


def test_edits_do_not_disturb_each_other(source):
    fixed = plan_fixes([finding(source, (8, 13, "3")), finding(source, (0, 3, "eins"))])
    assert fixed.files == {source.path: "eins two 3\n"}


def test_a_fix_is_applied_whole_or_not_at_all(source):
    first = finding(source, (4, 7, "2"))
    second = finding(source, (0, 3, "1"), (6, 9, "x"))
    fixed = plan_fixes([first, second])
    assert fixed.files == {source.path: "one 2 three\n"}
    assert fixed.left == (second,)


def test_the_same_edit_twice_is_one(source):
    fixed = plan_fixes([finding(source, (0, 3, "1")), finding(source, (0, 3, "1"))])
    assert fixed.files == {source.path: "1 two three\n"}
    assert len(fixed.applied) == 2


@pytest.mark.parametrize(
    ("edit", "again", "text"),
    [
        ((0, 3, "1"), (0, 3, "eins"), "1 two three\n"),
        ((4, 4, "x "), (4, 4, "x "), "one x two three\n"),
    ],
)
def test_two_edits_of_one_place_are_not_both_applied(source, edit, again, text):
    first, second = finding(source, edit), finding(source, again)
    fixed = plan_fixes([first, second])
    assert fixed.files == {source.path: text}
    assert (fixed.applied, fixed.left) == ((first,), (second,))


def test_nothing_outside_files_is_edited(source):
    argument = Source("--set", "sede=1", "set")
    edits = (Edit(Span(source, 0, 3), "1"), Edit(Span(argument, 0, 4), "seed"))
    both = Diagnostic("R601", "m", Label(edits[0].span), fix=Fix("t", edits, certain=True))
    assert plan_fixes([both]).files == {}
    assert plan_fixes([finding(argument, (0, 4, "seed"))]).files == {}


def test_files_are_replaced_with_their_permissions(source):
    source.path.chmod(0o640)
    assert write_fixes(plan_fixes([finding(source, (0, 3, "1"))])) == ()
    assert source.path.read_text() == "1 two three\n"
    assert source.path.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in source.path.parent.iterdir()] == ["a.yaml"]


def test_a_link_stays_a_link(source, tmp_path):
    link = tmp_path / "link.yaml"
    link.symlink_to(source.path)
    write_fixes(plan_fixes([finding(Source("l", source.text, path=link), (0, 3, "1"))]))
    assert link.is_symlink()
    assert source.path.read_text() == "1 two three\n"


def test_a_file_that_changed_meanwhile_is_passed_over(source):
    fixed = plan_fixes([finding(source, (0, 3, "1"))])
    source.path.write_text("something else\n")
    assert write_fixes(fixed) == (source.path,)
    assert source.path.read_text() == "something else\n"


def test_a_fix_is_reported_only_where_its_file_was_written(source, tmp_path, capsys):
    other = tmp_path / "b.yaml"
    other.write_text("four\n")
    findings = (
        finding(source, (0, 3, "1")),
        finding(Source("b", "four\n", path=other), (0, 4, "4")),
    )
    source.path.write_text("something else\n")
    assert apply_fixes(CompileResult(source.path, diagnostics=findings))
    err = capsys.readouterr().err
    assert "a.yaml changed meanwhile; not fixed" in err
    assert "fixed b:1:1: t" in err
    assert "fixed a.yaml" not in err


def test_a_fix_of_two_files_is_reported_only_where_both_were_written(source, tmp_path, capsys):
    other = Source("b", "four\n", path=tmp_path / "b.yaml")
    other.path.write_text("something else\n")
    edits = (Edit(Span(source, 0, 3), "1"), Edit(Span(other, 0, 4), "4"))
    found = Diagnostic("R601", "m", Label(edits[0].span), fix=Fix("t", edits, certain=True))
    outcome = CompileResult(source.path, diagnostics=(found,))
    assert apply_fixes(outcome)
    assert capsys.readouterr().err.splitlines() == [
        f"{display_name(other.path)} changed meanwhile; not fixed"
    ]
    assert not apply_fixes(outcome)
    assert len(capsys.readouterr().err.splitlines()) == 2
    assert not apply_fixes(CompileResult(source.path))
    assert capsys.readouterr().err == ""


def test_byte_order_mark_and_line_ends_are_kept(tmp_path):
    path = tmp_path / "training.yaml"
    path.write_bytes(b"\xef\xbb\xbf# gr\xc3\xbc\xc3\x9fe\r\nsede: 1\r\n")
    node, _, found = read_file(path, "training.yaml", path.parent)
    assert not found
    findings = validate_tree(node, load("training"), lenient_references=True)
    assert write_fixes(plan_fixes(findings)) == ()
    assert path.read_bytes() == b"\xef\xbb\xbf# gr\xc3\xbc\xc3\x9fe\r\nseed: 1\r\n"


def test_a_file_that_cannot_be_written_is_left_alone(source, monkeypatch):
    fixed = plan_fixes([finding(source, (0, 3, "1"))])
    monkeypatch.setattr("pathlib.Path.replace", _refuse)
    with pytest.raises(OSError, match="full"):
        write_fixes(fixed)
    assert [path.name for path in source.path.parent.iterdir()] == ["a.yaml"]
    assert source.path.read_text() == "one two three\n"


def _refuse(self, target):
    raise OSError("disk full")


def test_what_was_fixed_checks_clean(tmp_path):
    path = tmp_path / "training.yaml"
    path.write_text(
        "optimiser: {_taget_: torch.optim.SGD}\n"
        "sede: '3'\n"
        "average: on\n"
        "nan_policy: skpi\n"
        "trainer: {max_epoch: 3, precision: '32-treu'}\n"
        "freeze: encoder\n"
        "ema: {decay: 0.oo5}\n"
    )
    for _ in range(3):
        node, _, _ = read_file(path, "training.yaml", path.parent)
        findings = validate_tree(node, load("training"), lenient_references=True)
        write_fixes(plan_fixes(findings))
    assert not findings
    assert path.read_text() == (
        "optimizer: {_target_: torch.optim.SGD}\n"
        "seed: 3\n"
        "average: true\n"
        "nan_policy: skip\n"
        "trainer: {max_epochs: 3, precision: '32-true'}\n"
        "freeze: [encoder]\n"
        "ema: {decay: 0.005}\n"
    )
