"""The nearest name is the meant one."""

import random
from string import ascii_lowercase

import pytest

from espnet3_compiler.diagnostics.suggest import (
    closest_match,
    is_certain_match,
    is_misspelling,
    is_slip,
)
from espnet3_schemas import ROLES, load

TRAINER = list(load("training")["properties"]["trainer"]["properties"])
TRAINING = list(load("training")["properties"])


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("hiden_size", "hidden_size"),
        ("hidden_szie", "hidden_size"),
        ("hidden-size", "hidden_size"),
        ("hiddenSize", "hidden_size"),
        ("HIDDEN_SIZE", "hidden_size"),
        ("size_hidden", "hidden_size"),
        ("hidden", "hidden_size"),
        ("hidden_sizes", "hidden_size"),
        ("dropuot", "dropout"),
        ("drop", "dropout"),
        ("lt", "lr"),
        ("learning_rate", "lr"),
        ("vs", None),
        ("dropout", None),
        ("bananas", None),
        ("x", None),
        ("", None),
        ("__", None),
    ],
)
def test_a_slip_finds_its_name(written, meant):
    names = [name for name in ("hidden_size", "lr", "dropout", "vocab_size") if name != written]
    assert closest_match(written, names) == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("max_epoch", "max_epochs"),
        ("epochs", "min_epochs"),
        ("accumulate_grad", "accumulate_grad_batches"),
        ("gradient_clip", "gradient_clip_val"),
        ("val_check_intervall", "val_check_interval"),
    ],
)
def test_among_many_similar_names(written, meant):
    candidates = [name for name in TRAINER if name != "max_epochs" or meant == "max_epochs"]
    assert closest_match(written, candidates) == meant


def test_nothing_is_near_in_a_foreign_word():
    foreign = ("foo", "learning_rate", "hello", "path", "verbose", "debug", "url", "attention")
    assert {word: closest_match(word, TRAINING) for word in foreign} == dict.fromkeys(foreign)


def test_the_order_of_candidates_decides_a_tie():
    assert closest_match("optio", ["option_b", "option_a"]) == "option_b"
    assert closest_match("ab", []) is None


def test_sure_means_one_slip_and_no_other_explanation():
    assert is_certain_match("hiden_size", ["hidden_size", "vocab_size"])
    assert is_certain_match("hidden-size", ["hidden_size"])
    assert not is_certain_match("nin", ["min", "nim"])
    assert not is_certain_match("lt", ["lr"])
    assert not is_certain_match("hdn_sze", ["hidden_size"])
    assert not is_certain_match("bananas", ["hidden_size"])
    assert not is_certain_match("cer", ["wer", "accuracy"])
    assert not is_certain_match("31-true", ["32-true", "16-mixed"])


@pytest.mark.parametrize(
    ("name", "other"),
    [
        *(("Adamw", "AdamW"), ("Lienar", "Linear"), ("Linar", "Linear"), ("modle", "model")),
        *(("CosineAnealingLR", "CosineAnnealingLR"), ("lr_schedular", "lr_scheduler")),
    ],
)
def test_a_letter_was_mistyped_in_a_class(name, other):
    assert is_slip(name, other)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        *(("CER", "WER"), ("CELoss", "BCELoss"), ("Conv1d", "Conv2d"), ("L2Loss", "L1Loss")),
        *(("WER", "wer"), ("ELU", "SELU"), ("GRU", "GLU"), ("Adam", "NAdam"), ("AdamV", "AdamW")),
    ],
)
def test_another_class_was_meant(name, other):
    assert not is_slip(name, other)


def slip(rng, name, kind):
    i = rng.randrange(len(name) - 1)
    letter = rng.choice(ascii_lowercase)
    return {
        "exchange": name[:i] + name[i + 1] + name[i] + name[i + 2 :],
        "missing": name[:i] + name[i + 1 :],
        "extra": name[:i] + letter + name[i:],
        "wrong": name[:i] + letter + name[i + 1 :],
        "plural": name.removesuffix("s") if name.endswith("s") else f"{name}s",
        "joined": name.replace("_", ""),
        "hyphens": name.replace("_", "-"),
    }[kind]


def groups(schema):
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            yield list(schema["properties"])
        for below in schema.values():
            yield from groups(below)
    elif isinstance(schema, list):
        for below in schema:
            yield from groups(below)


@pytest.mark.parametrize(
    "kind", ["exchange", "missing", "extra", "wrong", "plural", "joined", "hyphens"]
)
def test_slips_in_every_key_of_the_schemas(kind):
    rng = random.Random(kind)
    tried = right = wrongly_sure = 0
    for names in (group for role in ("recipe", *ROLES) for group in groups(load(role))):
        for name in names:
            written = slip(rng, name, kind)
            if len(name) > 2 and written not in names:
                tried += 1
                right += closest_match(written, names) == name
                wrongly_sure += (
                    is_certain_match(written, names) and closest_match(written, names) != name
                )
    assert tried > 100
    assert right / tried >= 0.99
    assert wrongly_sure == 0


@pytest.mark.parametrize(
    ("name", "other", "slip"),
    [
        ("digits", "digtis", True),
        ("digits", "Digits", True),
        ("my_data", "data_my", True),
        ("digits", "test_digits_phases", False),
        ("digits", "digits_tools", False),
        ("digits", "digits", False),
        ("digits", "torch", False),
    ],
)
def test_a_slip_is_more_than_a_part(name: str, other: str, slip: bool) -> None:
    assert is_misspelling(name, other) is slip
