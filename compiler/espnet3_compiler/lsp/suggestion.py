"""A word that may be typed, before it is put into the form of the protocol."""

from typing import NamedTuple


class Suggestion(NamedTuple):
    """A word that may be typed.

    Attributes:
        label: The word.
        kind: What it is: ``key``, ``argument``, ``class``, ``name``, …
        detail: A few words about it.
        about: Its documentation in Markdown.
        ending: What is typed behind it.
        order: Sorts before the word does.
    """

    label: str
    kind: str
    detail: str
    about: str
    ending: str
    order: str


def suggestion(
    label: str, kind: str, detail: str = "", about: str = "", ending: str = "", order: str = ""
) -> Suggestion:
    """Return a suggestion.

    Args:
        label: The word.
        kind: What it is.
        detail: A few words about it.
        about: Its documentation in Markdown.
        ending: What is typed behind it.
        order: Sorts before the word does.
    """
    return Suggestion(label, kind, detail, about, ending, order)
