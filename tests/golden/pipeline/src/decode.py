"""Decoding of the golden recipe."""


class Greedy:
    def __init__(self, tokens: str) -> None:
        self.tokens = tokens
