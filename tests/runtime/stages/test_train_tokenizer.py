"""Train a tokenizer, and the ids of its token list."""

import pickle

import pytest

from espnet3_runtime.data.preprocess import TextToTokens
from espnet3_runtime.data.tokens import Tokenizer
from espnet3_runtime.errors import UserError
from espnet3_runtime.stages.train_tokenizer import train_tokenizer
from tests.runtime.training_kit import recipe_in, stage_context

TEXT = ["one two three four", "five six seven eight nine zero", "one one two nine"] * 20


@pytest.fixture
def recipe(tmp_path):
    with recipe_in(tmp_path / "tiny") as directory:
        (directory / "text.txt").write_text("".join(f"{line}\n" for line in TEXT))
        yield directory


def run(recipe, **tokenizer):
    entries = tokenizer.pop("entries", [{}])
    training = {"tokenizer": tokenizer, "dataset": {"train": entries}}
    return train_tokenizer(stage_context(recipe, "train_tokenizer", training))


def read_tokens(path):
    return path.read_text(encoding="utf-8").splitlines()


def test_vocab_size_is_the_number_of_lines_of_the_token_list(recipe):
    outputs = run(recipe, vocab_size=22, train_file="text.txt")
    tokens = read_tokens(outputs["token_list"])
    assert len(tokens) == 22
    assert tokens[:2] == ["<blank>", "<unk>"]
    assert tokens[-1] == "<sos/eos>"
    assert outputs["train_text"].read_text().splitlines() == TEXT


@pytest.mark.parametrize(
    ("kind", "size"), [("unigram", 22), ("bpe", 40), ("char", 19), ("word", 13)]
)
def test_ids_are_lines_of_the_token_list(recipe, kind, size):
    outputs = run(recipe, vocab_size=size, model_type=kind, train_file="text.txt")
    tokens = read_tokens(outputs["token_list"])
    tokenizer = Tokenizer(outputs["tokenizer_model"])
    assert list(tokenizer.tokens) == tokens
    ids = tokenizer.encode("nine eight one")
    assert "".join(tokens[i] for i in ids).replace("▁", " ").strip() == "nine eight one"
    assert all(1 < i < len(tokens) - 1 for i in ids)
    assert tokenizer.decode([0, *ids, 0, len(tokens) - 1]) == "nine eight one"
    assert tokenizer.encode("ß")[-1] == 1
    assert pickle.loads(pickle.dumps(tokenizer)).encode("one") == tokenizer.encode("one")


def test_twice_the_same_bytes(recipe):
    first = {
        n: p.read_bytes() for n, p in run(recipe, vocab_size=22, train_file="text.txt").items()
    }
    second = run(recipe, vocab_size=22, train_file="text.txt")
    assert first == {name: path.read_bytes() for name, path in second.items()}


@pytest.mark.parametrize(
    ("kind", "size", "largest"), [("unigram", 60, 25), ("char", 30, 19), ("word", 99, 13)]
)
def test_too_large_a_vocabulary_says_what_is_possible(recipe, kind, size, largest):
    with pytest.raises(UserError, match=f"vocab_size {size} cannot be reached") as error:
        run(recipe, vocab_size=size, model_type=kind, train_file="text.txt")
    assert f"largest possible value is {largest}" in error.value.hint
    assert error.value.where == "training.tokenizer.vocab_size"
    outputs = run(recipe, vocab_size=largest, model_type=kind, train_file="text.txt")
    assert len(read_tokens(outputs["token_list"])) == largest


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_too_small_a_vocabulary_says_what_is_needed(recipe, kind):
    with pytest.raises(UserError, match="smaller than the text's set of characters") as error:
        run(recipe, vocab_size=6, model_type=kind, train_file="text.txt")
    least = int(error.value.hint.split(" is ")[1].split(";")[0])
    outputs = run(recipe, vocab_size=least, model_type=kind, train_file="text.txt")
    assert len(read_tokens(outputs["token_list"])) == least


def test_coverage_and_own_symbols_have_an_effect(recipe):
    rare = [*TEXT * 20, "q"]
    (recipe / "text.txt").write_text("".join(f"{line}\n" for line in rare))
    everything = run(recipe, vocab_size=24, train_file="text.txt")["token_list"].read_text()
    assert "q" in everything
    symbols = {"user_defined_symbols": ["<noise>"], "character_coverage": 0.999}
    outputs = run(recipe, vocab_size=24, train_file="text.txt", **symbols)
    tokens = read_tokens(outputs["token_list"])
    assert "q" not in tokens
    assert "<noise>" in tokens
    ids = Tokenizer(outputs["tokenizer_model"]).encode("one <noise> two")
    assert tokens.index("<noise>") in ids


def test_the_text_of_the_training_entries_is_read(recipe):
    transform = {"_target_": "src.features.shout", "_partial_": True}
    entries = [
        {"data_src_args": {"size": 4}},
        {"data_src_args": {"size": 4}, "transform": transform},
    ]
    settings = {"vocab_size": 11, "model_type": "word"}
    config = {"tokenizer": settings, "dataset": {"train": entries}}
    context = stage_context(recipe, "train_tokenizer", config)
    outputs = train_tokenizer(context)
    assert context.progress.totals == context.progress.done == {"reading text": 8}
    lines = outputs["train_text"].read_text().splitlines()
    assert lines[0] == "zero one"
    assert lines[4] == "ZERO ONE"
    assert len(lines) == 8


def test_texts_are_preferred_to_reading_items(recipe):
    (recipe / "sets.py").write_text("from dataset import Measured as Dataset\n")
    outputs = run(recipe, vocab_size=5, model_type="word", entries=[{"data_src": "sets"}])
    assert read_tokens(outputs["token_list"]) == [
        "<blank>",
        "<unk>",
        "▁from",
        "▁texts",
        "<sos/eos>",
    ]


COLUMN = """
from dataset import Dataset as Items


class Dataset(Items):
    def column(self, name):
        if name == "short":
            return ["one text"]
        return (text for text in {"words": ["from", "a \\t column"] * 12}[name])
"""


def test_a_column_gives_the_texts_of_any_field_but_not_of_transformed_items(recipe):
    (recipe / "sets.py").write_text(COLUMN)
    entries = [{"data_src": "sets"}]
    outputs = run(recipe, vocab_size=6, model_type="word", field="words", entries=entries)
    assert outputs["train_text"].read_text() == "from\na column\n" * 12
    transform = {"_target_": "src.features.shout", "_partial_": True}
    changed = [{"data_src": "sets", "transform": transform}]
    with pytest.raises(UserError, match='no field "words"'):
        run(recipe, vocab_size=6, model_type="word", field="words", entries=changed)
    for field, problem in (
        ("none", r'column\("none"\) of the Dataset fails: KeyError\(\'none\'\)'),
        ("short", "the data set has 24 items, and gives 1 texts"),
    ):
        with pytest.raises(UserError, match=problem):
            run(recipe, vocab_size=6, model_type="word", field=field, entries=entries)


@pytest.mark.parametrize("code", ["return 'text.txt'", "return iter(['one two', 'two one'])"])
def test_text_builders_give_a_path_or_lines(recipe, code):
    (recipe / "src" / "build.py").write_text(f"def build(extra=1):\n    {code}\n")
    builder = {"_target_": "src.build.build", "extra": 2}
    size = 13 if "txt" in code else 5
    outputs = run(recipe, vocab_size=size, model_type="word", text_builder=builder)
    assert len(read_tokens(outputs["token_list"])) == size


def test_missing_text_and_fields_are_named(recipe):
    with pytest.raises(UserError, match=r'no text file ".*none.txt"'):
        run(recipe, vocab_size=5, train_file="none.txt")
    with pytest.raises(UserError, match='no field "transcript"'):
        run(recipe, vocab_size=5, field="transcript")
    with pytest.raises(UserError, match='the field "label" is text'):
        run(recipe, vocab_size=5, field="label")
    (recipe / "text.txt").write_text("\n\n")
    with pytest.raises(UserError, match="no text to train"):
        run(recipe, vocab_size=5, train_file="text.txt")
    with pytest.raises(UserError, match='needs the block "tokenizer"'):
        train_tokenizer(stage_context(recipe, "train_tokenizer", {"tokenizer": None}))


def test_text_to_tokens_replaces_the_text(recipe):
    outputs = run(recipe, vocab_size=13, model_type="word", train_file="text.txt")
    change = TextToTokens(outputs["tokenizer_model"])
    sample = change({"text": "one two", "n": 1})
    assert sample["text"].dtype.name == "int64"
    assert [change.tokenizer.tokens[i] for i in sample["text"]] == ["▁one", "▁two"]
    assert change({"n": 1}) == {"n": 1}
    with pytest.raises(UserError, match="there is no tokenizer"):
        TextToTokens(recipe / "none.model")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"character_coverage": 0.98, "model_type": "char", "vocab_size": 6},
            '0.33 % SAID "c"\n',
        ),
        (
            {"model_type": "word", "vocab_size": 5},
            '1 % SAID "ab", "c"\n',
        ),
    ],
)
def test_what_it_cannot_spell_of_its_own_text_is_said(recipe, caplog, options, said):
    (recipe / "text.txt").write_text("aa bb\n" * 49 + "ab c\n")
    run(recipe, train_file="text.txt", **options)
    start = "of the tokens of the training text are <unk>; the tokenizer cannot spell"
    assert said.replace("SAID", start) in caplog.text


def test_a_text_of_one_letter_is_enough(recipe):
    (recipe / "text.txt").write_text("a\n")
    outputs = run(recipe, vocab_size=4, model_type="word", train_file="text.txt")
    assert read_tokens(outputs["token_list"])[2] == "▁a"
