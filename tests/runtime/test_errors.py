"""Errors say what, where and what to do, and the reason of a library's error is found."""

import errno
import os
import pickle

import pytest

from espnet3_runtime.errors import (
    BuildError,
    InstantiateError,
    Stopped,
    UsageError,
    UserError,
    did_you_mean,
    exception_chain,
    find_refusal,
    nearest,
    no_early_end,
)


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({}, "what"),
        ({"where": "a.b"}, "what\n  config: a.b"),
        ({"hint": "do"}, "what\n  help: do"),
        ({"where": "a.b", "hint": "do"}, "what\n  config: a.b\n  help: do"),
    ],
)
@pytest.mark.parametrize("kind", [UserError, UsageError, BuildError, InstantiateError])
def test_a_message_has_the_parts_that_are_known(kind, parts, text):
    for error in (kind("what", **parts), pickle.loads(pickle.dumps(kind("what", **parts)))):
        assert type(error) is kind
        assert str(error) == text
        assert (error.message, error.where, error.hint) == (
            "what",
            parts.get("where", ""),
            parts.get("hint", ""),
        )
        assert error.args == ("what",)


def early_end():
    return next(iter(()))


def test_the_end_of_an_iterator_is_an_error_with_its_line():
    with pytest.raises(UserError, match="raised StopIteration") as error, no_early_end("src.f"):
        early_end()
    line = early_end.__code__.co_firstlineno + 1
    assert error.value.message == f'src.f raised StopIteration in "{__file__}", line {line}'
    assert error.value.hint == "next(…) of something empty raises it, and next(…, None) does not"
    assert isinstance(error.value.__cause__, StopIteration)
    with pytest.raises(ValueError, match="another"), no_early_end("src.f"):
        raise ValueError("another")


def raised(error, cause=None, context=None):
    error.__cause__, error.__context__ = cause, context
    return error


def test_a_chain_follows_causes_first_and_ends():
    first, other = ValueError("first"), ValueError("other")
    last = raised(ValueError("last"), cause=first, context=other)
    assert list(exception_chain(last)) == [last, first]
    assert list(exception_chain(raised(ValueError("last"), context=other)))[1:] == [other]
    assert list(exception_chain(None)) == []
    first.__cause__ = last
    assert list(exception_chain(last)) == [last, first]


TEXTS = {
    errno.ENOSPC: [os.strerror(errno.ENOSPC), "database or disk is full"],
    errno.EDQUOT: [os.strerror(errno.EDQUOT)],
    errno.EROFS: [f"cannot open: {os.strerror(errno.EROFS)} (os error 30)"],
    errno.EFBIG: [
        f"[Errno 27] {os.strerror(errno.EFBIG)}",
        f"write failed with {os.strerror(errno.EFBIG)}",
        f"{os.strerror(errno.EFBIG)} (os error 27)",
    ],
    0: [
        "PytorchStreamWriter failed writing file",
        "unexpected pos 64 vs 128",
        "9 requested and 4 written",
    ],
}


@pytest.mark.parametrize(
    ("code", "text"), [(code, text) for code, texts in TEXTS.items() for text in texts]
)
def test_the_reason_is_found_in_what_a_library_says(code, text):
    found = find_refusal(raised(RuntimeError("it failed"), cause=RuntimeError(text)))
    assert found is not None
    assert found.errno == code
    assert found.strerror == (os.strerror(code) if code else "a part was written")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG])
def test_an_error_of_the_system_is_the_reason_itself(code):
    said = RuntimeError("unexpected pos 64 vs 128")
    system = OSError(code, os.strerror(code), "a.txt")
    assert find_refusal(system) is system
    assert find_refusal(raised(said, cause=system)) is system


def test_the_first_text_counts_where_the_system_says_nothing():
    inner = RuntimeError(os.strerror(errno.EDQUOT))
    found = find_refusal(raised(RuntimeError("database or disk is full"), cause=inner))
    assert found is not None
    assert found.errno == errno.ENOSPC


@pytest.mark.parametrize(
    "error",
    [
        None,
        ValueError("a batch of 3 does not fit"),
        RuntimeError(os.strerror(errno.EFBIG)),
        FileNotFoundError(errno.ENOENT, "No such file or directory", "a.txt"),
    ],
)
def test_other_errors_are_no_refusal(error):
    assert find_refusal(error) is None


@pytest.mark.parametrize(
    ("name", "candidates", "expected", "hint"),
    [
        ("trian", ["valid", "train"], "train", 'did you mean "train"?'),
        ("TRAIN", ["valid", "Train"], "Train", 'did you mean "Train"?'),
        ("train", ["trains", "train"], "train", 'did you mean "train"?'),
        ("abcde", ["abcxy"], "abcxy", 'did you mean "abcxy"?'),
        ("abcd", ["abxy"], None, "choose from: abxy"),
        ("xyz", ["valid", "train"], None, "choose from: valid, train"),
        ("xyz", [], None, ""),
    ],
)
def test_the_nearest_name_or_all_of_them(name, candidates, expected, hint):
    assert nearest(name, candidates) == expected
    assert did_you_mean(name, candidates) == hint


def test_to_stop_is_no_mistake_of_the_user():
    assert not issubclass(Stopped, UserError)
