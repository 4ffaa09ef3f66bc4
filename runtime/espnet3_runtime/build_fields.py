"""Typed reading of JSON that somebody else may have written."""

from collections.abc import Iterator
from typing import Any, TypeVar

from espnet3_runtime.errors import BuildError

T = TypeVar("T")


class Fields:
    """An object of a JSON file; every wrong or missing field is one clear error.

    Args:
        value: The decoded JSON.
        where: What messages call it, for example ``recipe.lock.json: stages[2]``.

    Raises:
        BuildError: It is not an object.
    """

    def __init__(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise BuildError(f"{where} is not an object", hint="compile the recipe again")
        self._value = value
        self._where = where

    def has(self, key: str) -> bool:
        """Say whether a field is there."""
        return key in self._value

    def take(self, key: str, kind: type[T]) -> T:
        """Return a required field of a type."""
        value = self._value.get(key)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.wrong(key, f"of type {kind.__name__}")
        return value

    def optional(self, key: str, kind: type[T]) -> T | None:
        """Return a field that may be null or missing."""
        return None if self._value.get(key) is None else self.take(key, kind)

    def identifier(self, key: str) -> str:
        """Return a name that is safe as a directory, a flag and a method."""
        value = self.take(key, str)
        if not (value.isidentifier() and value.isascii()):
            raise self.wrong(key, "an identifier")
        return value

    def strings(self, key: str) -> dict[str, str]:
        """Return a mapping of strings to strings."""
        value = self.take(key, dict)
        if not all(isinstance(item, str) for item in value.values()):
            raise self.wrong(key, "a mapping of strings")
        return value

    def string_list(self, key: str) -> tuple[str, ...]:
        """Return a list of strings."""
        value = self.take(key, list)
        if not all(isinstance(item, str) for item in value):
            raise self.wrong(key, "a list of strings")
        return tuple(value)

    def each(self, key: str) -> Iterator["Fields"]:
        """Yield the objects of a list."""
        for index, item in enumerate(self.take(key, list)):
            yield Fields(item, f"{self._where}: {key}[{index}]")

    def named(self, key: str) -> Iterator[tuple[str, "Fields"]]:
        """Yield the objects of a mapping with their names."""
        for name, item in self.take(key, dict).items():
            yield name, Fields(item, f"{self._where}: {key}.{name}")

    def wrong(self, key: str, expected: str) -> BuildError:
        """Return the error that says what a field should have been."""
        found = f"{self._value.get(key)!r:.60}"
        what = f'{self._where}: "{key}" must be {expected}, found {found}'
        return BuildError(what, hint="compile the recipe again")
