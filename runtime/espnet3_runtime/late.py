"""Late values twice: filled in for the stage, and as hashes for its fingerprint."""

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from espnet3_runtime.bind import Lookup, default_of, parts_of, references_of
from espnet3_runtime.config import ConfigView, join
from espnet3_runtime.errors import UserError
from espnet3_schemas.late_values import Env, LateValues, Part, StageOutput

_ROUNDS = 20_000


def lookup(outputs: Callable[[StageOutput, str], str], environ: Mapping[str, str]) -> Lookup:
    """Return what ``bind`` needs: variables from ``environ``, outputs from ``outputs``.

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
        return default_of(reference, value, where)

    return value


def unset(name: str, where: str) -> UserError:
    """Return the error about an environment variable that is not set."""
    return UserError(
        f'the environment variable "{name}" is not set',
        where=where,
        hint=f"export {name}=…, or give a default: ${{oc.env:{name},default}}",
    )


@dataclass(frozen=True, slots=True)
class LateHashes:
    """Stands in for late values in a fingerprint.

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
        return {path: self.leaf(leaf, path, view.where) for path, leaf in view.flat}

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
        if not isinstance(leaf, str) or "${" not in leaf:
            return leaf
        if not any(True for _ in references_of(leaf, self.late)):
            return leaf
        used = [self._part(part, join(where, path)) for part in parts_of(leaf, self.late)]
        if None in used:
            return {"late": leaf, "digest": None}
        return {"late": leaf, "digest": hashlib.sha256(repr(used).encode()).hexdigest()}

    def _part(self, part: Part, where: str) -> str | None:
        """Return what stands for a part; None when it is not known yet."""
        if isinstance(part, str):
            return f"text {part}"
        if isinstance(part, StageOutput):
            digest = self.outputs.get(f"{part.stage}.{part.output}")
            return None if digest is None else f"content {digest}"
        if part.name in self.environ:
            return f"variable {_stretch(self.environ[part.name], self.salt)}"
        if not part.has_default:
            raise unset(part.name, where)
        inner = ["null" if part.null else self._part(item, where) for item in part.default]
        return None if None in inner else f"default {inner}"


@lru_cache(maxsize=1024)
def _stretch(value: str, salt: bytes) -> str:
    """Hash slowly: who reads a receipt must not find a password by trying."""
    data = value.encode("utf-8", "surrogateescape")
    return hashlib.pbkdf2_hmac("sha256", data, salt, _ROUNDS).hex()
