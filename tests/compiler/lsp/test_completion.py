"""What is offered while a manifest or a config is typed, mostly in a text that is no YAML yet."""

import shutil
from pathlib import Path

import pytest
from lsprotocol import types

from tests.compiler.lsp_kit import CURSOR, Editor

RECIPES = Path(__file__).parents[3] / "recipes"
DIGITS = RECIPES / "digits/asr"
MANIFEST, TRAINING = DIGITS / "recipe.yaml", DIGITS / "conf/training.yaml"
FINETUNE = RECIPES / "digits/finetune/recipe.yaml"

HEAD = """version: 1
recipe: digits/asr
system: asr
models:
  ctc:
    _target_: src.model.CTCModel
    vocab_size: 20
configs:
  training: conf/training.yaml
  inference: conf/inference.yaml
"""
STAGES = "stages: [train_tokenizer, train, infer]\n"


def offered(editor: Editor, path: Path, text: str) -> dict[str, types.CompletionItem]:
    answer = editor.ask_at("completion", path, text)
    return {item.label: item for item in answer.items}


@pytest.fixture(autouse=True)
def _recipe_is_known(editor: Editor):
    editor.write(MANIFEST, MANIFEST.read_text())
    editor.write(TRAINING, TRAINING.read_text())
    editor.diagnostics(TRAINING)
    editor.diagnostics(MANIFEST)
    yield
    editor.close(TRAINING)
    editor.close(MANIFEST)


MANIFESTS = [
    ("keys", HEAD + STAGES + "¦", {"exp_tag", "description"}, {"version", "stages"}),
    ("half a key", HEAD + STAGES + "exp¦", {"exp_tag", "exp_dir"}, set()),
    ("keys above others", f"¦\n{HEAD}{STAGES}", {"exp_tag"}, {"recipe"}),
    ("systems", "system: ¦\nrecipe: a/b\nversion: 1\nstages: [train]\n", {"asr", "tts"}, set()),
    ("kinds", HEAD + "stages: [train_tokenizer, tr¦]\n", {"train", "infer"}, set()),
    ("kinds below", HEAD + "stages:\n  - train_tokenizer\n  - ¦\n", {"train", "name"}, set()),
    ("keys of a stage", HEAD + "stages:\n  - {name: train, ¦}\n", {"config", "model"}, {"name"}),
    ("unclosed", HEAD + "stages:\n  - {name: train, ¦\n", {"config", "model"}, {"name"}),
    ("configs", HEAD + "stages:\n  - {name: train, config: ¦}\n", {"training"}, {"ctc"}),
    ("roles", HEAD + "stages:\n  - {name: train, config: {¦}}\n", {"training"}, set()),
    (
        "config of a role",
        HEAD + "stages:\n  - {name: a, config: {training: ¦}}\n",
        {"training"},
        set(),
    ),
    ("models", HEAD + "stages:\n  - {name: train, model: ¦}\n", {"ctc"}, {"training"}),
    ("needs", HEAD + "stages:\n  - train\n  - {name: infer, needs: [¦]}\n", {"train"}, {"infer"}),
    ("files", HEAD + "  metrics: ¦\n" + STAGES, {"conf/metrics.yaml"}, set()),
    ("bases", HEAD + "  more: {extends: ¦}\n" + STAGES, {"training"}, {"more"}),
    ("own keys", HEAD + "  t2:\n    extends: training\n    ¦\n" + STAGES, {"file"}, {"extends"}),
    ("inline", HEAD.replace("conf/training.yaml", "{optim¦}") + STAGES, {"optimizer"}, set()),
    ("role below configs", HEAD + "  ¦\n" + STAGES, {"metrics", "demo"}, {"training"}),
    ("recipe code", HEAD.replace("src.model.CTCModel", "src.¦") + STAGES, {"src.model"}, set()),
    ("classes", HEAD.replace("CTCModel", "C¦") + STAGES, {"src.model.CTCModel"}, set()),
    ("arguments", HEAD.replace("vocab_size: 20", "¦") + STAGES, {"dropout", "frontend"}, set()),
    ("half an argument", HEAD.replace("vocab_size: 20", "drop¦") + STAGES, {"dropout"}, set()),
    ("first of a reference", HEAD.replace(": 20", ": ${¦}") + STAGES, {"stages", "exp_dir"}, set()),
    ("stages", HEAD.replace(": 20", ": ${stages.¦") + STAGES, {"train", "infer"}, {"training"}),
    (
        "outputs",
        HEAD.replace(": 20", ": ${stages.train_tokenizer.¦") + STAGES,
        {"tokenizer_model", "token_list"},
        {"best_checkpoint"},
    ),
    ("configs named", HEAD.replace(": 20", ": ${configs.¦}") + STAGES, {"training"}, {"ctc"}),
    (
        "keys named",
        HEAD.replace(": 20", ": ${configs.training.tokenizer.v¦}") + STAGES,
        {"vocab_size"},
        set(),
    ),
]


@pytest.mark.parametrize(
    ("text", "these", "others"), [m[1:] for m in MANIFESTS], ids=[m[0] for m in MANIFESTS]
)
def test_a_manifest(editor: Editor, text: str, these: set[str], others: set[str]):
    found = offered(editor, MANIFEST, text)
    assert these <= set(found)
    assert not others & set(found)


CONFIGS = [
    ("keys", "seed: 1\n¦\n", {"optimizer", "trainer", "extends"}, {"seed"}),
    ("below", "dataset:\n  ¦\n", {"train", "valid", "preprocessor"}, {"seed"}),
    ("packages", "optimizer: {_target_: tor¦}\n", {"torch"}, set()),
    ("modules", "optimizer: {_target_: torch.¦}\n", {"torch.optim", "torch.nn"}, set()),
    ("classes", "optimizer:\n  _target_: torch.optim.A¦\n", {"torch.optim.Adam"}, set()),
    ("unclosed", "optimizer: {_target_: torch.optim.A¦\nseed: 1\n", {"torch.optim.AdamW"}, set()),
    (
        "arguments",
        "optimizer:\n  _target_: torch.optim.Adam\n  ¦\n",
        {"lr", "betas", "_partial_"},
        {"params", "_target_"},
    ),
    (
        "booleans",
        "optimizer: {_target_: torch.optim.Adam, _partial_: ¦}\n",
        {"true", "false"},
        set(),
    ),
    ("choices", "tokenizer:\n  model_type: ¦\n", {"bpe", "unigram"}, set()),
    ("own keys", "seed: 1\nnum_threads: ${¦}\n", {"seed", "data_dir"}, set()),
    ("data", "dataset:\n  train:\n    - data_src_args: {¦}\n", {"split"}, set()),
]


@pytest.mark.parametrize(
    ("text", "these", "others"), [c[1:] for c in CONFIGS], ids=[c[0] for c in CONFIGS]
)
def test_a_config(editor: Editor, text: str, these: set[str], others: set[str]):
    found = offered(editor, TRAINING, text)
    assert these <= set(found)
    assert not others & set(found)


def test_keys_come_with_their_documentation(editor: Editor):
    seed = offered(editor, TRAINING, "se¦\n")["seed"]
    assert "Seed of every random generator" in seed.documentation.value
    assert "default: `0`" in seed.documentation.value
    assert seed.text_edit.new_text == "seed: "


def test_a_class_is_described_when_it_is_looked_at(editor: Editor):
    item = offered(editor, MANIFEST, HEAD.replace("CTCModel", "¦") + STAGES)["src.model.CTCModel"]
    shown = editor.ask("completionItem/resolve", item)
    assert "Convolutions" in shown.documentation.value
    assert "vocab_size: int" in shown.documentation.value


def test_what_is_typed_is_replaced_as_a_whole(editor: Editor):
    text = "optimizer: {_target_: torch.optim.A¦dam, lr: 1}\n"
    edit = offered(editor, TRAINING, text)["torch.optim.AdamW"].text_edit
    line = text.replace(CURSOR, "")
    start, end = edit.range.start.character, edit.range.end.character
    assert line[:start] + edit.new_text + line[end:] == line.replace("Adam", "AdamW")


def test_an_unfinished_reference_gets_its_brace(editor: Editor):
    text = HEAD.replace(": 20", ": ${stages.train_tokenizer.¦") + STAGES
    assert offered(editor, MANIFEST, text)["token_list"].text_edit.new_text == "token_list}"
    text = HEAD.replace(": 20", ": ${stages.train_tokenizer.¦}") + STAGES
    assert offered(editor, MANIFEST, text)["token_list"].text_edit.new_text == "token_list"


def test_nothing_is_offered_in_comments_and_code(editor: Editor):
    assert not offered(editor, TRAINING, "seed: 1  # se¦\n")
    assert not offered(editor, DIGITS / "src/model.py", "impo¦")
    editor.close(DIGITS / "src/model.py")


BROKEN = """version: 1
recipe: tiny/asr
system: asr
description: a text: with a colon
models:
  ctc:
    _target_: src.model.CTCModel
    frontend: {_target_: src.features.LogMel, n_mels: [80}
   vocab_size: 20
configs:
  training: conf/training.yaml
\tinference: conf/inference.yaml
"""


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("stages: [collect_stats, tr¦]\n", {"train", "infer"}),
        ("stages:\n  - {name: train, config: ¦}\n", {"training"}),
        ("stages:\n  - {name: train, ¦\n  - {name: infer, \n", {"config", "model"}),
        ("exp_dir: ${models.ctc.¦\nstages: [train]\n", {"_target_"}),
    ],
)
def test_a_manifest_broken_in_several_places_when_it_is_opened(
    editor: Editor, tmp_path, typed, expected
):
    recipe = shutil.copytree(DIGITS, tmp_path / "asr", ignore=shutil.ignore_patterns("data", "exp"))
    manifest = recipe / "recipe.yaml"
    manifest.write_text(BROKEN)
    try:
        assert expected <= set(offered(editor, manifest, BROKEN + typed))
    finally:
        editor.close(manifest)
