"""Find the files that a config names, copy them into the bundle, and rewrite their paths."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from espnet3_runtime.build.late_values import references_of
from espnet3_runtime.config import join_key
from espnet3_runtime.errors import UserError
from espnet3_runtime.publication.bundle import FILES, SCHEME
from espnet3_schemas import TARGET
from espnet3_schemas.late_values import Env, LateValues, StageOutput

_ENDINGS = frozenset(
    (
        *("bin", "ckpt", "conf", "csv", "flac", "fst", "gz", "json", "jsonl", "list", "lm"),
        *("model", "npy", "npz", "onnx", "pt", "pth", "safetensors", "tar", "toml", "tsv"),
        *("txt", "vocab", "wav", "yaml", "yml", "zip"),
    )
)
_HIDDEN = shutil.ignore_patterns(".*")
"""Of a directory that a setting names: ``.git``, ``.env``, ``.cache`` and the like."""
_KEY_OF_FILE = ("path", "file", "dir", "stats")


@dataclass
class BundleFiles:
    """Copies named files into a bundle.

    Attributes:
        recipe_dir: The base of relative paths.
        bundle: The directory that is packed.
        late: The parsed late values.
        data_dir: The recipe's data, which a bare word never means.
        names: Names inside the bundle by absolute path of the original.
    """

    recipe_dir: Path
    bundle: Path
    late: LateValues
    data_dir: Path | None = None
    names: dict[Path, str] = field(default_factory=dict)

    def rewrite_paths(self, composed: Any, bound: Any, where: str) -> Any:
        """Return a config with every file it names copied and its path made ``bundle://…``.

        Environment variables stay references, so that their values here are not packed.

        Args:
            composed: The config before late values were filled in.
            bound: The same config with them.
            where: Key path, for messages.

        Raises:
            UserError: A file does not exist, or a directory holds the bundle itself.
        """
        if isinstance(composed, Mapping):
            return {
                key: value
                if key == TARGET
                else self.rewrite_paths(value, bound[key], join_key(where, key))
                for key, value in composed.items()
            }
        if isinstance(composed, list | tuple):
            pairs = enumerate(zip(composed, bound, strict=True))
            return [
                self.rewrite_paths(one, two, join_key(where, index)) for index, (one, two) in pairs
            ]
        if isinstance(composed, str) and isinstance(bound, str):
            return self._rewrite_text(composed, bound, where)
        return composed

    def add(self, path: Path, name: str = "", *, hidden: bool = True) -> str:
        """Copy a file or directory into the bundle; return its name there.

        Args:
            path: The file or directory.
            name: Its name in the bundle, if it is there; empty makes one of that of the path.
            hidden: Whether what a directory holds below names with a dot in front is copied.
        """
        path = path.absolute()
        if path not in self.names:
            self.names[path] = self._unused_name(name or f"{FILES}/{path.name}")
            target = self.bundle / self.names[path]
            target.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                shutil.copytree(path, target, ignore=None if hidden else _HIDDEN)
            else:
                shutil.copyfile(path, target)
        return self.names[path]

    def _rewrite_text(self, composed: str, bound: str, where: str) -> str:
        kinds = {type(reference) for reference in references_of(composed, self.late)}
        path = self.recipe_dir / bound
        if StageOutput in kinds:
            if not path.exists():
                raise missing_file(bound, where)
            return self._refer_to(path, where)
        if _is_path(bound) and (path.is_file() or (path.is_dir() and "/" in bound)):
            return self._refer_to(path, where)
        if bound.isidentifier() and _is_directory_key(where) and self._may_be_meant(path):
            return self._refer_to(path, where)
        if _must_exist(bound, where) and Env not in kinds:
            raise missing_file(bound, where)
        return composed

    def _refer_to(self, path: Path, where: str) -> str:
        if self.bundle.is_relative_to(path.absolute()):
            raise UserError(f'the directory "{path}" holds the bundle itself', where=where)
        return SCHEME + self.add(path, hidden=False)

    def _may_be_meant(self, path: Path) -> bool:
        """Return whether a bare word is a directory that a model can need to run."""
        return path.is_dir() and path != self.data_dir and not self.bundle.is_relative_to(path)

    def _unused_name(self, name: str) -> str:
        folder, _, last = name.rpartition("/")
        number = 2
        while (self.bundle / name).exists():
            name = f"{folder}/{number}-{last}"
            number += 1
        return name


def missing_file(path: str, where: str) -> UserError:
    """Return the error about a file that a bundle needs and that does not exist."""
    return UserError(
        f'the bundle would lack "{path}": there is no such file',
        where=where,
        hint="run the stage that makes it, or correct the path",
    )


def _is_path(text: str) -> bool:
    return text.isprintable() and "://" not in text and ("/" in text or "." in text)


def _is_directory_key(where: str) -> bool:
    """Say whether a key means a directory, whose name alone would be a word like any other."""
    return where.rpartition(".")[2].endswith(("path", "dir", "directory"))


def _must_exist(text: str, where: str) -> bool:
    """Say whether a text can only be meant as the path of a file."""
    known = text.rpartition(".")[2].lower() in _ENDINGS
    likely = "/" in text or where.rpartition(".")[2].endswith(_KEY_OF_FILE)
    return known and likely and _is_path(text) and " " not in text
