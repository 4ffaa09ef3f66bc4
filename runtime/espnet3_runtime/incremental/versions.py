"""Versions of packages that a stage uses: the part of its fingerprint outside of the recipe."""

import hashlib
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING

from espnet3_runtime.incremental.held_code import OURS, is_importable, outside_root
from espnet3_schemas.build_records import Stage

if TYPE_CHECKING:
    from importlib import metadata

UNKNOWN = "unknown"
_LIBRARIES = {
    "train": ("lightning",),
    "train_tokenizer": ("sentencepiece",),
    "pack_model": ("safetensors",),
}
"""What our own stage kinds import besides torch and numpy."""

_DISTRIBUTION = "espnet3-compile"
_NAMED_OTHERWISE = {
    "yaml": "PyYAML",
    "PIL": "pillow",
    "sklearn": "scikit-learn",
    "cv2": "opencv-python",
    "skimage": "scikit-image",
    "google": "protobuf",
    "dateutil": "python-dateutil",
}


def relevant_versions(stage: Stage, packages: Iterable[str]) -> dict[str, str]:
    """Return the versions that count for a stage: of Python, this runtime and its packages.

    Only major and minor numbers of Python and of the runtime count; local parts such as ``+cpu``
    do not. ``packages`` are the top-level names that the recipe's code and targets import.
    """
    names = set(packages) - sys.stdlib_module_names - OURS
    if stage.run is not None:
        names |= set(_LIBRARIES.get(stage.run, ()))
        names |= set(("torch", "numpy") if stage.facts["needs_torch"] else ())
    found = {name: _content_version(name) for name in sorted(names)}
    return {
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        _DISTRIBUTION: ".".join((package_version(_DISTRIBUTION) or "0.0").split(".")[:2]),
        **{name: number for name, number in found.items() if number is not None},
    }


@cache
def package_version(package: str) -> str | None:
    """Return the public version of an importable package; None when none is known."""
    found = _find_distribution(package)
    return None if found is None else _public_version(found)


@cache
def _content_version(package: str) -> str | None:
    """Return the version; with the hash of its files for one that was installed from a directory.

    It is :data:`UNKNOWN` for a package without a fixed version whose code could not be followed.
    """
    found = _find_distribution(package)
    if found is None or outside_root(package) is not None:
        return UNKNOWN if is_importable(package) else None
    version = _public_version(found)
    if "dir_info" not in (found.read_text("direct_url.json") or ""):
        return version
    files = (found.read_text("RECORD") or "").encode("utf-8", "surrogatepass")
    return f"{version} ({hashlib.sha256(files).hexdigest()[:8]})"


def _find_distribution(package: str) -> "metadata.Distribution | None":
    from importlib import metadata

    def names() -> Iterator[str]:
        yield from (_NAMED_OTHERWISE.get(package, package), package)
        try:
            yield from metadata.packages_distributions().get(package, ())
        except FileNotFoundError:  # Python 3.11.2 and another broken installation
            return

    for name in names():
        try:
            return metadata.distribution(name)
        except (metadata.PackageNotFoundError, ValueError):
            continue
    return None


def _public_version(found: "metadata.Distribution") -> str:
    """Return the version without its local part; an incomplete ``.dist-info`` may have none."""
    try:
        return (found.version or UNKNOWN).partition("+")[0]
    # Of the package importlib_metadata, which takes Python's place:
    except (FileNotFoundError, KeyError):
        return UNKNOWN
