"""Findings and fixes reach the editor for what is typed, with nothing of it on disk."""

from pathlib import Path

import pytest
from lsprotocol import types

from tests.compiler.lsp_kit import Editor, apply_edits, open_editor

RECIPES = Path(__file__).parents[3] / "recipes"
DIGITS = RECIPES / "digits/asr"
MANIFEST, TRAINING = DIGITS / "recipe.yaml", DIGITS / "conf/training.yaml"


def actions(editor: Editor, path: Path, place: types.Range, kinds=None) -> list[types.CodeAction]:
    context = types.CodeActionContext([], only=kinds)
    which = types.TextDocumentIdentifier(path.as_uri())
    return editor.ask("textDocument/codeAction", types.CodeActionParams(which, place, context))


def codes(found: list[types.Diagnostic]) -> list[str]:
    return [str(one.code) for one in found]


@pytest.mark.parametrize("path", [MANIFEST, TRAINING, DIGITS / "src/model.py"])
def test_a_right_recipe_has_no_findings(editor: Editor, path: Path):
    editor.write(path, path.read_text())
    assert editor.diagnostics(path) == []


def test_a_mistake_in_a_config_is_found_and_mended(editor: Editor):
    right = TRAINING.read_text()
    editor.write(TRAINING, right.replace("seed:", "sede:", 1))
    (found,) = editor.diagnostics(TRAINING)
    assert (found.code, found.severity) == ("R601", types.DiagnosticSeverity.Error)
    assert "sede" in found.message
    fix, every = actions(editor, TRAINING, found.range)
    assert fix.title == 'write "seed"'
    assert every.kind == types.CodeActionKind.SourceFixAll
    for action in (fix, every):
        edits = action.edit.changes[TRAINING.as_uri()]
        assert apply_edits(right.replace("seed:", "sede:", 1), edits) == right
    assert not actions(editor, TRAINING, found.range, ["refactor"])
    editor.write(TRAINING, right)
    assert editor.diagnostics(TRAINING) == []


def test_a_mistake_in_code_is_found_and_where_it_is_used_is_told(editor: Editor):
    model = DIGITS / "src/model.py"
    editor.write(model, model.read_text().replace("def forward(", "def forwrd("))
    (found,) = editor.diagnostics(model)
    assert found.code == "R425"
    assert MANIFEST.as_uri() in [one.location.uri for one in found.related_information]
    editor.write(model, model.read_text())
    assert editor.diagnostics(model) == []


def test_what_one_buffer_says_is_judged_in_another(editor: Editor):
    """A model that takes another argument in a buffer makes the manifest wrong."""
    model, text = DIGITS / "src/model.py", (DIGITS / "src/model.py").read_text()
    editor.write(MANIFEST, MANIFEST.read_text())
    editor.write(model, text.replace("vocab_size", "vocabulary_size"))
    editor.wait_for(MANIFEST, lambda found: {"R502", "R503"} & set(codes(found)))
    editor.write(model, text)
    editor.wait_for(MANIFEST, lambda found: not found)


def test_findings_go_with_the_file(editor: Editor, tmp_path: Path):
    path = tmp_path / "recipe.yaml"
    editor.write(path, "version: 1\nrecipe: a/b\nsystem: asr\nstages: [trian]\n")
    assert editor.diagnostics(path)
    editor.close(path)
    editor.write(TRAINING, TRAINING.read_text())
    editor.wait_for(path, lambda found: not found)


def test_a_change_of_a_few_letters_is_taken_over(editor: Editor, tmp_path: Path):
    """Editors send what changed, in code units."""
    path = tmp_path / "recipe.yaml"
    editor.write(
        path, "version: 1\nrecipe: a/b\nsystem: asr\nstages: [{description: 𝄞, run: trian}]\n"
    )
    assert codes(editor.diagnostics(path)) != []
    editor.change(path, types.Range(types.Position(3, 31), types.Position(3, 36)), "train")
    assert "trian" not in str(editor.diagnostics(path))
    assert "train" in str(editor.diagnostics(path))
    editor.close(path)


def test_only_the_last_of_many_keystrokes_counts(editor: Editor):
    text = TRAINING.read_text()
    for number in range(30):
        editor.write(TRAINING, text.replace("seed:", f"seed{number}:"))
    editor.write(TRAINING, text)
    assert editor.diagnostics(TRAINING) == []


def test_a_text_that_is_no_yaml_is_reported_and_forgotten(editor: Editor):
    editor.write(TRAINING, "seed: [1\n")
    assert codes(editor.diagnostics(TRAINING))[0].startswith("R1")
    editor.write(TRAINING, TRAINING.read_text())
    assert editor.diagnostics(TRAINING) == []


def test_a_config_that_replaces_another_is_checked_in_its_place(editor: Editor):
    slurm = RECIPES / "librispeech_100/asr/conf/training_slurm.yaml"
    editor.write(slurm, slurm.read_text() + "no_such_key: 1\n")
    assert codes(editor.diagnostics(slurm)) == ["R601"]
    editor.close(slurm)


def test_a_manifest_that_is_nowhere_on_disk_is_checked(editor: Editor, tmp_path: Path):
    path = tmp_path / "recipe.yaml"
    editor.write(path, "version: 1\nrecipe: a/b\nsystem: asr\nstages: [trian]\n")
    assert "R401" in codes(editor.diagnostics(path))
    editor.write(
        path, "version: 1\nrecipe: a/b\nsystem: asr\nconfigs: {training: t.yaml}\nstages: [train]\n"
    )
    assert "R701" in codes(editor.diagnostics(path))
    config = tmp_path / "t.yaml"
    editor.write(config, "sead: 1\n")
    assert codes(editor.diagnostics(config)) == ["R601"]
    editor.close(config)
    editor.close(path)


def test_columns_are_counted_in_code_units(editor: Editor, tmp_path: Path):
    path = tmp_path / "recipe.yaml"
    stage = '{name: train, description: "𝄞 ü", rnu: train}'
    text = f"version: 1\nrecipe: a/b\nsystem: asr\nstages: [{stage}]\n"
    editor.write(path, text)
    (found,) = [one for one in editor.diagnostics(path) if one.code == "R601"]
    line = text.split("\n")[3]
    column = len(line[: line.index("rnu")].encode("utf-16-le")) // 2
    assert (found.range.start.line, found.range.start.character) == (3, column)
    edits = actions(editor, path, found.range)[0].edit.changes[path.as_uri()]
    assert "run: train" in apply_edits(text, edits)
    editor.close(path)


def test_an_editor_may_count_in_bytes(tmp_path: Path):
    path = tmp_path / "recipe.yaml"
    with open_editor(["utf-8"]) as other:
        other.write(
            path, "version: 1\nrecipe: a/b\nsystem: asr\nstages: [{description: ü, nme: a}]\n"
        )
        found = [one for one in other.diagnostics(path) if one.code == "R601"]
        assert found[0].range.start.character == len("stages: [{description: ü, ".encode())
