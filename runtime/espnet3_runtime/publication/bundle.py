"""The layout of a bundle, and reading one safely.

A bundle is a directory::

    bundle.json         the files with their SHA-256, and where the bundle comes from
    inference.yaml      the inference config; paths inside the bundle read bundle://files/…
    model.yaml          the model's node, when the config has no model of its own
    model.safetensors   the weights
    code/               modules of the recipe, run only when trusted
    files/              files that the configs name
    training.yaml, metrics.json, README.md
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from espnet3_runtime.config import iter_leaves
from espnet3_runtime.errors import UserError
from espnet3_runtime.publication.untrusted_config import read_mapping
from espnet3_schemas.bundles import BUNDLE_RECORD
from espnet3_schemas.late_values import LateValues, from_json
from espnet3_schemas.secret_names import is_secret

META = BUNDLE_RECORD
INFERENCE = "inference.yaml"
MODEL = "model.yaml"
TRAINING = "training.yaml"
WEIGHTS = "model.safetensors"
CODE = "code"
FILES = "files"
README = "README.md"
METRICS = "metrics.json"
SCHEME = "bundle://"
FORMAT = "espnet3-bundle"
SCHEMA_VERSION = 1
_OF_THE_HUB = (".cache", ".git", ".gitattributes")  # beside the files of a download
_MOST_BYTES = 10_000_000


@dataclass(frozen=True)
class Bundle:
    """A bundle whose ``bundle.json`` was read.

    Attributes:
        directory: Absolute.
        meta: The content of ``bundle.json``.
    """

    directory: Path
    meta: Mapping[str, Any]

    @property
    def code(self) -> tuple[str, ...]:
        """Return the names of the recipe's code inside the bundle."""
        return tuple(name for name in self.meta["files"] if name.startswith(f"{CODE}/"))

    @property
    def late(self) -> LateValues:
        """Return the parsed late values of its configs, which are filled in at loading.

        Raises:
            UserError: ``bundle.json`` has another form.
        """
        try:
            return from_json(self.meta.get("late_values", {}))
        except ValueError as error:
            raise UserError(f'"{self.directory / META}": {error}') from None

    @cached_property
    def _held(self) -> frozenset[PurePosixPath]:
        """The listed files, and the directories that they lie in."""
        files = [PurePosixPath(name) for name in self.meta["files"]]
        return frozenset(path for file in files for path in (file, *file.parents[:-1]))

    def path(self, name: str) -> Path:
        """Return the path of a file of the bundle; refuse a name that leads out of it."""
        return path_inside(self.directory, name)

    def config(self, name: str) -> dict[str, Any] | None:
        """Return a YAML file of the bundle with ``bundle://`` paths made absolute, or None."""
        path = self.path(name)
        if not path.is_file():
            return None
        located: dict[str, Any] = self._locate(read_mapping(path))
        return located

    def _locate(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._locate(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._locate(item) for item in value]
        if isinstance(value, str) and value.startswith(SCHEME):
            path = self.path(value.removeprefix(SCHEME))
            if PurePosixPath(value.removeprefix(SCHEME)) not in self._held:
                raise UserError(f'the bundle names "{value}", which it does not hold')
            return str(path)
        return value


def path_inside(directory: Path, name: str) -> Path:
    """Return ``directory/name``.

    Raises:
        UserError: The name is absolute, goes up, or passes a link that leaves the directory (and
            the cache of the hub, where it lies in one).
    """
    relative = PurePosixPath(name)
    unsafe = relative.is_absolute() or ".." in relative.parts or not set("\\:\0").isdisjoint(name)
    path = directory / relative
    inside = directory.resolve()
    target = inside if unsafe else Path(os.path.realpath(path))  # which raises at no loop of links
    # The hub's cache holds links: snapshots/REVISION/NAME leads to blobs/HASH beside snapshots.
    is_blob = inside.parent.name == "snapshots" and target.parent == inside.parents[1] / "blobs"
    if unsafe or not (is_blob or target.is_relative_to(inside)):
        raise UserError(f'"{name}" leads out of the bundle "{directory}"')
    return path


def open_bundle(directory: Path, *, verify: bool = True) -> Bundle:
    """Read ``bundle.json``; check that its files, no others, are there and (``verify``) unchanged.

    Raises:
        UserError: It is no bundle, of another version, incomplete or altered.
    """
    directory = directory.absolute()
    meta = _read_meta(directory)
    bundle = Bundle(directory, meta)
    for name, sha256 in meta["files"].items():
        path = bundle.path(str(name))
        if not os.path.isfile(path):  # noqa: PTH113 - false for names too long for a disk
            raise UserError(f'the bundle "{directory}" lacks "{name}"')
        if verify and sha256_of(path) != sha256:
            raise UserError(f'"{name}" of the bundle "{directory}" was altered or is damaged')
    _refuse_others(bundle)
    return bundle


def _read_meta(directory: Path) -> dict[str, Any]:
    try:
        if not (directory / META).is_file():
            absent = FileNotFoundError(str(directory / META))
            raise UserError(f'"{directory}" is no bundle: it has no {META}') from absent
        if (directory / META).stat().st_size > _MOST_BYTES:
            raise UserError(f'"{directory / META}" has more than {_MOST_BYTES} bytes')
        meta = json.loads((directory / META).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f'"{directory / META}" cannot be read: {error}') from error
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        raise UserError(f'"{directory / META}" does not describe a bundle')
    if meta.get("schema_version") != SCHEMA_VERSION or not isinstance(meta.get("files"), dict):
        raise UserError(
            f'the bundle "{directory}" has version {meta.get("schema_version")}; '
            f"this program reads version {SCHEMA_VERSION}"
        )
    return meta


def _names_below(directory: Path) -> list[Path]:
    """Return files and links; ``Path.rglob`` of Python 3.11.2 fails at links to long names."""
    found = []
    for folder, folders, files in os.walk(directory):
        links = [name for name in folders if Path(folder, name).is_symlink()]
        found += [Path(folder, name).relative_to(directory) for name in (*files, *links)]
    return sorted(found)


def _refuse_others(bundle: Bundle) -> None:
    """Raise where there is more than ``bundle.json`` lists; directories alone are nothing."""
    listed = {PurePosixPath(META), *map(PurePosixPath, bundle.meta["files"])}
    for name in _names_below(bundle.directory):
        if not (PurePosixPath(name) in listed or name.parts[0] in _OF_THE_HUB):
            raise UserError(
                f'the bundle "{bundle.directory}" holds "{name.as_posix()}", which its {META} '
                "does not list",
                hint="remove it, or download the bundle again",
            )


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_files(directory: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below a directory but ``bundle.json``, by its name."""
    paths = sorted(path for path in directory.rglob("*") if os.path.isfile(path))  # noqa: PTH113 - as above
    hashes = {path.relative_to(directory).as_posix(): sha256_of(path) for path in paths}
    hashes.pop(META, None)
    return hashes


class _PlainDumper(yaml.SafeDumper):
    """Writes equal values twice, since :func:`read_mapping` reads no aliases."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def dump_yaml(value: Mapping[str, Any]) -> str:
    """Return plain data that is published as YAML, in its own order.

    Raises:
        UserError: It holds a secret.
    """
    for path, leaf in iter_leaves(value):
        if is_secret(path, leaf):
            raise UserError(
                f'"{path}" holds a secret, which would be published',
                hint="write ${oc.env:NAME}, and set that variable where it is used",
            )
    text: str = yaml.dump(
        dict(value), Dumper=_PlainDumper, sort_keys=False, allow_unicode=True, width=100
    )
    return text
