"""Late values, filled in when a stage runs: environment variables and outputs of stages.

``${oc.env:VAR,default}`` and ``${stages.NAME.OUTPUT}`` are all that the compiler leaves behind.
Configs hold them as they are written; what they mean stands, parsed by the compiler, in the lock.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from espnet3_runtime.config import ConfigView, join
from espnet3_runtime.errors import BuildError
from espnet3_schemas.late_values import Env, LateValues, Part, StageOutput, from_json

Lookup = Callable[[Env | StageOutput, str], str | None]
"""Gives the value of a late reference; the second argument is the key path, for messages."""


def read_late_values(table: Any, where: str) -> LateValues:
    """Return the late values that the compiler wrote, from JSON.

    Raises:
        BuildError: It has another form.
    """
    try:
        return from_json(table)
    except ValueError as error:
        raise BuildError(f"{where}: {error}", hint="compile the recipe again") from None


def parts_of(text: str, late: LateValues) -> tuple[Part, ...]:
    """Return the literal pieces and late references of a text.

    Raises:
        BuildError: The compiler did not parse it.
    """
    if "${" not in text:
        return (text,)
    if text not in late:
        hint = "compile the recipe again; if this is a bundle, pack the model again"
        raise BuildError(f'cannot read "{text:.80}"', hint=hint)
    return late[text]


def bind(value: Any, late: LateValues, lookup: Lookup, where: str = "") -> Any:
    """Return plain data with every late reference replaced by its value.

    Args:
        value: Plain data with texts as configs hold them.
        late: What the texts mean.
        lookup: Gives the values.
        where: The key path of the data, for messages.
    """
    if isinstance(value, Mapping):
        return {key: bind(item, late, lookup, join(where, key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [bind(item, late, lookup, join(where, index)) for index, item in enumerate(value)]
    return _value(parts_of(value, late), lookup, where) if isinstance(value, str) else value


def references(view: ConfigView, late: LateValues) -> Iterator[tuple[str, Env | StageOutput]]:
    """Yield every late reference in a config with the key path of its leaf."""
    for path, leaf in view.flat:
        if isinstance(leaf, str):
            yield from ((join(view.where, path), found) for found in references_of(leaf, late))


def references_of(text: str, late: LateValues) -> Iterator[Env | StageOutput]:
    """Yield every late reference in a text, those in defaults too."""
    return _flatten(parts_of(text, late))


def default_of(reference: Env, lookup: Lookup, where: str) -> str | None:
    """Return the default of a variable that is not set; there must be one.

    Args:
        reference: The variable with its default.
        lookup: Gives the value of a reference inside of the default.
        where: The key path of the setting, for messages.
    """
    return None if reference.null else _value(reference.default, lookup, where)


def _flatten(parts: tuple[Part, ...]) -> Iterator[Env | StageOutput]:
    for part in parts:
        if not isinstance(part, str):
            yield part
        if isinstance(part, Env):
            yield from _flatten(part.default)


def _value(parts: tuple[Part, ...], lookup: Lookup, where: str) -> str | None:
    if len(parts) == 1:
        return parts[0] if isinstance(parts[0], str) else lookup(parts[0], where)
    return "".join(part if isinstance(part, str) else str(lookup(part, where)) for part in parts)
