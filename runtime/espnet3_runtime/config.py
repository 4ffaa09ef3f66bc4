"""Composed configs that cannot be changed."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from espnet3_runtime.errors import UndeclaredRead

_SCALAR = (str, int, float, type(None))
"""Asked first: what most values are, and "is it a Mapping" takes long to answer."""


class ConfigView(Mapping[str, Any]):
    """A mapping of a config that nobody can change.

    Nested mappings are views too and lists are tuples, so a stage cannot change the settings of
    the next one.

    Args:
        values: Plain data: mappings, lists or tuples, and scalars.
        where: The key path of this mapping, for example ``training.optimizer``.
        hidden: Keys that exist in the config but that this reader does not declare.
    """

    __slots__ = ("_flat", "_hidden", "_values", "_where")

    def __init__(
        self, values: Mapping[str, Any], where: str = "", hidden: Iterable[str] = ()
    ) -> None:
        frozen = {key: _freeze_value(value, join_key(where, key)) for key, value in values.items()}
        object.__setattr__(self, "_values", frozen)
        object.__setattr__(self, "_where", where)
        object.__setattr__(self, "_hidden", frozenset(hidden))
        object.__setattr__(self, "_flat", None)

    _values: dict[str, Any]
    _where: str
    _hidden: frozenset[str]
    _flat: tuple[tuple[str, Any], ...] | None

    @property
    def where(self) -> str:
        """The key path of this mapping; the first part is the config's name."""
        return self._where

    @property
    def hidden(self) -> frozenset[str]:
        """Keys that exist in the config but that this reader does not declare."""
        return self._hidden

    @property
    def flat_leaves(self) -> tuple[tuple[str, Any], ...]:
        """Every leaf with its key path inside of this mapping, see :func:`leaves`."""
        if self._flat is None:
            found = tuple((path, leaf) for path, leaf in iter_leaves(self) if path)
            object.__setattr__(self, "_flat", found)
        return self._flat or ()

    def only(self, keys: Iterable[str]) -> "ConfigView":
        """Return the part that a stage kind declares to read; other keys raise when read."""
        wanted = set(keys)
        kept = {key: value for key, value in self._values.items() if key in wanted}
        return ConfigView(kept, self._where, hidden=self._values.keys() - wanted)

    def plain(self) -> dict[str, Any]:
        """Return a copy made of ordinary dicts and lists."""
        return {key: to_plain(value) for key, value in self._values.items()}

    def __getitem__(self, key: str) -> Any:
        if key in self._values:
            return self._values[key]
        if key in self._hidden:
            raise UndeclaredRead(
                f'{join_key(self._where, key)}: "{key}" is not in "reads" of this kind'
            )
        raise KeyError(join_key(self._where, key))

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"configs cannot be changed: {self._where}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"configs cannot be changed: {self._where}")

    def __repr__(self) -> str:
        return f"ConfigView({self.plain()!r}, where={self._where!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to worker processes as plain data."""
        return ConfigView, (self.plain(), self._where, tuple(sorted(self._hidden)))


def join_key(where: str, key: str | int) -> str:
    """Return the key path of a child: ``a.b`` and a key, or ``a.b[0]`` for an index."""
    if isinstance(key, int):
        return f"{where}[{key}]"
    return f"{where}.{key}" if where else str(key)


def to_plain(value: Any) -> Any:
    """Return the value with every view as a dict and every tuple as a list."""
    if isinstance(value, _SCALAR):
        return value
    if isinstance(value, Mapping):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    return value


def iter_leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every leaf with its key path; an empty mapping or list is a leaf itself."""
    items: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, list | tuple):
        items = enumerate(value)
    for key, item in items:
        if isinstance(item, _SCALAR):  # a generator for each leaf would double the time
            yield join_key(path, key), item
        else:
            yield from iter_leaves(item, join_key(path, key))
    if not items or not value:
        yield path, to_plain(value)


def _freeze_value(value: Any, where: str) -> Any:
    if isinstance(value, _SCALAR) or (isinstance(value, ConfigView) and value.where == where):
        return value
    if isinstance(value, Mapping):
        return ConfigView(value, where)
    if isinstance(value, list | tuple):
        return tuple(
            _freeze_value(item, join_key(where, index)) for index, item in enumerate(value)
        )
    return value
