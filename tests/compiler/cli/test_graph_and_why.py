"""What the command draws of a recipe, and what it says of where a value comes from."""

from pathlib import Path

import pytest

from tests.compiler.recipe_kit import GOLDEN, call, minimal, texts

MISTAKE = {"old": "in_features", "new": "in_featurs"}


GRAPH = """\
golden/pipe-line.2 (asr)
  1  create_dataset   create_dataset(full, inference)
  2  train_tokenizer  train_tokenizer(full)
     <- create_dataset
  3  collect_stats    collect_stats(full, ctc)
     <- create_dataset
     <- train_tokenizer
  4  train_easy       train(easy, ctc)
     <- create_dataset
     <- train_tokenizer
     <- collect_stats: feats_stats
  5  train_full       train(full, ctc)
     <- create_dataset
     <- train_tokenizer
     <- collect_stats: feats_stats
     <- train_easy: best_checkpoint
  6  infer            infer(inference, ctc)
     <- create_dataset
     <- train_tokenizer: token_list
     <- collect_stats: feats_stats
     <- train_full: best_checkpoint
  7  measure          measure(metrics, inference)
     <- create_dataset
     <- infer: inference_dir
  8  export           src.export.to_file()
     <- train_full: best_checkpoint
     <- measure
"""


def test_graph_as_text(capsys) -> None:
    before = texts(GOLDEN / "pipeline")
    assert call("--graph", GOLDEN / "pipeline") == 0
    assert capsys.readouterr().out == GRAPH
    assert texts(GOLDEN / "pipeline") == before


def test_graph_as_mermaid(capsys) -> None:
    assert call("--graph", "mermaid", GOLDEN / "pipeline") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "flowchart TD"
    assert '    s4["train_easy<br/>train(easy, ctc)"]' in lines
    assert '    s4 -- "best_checkpoint" --> s5' in lines
    assert "    s1 -.-> s2" in lines


def test_graph_of_a_recipe_with_mistakes_is_still_drawn(tmp_path: Path, capsys) -> None:
    assert call("--graph=text", minimal(tmp_path, **MISTAKE)) == 1
    out, err = capsys.readouterr()
    assert "1  train  train(training, net)" in out
    assert "R502" in err


WHY = """\
easy.scheduler._target_ = "torch.optim.lr_scheduler.StepLR"
    {0}recipe.yaml:22:27  written here
    {0}conf/full.yaml:8:23  replaces "torch.optim.lr_scheduler.StepLR"
easy.scheduler.step_size = 5
    {0}recipe.yaml:22:71  written here
    {0}conf/full.yaml:8:67  replaces 10
easy.scheduler.gamma = 1e-05
    {0}recipe.yaml:19:14  inherited here
    {0}conf/full.yaml:8:78  written here
"""


def test_why(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(GOLDEN / "pipeline")
    assert call("--why", "easy.scheduler", "recipe.yaml") == 0
    assert capsys.readouterr().out == WHY.format("")
    assert call("--why", "full.dataset.valid[0].data_src_args.rate", "recipe.yaml") == 0
    out = capsys.readouterr().out
    assert out == (
        "full.dataset.valid[0].data_src_args.rate = 16000\n"
        "    conf/full.yaml:4:49  fetched here\n"
        "    recipe.yaml:27:18  written here\n"
    )
    assert (
        call("--why", "ctc.vocab_size", "recipe.yaml", "--set", "full.tokenizer.vocab_size=9") == 0
    )
    out = capsys.readouterr().out
    assert "ctc.vocab_size = 9" in out
    assert "--set" in out


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("models.ctc.vocab_size", "ctc.vocab_size = "),
        ("${configs.full.seed}", "full.seed = "),
        ("configs.full.seed", "full.seed = "),
    ],
)
def test_why_of_a_name_as_recipes_write_it(path: str, named: str, capsys) -> None:
    assert call("--why", path, GOLDEN / "pipeline") == 0
    assert capsys.readouterr().out.startswith(named)


def test_why_of_a_name_of_the_other_kind(capsys) -> None:
    assert call("--why", "models.full.seed", GOLDEN / "pipeline") == 2
    assert 'no "full"; there is: ctc\n' in capsys.readouterr().err


@pytest.mark.parametrize(
    "path", ["full.optimzer.lr", "ful.optimizer", "full.dataset.train[7]", "..", ""]
)
def test_why_of_nothing(path: str, capsys) -> None:
    assert call("--why", path, GOLDEN / "pipeline") == 2
    assert f'error: nothing is called "{path}"' in capsys.readouterr().err
