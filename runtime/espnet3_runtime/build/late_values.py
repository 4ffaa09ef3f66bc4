"""Late values, filled in when a stage runs: environment variables and outputs of stages.

Configs hold ``${oc.env:VAR,default}`` and ``${stages.NAME.OUTPUT}`` as text; the lock holds
them parsed by the compiler.
"""

import hashlib
import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from espnet3_runtime.build.records import RECOMPILE_HINT
from espnet3_runtime.config import ConfigView, join_key
from espnet3_runtime.errors import BuildError, UserError
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
        raise BuildError(f"{where}: {error}", hint=RECOMPILE_HINT) from None


def parts_of(text: str, late: LateValues) -> tuple[Part, ...]:
    """Return the literal pieces and late references of a text.

    Raises:
        BuildError: The compiler did not parse it.
    """
    if "${" not in text:
        return (text,)
    if text not in late:
        hint = f"{RECOMPILE_HINT}; if this is a bundle, pack the model again"
        raise BuildError(f'cannot read "{text:.80}"', hint=hint)
    return late[text]


def resolve_references(value: Any, late: LateValues, lookup: Lookup, where: str = "") -> Any:
    """Return plain data with every late reference replaced by its value.

    Args:
        value: Plain data with texts as configs hold them.
        late: What the texts mean.
        lookup: Gives the values.
        where: The key path of the data, for messages.
    """
    if isinstance(value, Mapping):
        return {
            key: resolve_references(item, late, lookup, join_key(where, key))
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [
            resolve_references(item, late, lookup, join_key(where, index))
            for index, item in enumerate(value)
        ]
    return _resolve_parts(parts_of(value, late), lookup, where) if isinstance(value, str) else value


def find_references(view: ConfigView, late: LateValues) -> Iterator[tuple[str, Env | StageOutput]]:
    """Yield every late reference in a config with the key path of its leaf."""
    for path, leaf in view.flat_leaves:
        if isinstance(leaf, str):
            yield from ((join_key(view.where, path), found) for found in references_of(leaf, late))


def references_of(text: str, late: LateValues) -> Iterator[Env | StageOutput]:
    """Yield every late reference in a text, those in defaults too."""
    return _flatten(parts_of(text, late))


def _flatten(parts: tuple[Part, ...]) -> Iterator[Env | StageOutput]:
    for part in parts:
        if not isinstance(part, str):
            yield part
        if isinstance(part, Env):
            yield from _flatten(part.default)


def _resolve_parts(parts: tuple[Part, ...], lookup: Lookup, where: str) -> str | None:
    if len(parts) == 1:
        return parts[0] if isinstance(parts[0], str) else lookup(parts[0], where)
    return "".join(part if isinstance(part, str) else str(lookup(part, where)) for part in parts)


_ROUNDS = 20_000


def lookup(outputs: Callable[[StageOutput, str], str], environ: Mapping[str, str]) -> Lookup:
    """Return a lookup of variables in ``environ`` and of outputs by ``outputs``.

    Raises:
        UserError: (when called) A variable without default is not set.
    """

    def value(reference: Env | StageOutput, where: str) -> str | None:
        if isinstance(reference, StageOutput):
            return outputs(reference, where)
        if reference.name in environ:
            return environ[reference.name]
        if not reference.has_default:
            raise unset(reference.name, where)
        return None if reference.null else _resolve_parts(reference.default, value, where)

    return value


def bind_variables(text: str, late: LateValues, where: str) -> str:
    """Return a text with the values that the variables in it have in this process.

    Args:
        text: The text, for example a path of the build.
        late: The parts of the texts of the build.
        where: What has the text, for messages.

    Raises:
        UserError: One is not set and has no default.
    """

    def refuse(reference: StageOutput, where: str) -> str:
        raise BuildError(f"{where} names an output of {reference.stage}", hint=RECOMPILE_HINT)

    return str(resolve_references(text, late, lookup(refuse, os.environ), where))


def unset(name: str, where: str) -> UserError:
    """Return the error about an environment variable that is not set."""
    return UserError(
        f'the environment variable "{name}" is not set',
        where=where,
        hint=f"export {name}=…, or give a default: ${{oc.env:{name},default}}",
    )


@dataclass(frozen=True, slots=True)
class LateHashes:
    """Hashes that replace late values in a fingerprint.

    An output of a stage is represented by the hash of its content, so that a renamed stage changes
    nothing; an environment variable by a salted, slow hash, so that no secret is kept.

    Attributes:
        outputs: Content hashes by ``stage.output``; missing or None: not known yet.
        environ: The environment.
        salt: Random bytes of the experiment.
        late: What the texts of the build mean.
    """

    outputs: Mapping[str, str | None]
    environ: Mapping[str, str]
    salt: bytes
    late: LateValues

    def leaves(self, view: ConfigView) -> dict[str, Any]:
        """Return every leaf by key path, as JSON.

        Raises:
            UserError: A variable without default is not set.
        """
        return {path: self.leaf(leaf, path, view.where) for path, leaf in view.flat_leaves}

    def leaf(self, leaf: Any, path: str = "", where: str = "") -> Any:
        """Return one value as JSON.

        Args:
            leaf: A scalar of a config.
            path: Its key path inside of the config.
            where: The key path of the config, for messages.

        Raises:
            UserError: A variable without default is not set.
        """
        if isinstance(leaf, float) and not math.isfinite(leaf):
            return {"float": str(leaf)}
        if not isinstance(leaf, str) or next(references_of(leaf, self.late), None) is None:
            return leaf
        used = [self._part(part, join_key(where, path)) for part in parts_of(leaf, self.late)]
        if None in used:
            return {"late": leaf, "digest": None}
        return {"late": leaf, "digest": hashlib.sha256(repr(used).encode()).hexdigest()}

    def slow_hash(self, value: str) -> str:
        """Return a hash of a secret from which nobody finds it by trying."""
        return _stretch(value, self.salt)

    def _part(self, part: Part, where: str) -> str | None:
        """Return the hash of a part; None when it is not known yet."""
        if isinstance(part, str):
            return f"text {part}"
        if isinstance(part, StageOutput):
            digest = self.outputs.get(f"{part.stage}.{part.output}")
            return None if digest is None else f"content {digest}"
        if part.name in self.environ:
            return f"variable {self.slow_hash(self.environ[part.name])}"
        if not part.has_default:
            raise unset(part.name, where)
        inner = ["null"] if part.null else [self._part(item, where) for item in part.default]
        return None if None in inner else f"default {inner}"


@lru_cache(maxsize=1024)
def _stretch(value: str, salt: bytes) -> str:
    data = value.encode("utf-8", "surrogateescape")
    return hashlib.pbkdf2_hmac("sha256", data, salt, _ROUNDS).hex()
