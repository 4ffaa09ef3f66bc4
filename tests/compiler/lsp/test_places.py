"""Hover, definitions, references, renaming and the outline, of texts that are on no disk."""

from pathlib import Path

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from tests.compiler.lsp_kit import CURSOR, Editor, apply_edits

RECIPES = Path(__file__).parents[3] / "recipes"
DIGITS = RECIPES / "digits/asr"
MANIFEST, TRAINING = DIGITS / "recipe.yaml", DIGITS / "conf/training.yaml"
TEXT = """version: 1
recipe: digits/asr
system: asr
models:
  ctc:
    _target_: src.model.CTCModel
    frontend: {_target_: src.features.LogMel}
    feats_stats: ${stages.collect_stats.feats_stats}
    vocab_size: ${configs.base.tokenizer.vocab_size}
configs:
  base: conf/training.yaml
  tuned:
    extends: base
    optimizer: {lr: 0.5}
  training: {extends: tuned}
  inference: conf/inference.yaml
stages:
  - create_dataset
  - {name: tokens, run: train_tokenizer}
  - collect_stats
  - {name: first, run: train}
  - name: second
    run: train
    config: tuned
    init_from: first
    needs: [first]
  - infer
"""


def marked(at: str, within: str = "") -> str:
    """Return the manifest with the cursor where ``at`` has it."""
    whole = within or at.replace(CURSOR, "")
    assert TEXT.count(whole) == 1, whole
    return TEXT.replace(whole, at if not within else within.replace(at.replace(CURSOR, ""), at))


def hover(editor: Editor, path: Path, text: str) -> str:
    answer = editor.ask_at("hover", path, text)
    return answer.contents.value if answer else ""


HOVERS = [
    ("system: a¦sr", []),
    ("sta¦ges:\n", ["**Stages**", "In the order in which"]),
    (
        "optim¦izer: {lr",
        ["**Optimizer**", "tuned.optimizer.lr = 0.5", "recipe.yaml:14:21", "replaces"],
    ),
    ("{l¦r: 0.5}", ["tuned.optimizer.lr = 0.5", "conf/training.yaml"]),
    ("src.model.CTC¦Model", ["vocab_size: int", "Convolutions", "src/model.py"]),
    ("front¦end: {", ["frontend: nn.Module", "src.model.CTCModel"]),
    ("${stages.collect_stats.feats¦_stats}", ["collect_stats"]),
    ("${configs.base.tokenizer.vocab¦_size}", ["base.tokenizer.vocab_size = ", "written here"]),
    ("name: fi¦rst", ["kind `train`", "training (training)", "`best_checkpoint`"]),
    ("  tun¦ed:", ["Config tuned", "role training", "extends `base`", "read by: second"]),
    ("  ct¦c:", ["Model ctc", "Convolutions"]),
]


@pytest.mark.parametrize(("at", "told"), HOVERS, ids=[one[0].strip() for one in HOVERS])
def test_what_is_told(editor: Editor, at: str, told: list[str]):
    shown = hover(editor, MANIFEST, marked(at))
    assert [word for word in told if word not in shown] == []


def test_a_key_of_a_config_file_is_told_with_the_value_after_composition(editor: Editor):
    editor.write(MANIFEST, TEXT)
    shown = hover(editor, TRAINING, TRAINING.read_text().replace("optimizer", "opti¦mizer", 1))
    assert "tuned.optimizer.lr = 0.5" in shown
    editor.close(TRAINING)


def definitions(editor: Editor, path: Path, text: str) -> list[tuple[str, int]]:
    answer = editor.ask_at("definition", path, text)
    return [(Path(one.uri).name, one.range.start.line) for one in answer]


def line_of(path: Path, text: str) -> int:
    return path.read_text().split(text)[0].count("\n")


def test_where_things_are_defined(editor: Editor):
    def here(at: str) -> list[tuple[str, int]]:
        return definitions(editor, MANIFEST, marked(at))

    def line(text: str) -> int:
        return TEXT.split(text, maxsplit=1)[0].count("\n")

    assert here("src.model.CTC¦Model") == [
        ("model.py", line_of(DIGITS / "src/model.py", "class CTCModel"))
    ]
    assert here("base: conf/tr¦aining.yaml") == [("training.yaml", 0)]
    assert here("ba¦se: conf") == [("training.yaml", 0)]
    assert here("extends: ba¦se") == [("recipe.yaml", line("  base:"))]
    assert here("init_from: fi¦rst") == [("recipe.yaml", line("  - {name: first"))]
    assert here("needs: [fi¦rst]") == [("recipe.yaml", line("  - {name: first"))]
    assert here("config: tu¦ned") == [("recipe.yaml", line("  tuned:"))]
    assert here("${stages.collect_stats.feats¦_stats}") == [
        ("recipe.yaml", line("  - collect_stats"))
    ]
    size = here("${configs.base.tokenizer.vocab¦_size}")
    assert size == [("training.yaml", line_of(TRAINING, "vocab_size"))]
    assert here("${configs.ba¦se.tokenizer.vocab_size}") == [("recipe.yaml", line("  base:"))]
    assert here("run: train_tok¦enizer")[0][0].endswith(".py")
    assert here("system: a¦sr")[0][0] == "asr.py"


def references(editor: Editor, at: str) -> list[tuple[str, int]]:
    context = types.ReferenceContext(include_declaration=True)
    answer = editor.ask_at("references", MANIFEST, marked(at), context=context)
    return sorted((Path(one.uri).name, one.range.start.line) for one in answer)


def test_every_use_of_a_name_is_found(editor: Editor):
    lines = TEXT.split("\n")
    found = references(editor, "extends: ba¦se")
    assert found == [("recipe.yaml", number) for number, line in enumerate(lines) if "base" in line]
    assert references(editor, "  - {name: fi¦rst") == references(editor, "needs: [fi¦rst]")
    assert len(references(editor, "  - {name: fi¦rst")) == 3
    # collect_stats writes what the manifest reads; the tokens are read in the files
    assert len(references(editor, "  - collect_¦stats")) == 2


def rename(editor: Editor, path: Path, text: str, new: str) -> dict[str, str]:
    """Return the text of every file after renaming."""
    answer = editor.ask_at("rename", path, text, new_name=new)
    changed = {}
    for uri, edits in answer.changes.items():
        file = Path(uri.removeprefix("file://"))
        old = text.replace(CURSOR, "") if file == path else file.read_text()
        changed[file.name] = apply_edits(old, edits)
    return changed


def test_a_config_is_renamed_wherever_it_is_named(editor: Editor):
    (after,) = rename(editor, MANIFEST, marked("extends: ba¦se"), "common").values()
    assert after == TEXT.replace("base", "common")


def test_a_stage_is_renamed_and_keeps_its_kind(editor: Editor):
    assert rename(editor, MANIFEST, marked("needs: [fi¦rst]"), "begin")[
        "recipe.yaml"
    ] == TEXT.replace("first", "begin")
    after = rename(editor, MANIFEST, marked("  - collect_¦stats"), "stats")["recipe.yaml"]
    assert "  - {name: stats, run: collect_stats}\n" in after
    assert "${stages.stats.feats_stats}" in after


def test_a_stage_is_renamed_in_the_files_of_configs(editor: Editor):
    own = MANIFEST.read_text()
    text = own.replace("train_tokenizer", "train_¦tokenizer", 1)
    after = rename(editor, MANIFEST, text, "tokens")
    assert "${stages.tokens.tokenizer_model}" in after["training.yaml"]
    assert "run: train_tokenizer" in after["recipe.yaml"]


@pytest.mark.parametrize(
    ("at", "new", "why"),
    [
        ("extends: ba¦se", "tuned", "already"),
        ("extends: ba¦se", "a b", "no name"),
        ("  trai¦ning: {extends", "learning", "by its role in"),
    ],
)
def test_what_cannot_be_renamed_is_told(editor: Editor, at: str, new: str, why: str):
    with pytest.raises(JsonRpcException, match=why):
        editor.ask_at("rename", MANIFEST, marked(at), new_name=new)


def test_a_name_that_a_matrix_fetches_is_not_renamed_alone(editor: Editor):
    """``start: head`` in a row means the stage: renamed without it, the recipe would be wrong."""
    path = RECIPES / "digits/finetune/recipe.yaml"
    text = path.read_text().replace("{name: head, run", "{name: he¦ad, run")
    with pytest.raises(JsonRpcException, match="would be wrong"):
        editor.ask_at("rename", path, text, new_name="top")
    assert editor.ask_at("prepareRename", path, text) is not None
    editor.close(path)


def test_values_of_a_matrix(editor: Editor):
    path = RECIPES / "digits/finetune/recipe.yaml"
    text = path.read_text()
    place = "init_from: ${matrix.st¦art}"
    marked_text = text.replace(place.replace(CURSOR, ""), place)
    assert "`head`, `tune_1`, `tune_2`" in hover(editor, path, marked_text)
    lines = [number for number, line in enumerate(text.split("\n")) if "start: " in line]
    assert definitions(editor, path, marked_text) == [("recipe.yaml", number) for number in lines]
    typed = text.replace("init_from: ${matrix.start}", "init_from: ${matrix.¦}")
    items = editor.ask_at("completion", path, typed).items
    assert [one.label for one in items] == ["round", "start", "rate"]
    editor.close(path)


def test_the_outline(editor: Editor):
    editor.write(MANIFEST, TEXT)
    which = types.TextDocumentIdentifier(MANIFEST.as_uri())
    found = editor.ask("textDocument/documentSymbol", types.DocumentSymbolParams(which))
    outline = {one.name: [inner.name for inner in one.children] for one in found}
    assert outline["models"] == ["ctc"]
    assert outline["configs"] == ["base", "tuned", "training", "inference"]
    assert outline["stages"][:3] == ["create_dataset", "tokens", "collect_stats"]
    editor.close(MANIFEST)
