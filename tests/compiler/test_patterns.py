"""Patterns that are compiled late find what others find."""

import re
from unittest import mock

import pytest

from espnet3_compiler.patterns import lazy


@pytest.mark.parametrize("text", ["ab", "xAB", "", "abab"])
def test_a_lazy_pattern_finds_what_a_compiled_one_finds(text: str) -> None:
    late, early = lazy("(a)b", re.IGNORECASE), re.compile("(a)b", re.IGNORECASE)
    for method in ("match", "search", "fullmatch"):
        found, wanted = getattr(late, method)(text), getattr(early, method)(text)
        assert (found and found.span(1)) == (wanted and wanted.span(1))
    assert late.findall(text) == early.findall(text)
    assert late.sub("-", text) == early.sub("-", text)
    assert [m.start() for m in late.finditer(text, 1)] == [
        m.start() for m in early.finditer(text, 1)
    ]


def test_nothing_is_compiled_before_the_first_use() -> None:
    with mock.patch("re.compile", side_effect=AssertionError):
        pattern = lazy("a+")
    assert pattern.match("aa")
    with mock.patch("re.compile", side_effect=AssertionError):
        assert pattern.match("aaa")
