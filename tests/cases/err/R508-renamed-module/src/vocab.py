"""The words."""

WORDS = ("yes", "no")
