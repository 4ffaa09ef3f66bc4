"""The symbols of a training set, how its words are pronounced, and texts as indices."""

import json

import pytest

from espnet3_runtime.data.preprocess import TextToSymbols
from espnet3_runtime.errors import UserError
from espnet3_runtime.stages.prepare_tokens import prepare_tokens
from tests.runtime.training_kit import recipe_in, stage_context

SETS = """
class Dataset:
    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return dict(zip(("utt_id", "text", "phones"), (str(index), *self.rows[index])))
"""
ROWS = [
    ["a cat", "_ | 'eI | k a t | _"],
    ["a", "_ | @ | _"],
    ["Cat A", "_ | k a t | _ | @ | _"],
]


@pytest.fixture
def run(tmp_path):
    def prepare(rows, **tokens):
        entries = [{"data_src": "sets", "data_src_args": {"rows": rows}}]
        config = {"tokens": tokens, "dataset": {"train": entries}}
        return prepare_tokens(stage_context(tmp_path / "tiny", "prepare_tokens", config))

    with recipe_in(tmp_path / "tiny", **{"sets.py": SETS}):
        yield prepare


def test_symbols_and_the_most_frequent_pronunciation(run):
    made = run(ROWS, text="text")
    assert made["token_list"].read_text().split() == ["'eI", "@", "_", "a", "k", "t"]
    assert made["lexicon"].read_text() == "a\t@\ncat\tk a t\n"
    assert json.loads(made["counts"].read_text())["_"] == 7
    lists = {name: made[name] for name in ("token_list", "lexicon")}
    spell = TextToSymbols(**lists, field="text", to="ids", pause="_")
    sample = spell({"text": "Cat a"})
    assert set(sample) == {"ids"}
    assert sample["ids"].tolist() == [2, 4, 3, 5, 1, 2]
    with pytest.raises(UserError, match='the word "dog" is not in the lexicon') as error:
        spell({"text": "dog"})
    assert error.value.hint == "it has 2 words: a, cat"
    with pytest.raises(UserError, match="no words"):
        spell({"text": " "})


def test_a_lexicon_written_by_hand(tmp_path):
    (tmp_path / "tokens.txt").write_text("a\nt\n")
    lexicon = tmp_path / "lexicon.tsv"
    lexicon.write_text("At\ta t\n")
    spell = TextToSymbols(tmp_path / "tokens.txt", "text", lexicon=lexicon)
    assert spell({"text": "AT"})["text"].tolist() == [0, 1]
    lexicon.write_text("at\ta t\nta t a\n")
    with pytest.raises(UserError, match=r"lexicon\.tsv:2: 'ta t a' is no word and its symbols"):
        TextToSymbols(tmp_path / "tokens.txt", lexicon=lexicon)


def test_symbols_of_texts_themselves(run):
    made = run([["ab a", ""]], field="text", split="character", boundary=" ")
    assert made["token_list"].read_text() == "a\nb\n"
    assert made["lexicon"].read_text() == ""
    spell = TextToSymbols(made["token_list"], field="text", split="character", boundary=" ")
    assert spell({"text": "b a"})["text"].tolist() == [1, 0]
    assert spell({"speech": 1}) == {"speech": 1}
    with pytest.raises(UserError, match='the symbol "c" is not in the token list'):
        spell({"text": "abc"})


@pytest.mark.parametrize(
    ("rows", "where", "problem"),
    [
        ([["one two", "w V n"]], "text", '"one two" has 2 words, and its symbols have 1'),
        ([["", ""]], "field", "the training data have no symbols"),
    ],
)
def test_data_that_do_not_fit(run, rows, where, problem):
    with pytest.raises(UserError, match=problem) as error:
        run(rows, text="text")
    assert error.value.where == f"training.tokens.{where}"
