"""Late values, filled in when a stage runs: environment variables and outputs of stages.

``${oc.env:VAR,default}`` and ``${stages.NAME.OUTPUT}`` are all that the compiler leaves behind.
Everything else was resolved by the compiler.  The grammar is OmegaConf's
(https://omegaconf.readthedocs.io/en/latest/grammar.html): a backslash before ``${`` makes it text,
defaults may be quoted or hold another ``${…}``, and an environment variable is always a string.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from espnet3_runtime.config import ConfigView, join
from espnet3_runtime.errors import BuildError

_OPENING = re.compile(r"(\\*)\$\{")
_STAGE = re.compile(r"stages\.([A-Za-z_]\w*)\.([A-Za-z_]\w*)")
_ENV = re.compile(r"oc\.env\s*:\s*([A-Za-z_]\w*)\s*")
_QUOTED = re.compile(r"""\s*(?P<q>['"])(?P<text>(?:\\.|(?!(?P=q))[^\\])*)(?P=q)\s*""", re.DOTALL)
MAX_DEPTH = 50


@dataclass(frozen=True, slots=True)
class Env:
    """``${oc.env:VAR,default}``; without a default the variable must be set.

    Attributes:
        name: The variable.
        default: Parts of the default; ``()`` is the empty text.
        has_default: Whether there is one.
        null: Whether the default is an unquoted ``null``.
    """

    name: str
    default: tuple["Part", ...] = ()
    has_default: bool = False
    null: bool = False


@dataclass(frozen=True, slots=True)
class StageOutput:
    """``${stages.NAME.OUTPUT}``."""

    stage: str
    output: str


Part = str | Env | StageOutput
Lookup = Callable[[Env | StageOutput, str], str | None]
"""Gives the value of a late reference; the second argument is the key path, for messages."""


@lru_cache(maxsize=4096)
def parse(text: str) -> tuple[Part, ...]:
    """Split a text into literal pieces and late references.

    Raises:
        BuildError: A ``${`` that the compiler would not have left behind.
    """
    if "${" not in text:
        return (text,)
    parts, end = _parse(text, 0, depth=0, inside=False)
    assert end == len(text)
    return parts


def bind(value: Any, lookup: Lookup, where: str = "") -> Any:
    """Return plain data with every late reference replaced by its value.

    Args:
        value: Plain data or a view of it.
        lookup: Gives the value of a reference.
        where: The key path of the value, for messages.
    """
    if isinstance(value, Mapping):
        return {key: bind(item, lookup, join(where, key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [bind(item, lookup, join(where, index)) for index, item in enumerate(value)]
    return _value(parse(value), lookup, where) if isinstance(value, str) else value


def references(view: ConfigView) -> Iterator[tuple[str, Env | StageOutput]]:
    """Yield every late reference in a config with the key path of its leaf."""
    for path, leaf in view.flat:
        if isinstance(leaf, str) and "${" in leaf:
            for part in parse(leaf):
                yield from ((join(view.where, path), found) for found in flatten(part))


def flatten(part: Part) -> Iterator[Env | StageOutput]:
    """Yield a reference and those in its default."""
    if not isinstance(part, str):
        yield part
        if isinstance(part, Env):
            for inner in part.default:
                yield from flatten(inner)


def _value(parts: tuple[Part, ...], lookup: Lookup, where: str) -> str | None:
    if len(parts) == 1:
        return parts[0] if isinstance(parts[0], str) else lookup(parts[0], where)
    return "".join(part if isinstance(part, str) else str(lookup(part, where)) for part in parts)


def default_of(reference: Env, lookup: Lookup, where: str) -> str | None:
    """Return the default of a variable that is not set; there must be one.

    Args:
        reference: The variable with its default.
        lookup: Gives the value of a reference inside of the default.
        where: The key path of the setting, for messages.
    """
    return None if reference.null else _value(reference.default or ("",), lookup, where)


def _parse(text: str, start: int, *, depth: int, inside: bool) -> tuple[tuple[Part, ...], int]:
    """Read parts up to the end, or up to the ``}`` that closes the reference we are inside of."""
    if depth > MAX_DEPTH:
        raise _bad(text)
    parts: list[Part] = []
    literal, position = "", start
    while position < len(text) and not (inside and text[position] == "}"):
        opening = _OPENING.match(text, position)
        if opening is None:
            escaped = (
                inside and text[position] == "\\" and text[position + 1 : position + 2] in _SPECIAL
            )
            position += 1 if escaped else 0
            literal += text[position : position + 1]
            position += 1
            continue
        slashes = len(opening[1])
        literal += "\\" * (slashes // 2)
        position = opening.end()
        if slashes % 2:
            literal += "${"
            continue
        if literal:
            parts.append(literal)
            literal = ""
        part, position = _reference(text, position, depth)
        parts.append(part)
    if literal or not parts:
        parts.append(literal)
    return tuple(parts), position


_SPECIAL = tuple("\\,:=}{[]() \t")


def _reference(text: str, start: int, depth: int) -> tuple[Env | StageOutput, int]:
    rest = text[start:].lstrip()
    start = len(text) - len(rest)
    if (stage := _STAGE.match(text, start)) is not None:
        return StageOutput(stage[1], stage[2]), _close(text, stage.end())
    env = _ENV.match(text, start)
    if env is None:
        raise _bad(text)
    if text[env.end() : env.end() + 1] != ",":
        return Env(env[1]), _close(text, env.end())
    position = env.end() + 1
    if (quoted := _QUOTED.match(text, position)) is not None and text[quoted.end() :][:1] == "}":
        inner = quoted["text"].replace(f"\\{quoted['q']}", quoted["q"])
        default, _ = _parse(inner, 0, depth=depth + 1, inside=False)
        return Env(env[1], default, has_default=True), quoted.end() + 1
    default, end = _parse(text, position, depth=depth + 1, inside=True)
    default = _strip(default)
    null = default in (("null",), ("",)) and text[position:end].strip() == "null"
    return Env(env[1], default, has_default=True, null=null), _close(text, end)


def _strip(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """Drop the white space around an unquoted default, as OmegaConf does."""
    stripped = list(parts)
    if isinstance(stripped[0], str):
        stripped[0] = stripped[0].lstrip()
    if isinstance(stripped[-1], str):
        stripped[-1] = stripped[-1].rstrip()
    return tuple(part for part in stripped if part != "") or ("",)


def _close(text: str, position: int) -> int:
    rest = text[position:].lstrip()
    if not rest.startswith("}"):
        raise _bad(text)
    return len(text) - len(rest) + 1


def _bad(text: str) -> BuildError:
    return BuildError(f'cannot read "{text:.80}"', hint="compile the recipe again")
