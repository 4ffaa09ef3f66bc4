"""Versions of what a stage runs on: the part of a fingerprint that lies outside of the recipe."""

import os
import sys
from collections.abc import Iterable
from functools import cache

from espnet3_schemas.build_records import Stage

TORCH = ("torch", "numpy")
LIBRARIES = {
    "train": ("lightning",),
    "train_tokenizer": ("sentencepiece",),
    "pack_model": ("safetensors",),
}
"""What our own stage kinds import besides torch and numpy."""

_OURS = frozenset({"espnet3_runtime", "espnet3_schemas", "espnet3_compiler"})
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
    """Return the versions that count for a stage: of Python, this runtime and the packages used.

    Only major and minor numbers of Python and of the runtime count; local parts such as ``+cpu``
    do not.

    Args:
        stage: The stage.
        packages: Top-level names of the packages that the recipe's code and targets use.
    """
    names = set(packages) - sys.stdlib_module_names - _OURS
    if stage.run is not None:
        names |= set(LIBRARIES.get(stage.run, ()))
        names |= set(TORCH if stage.facts["needs_torch"] else ())
    found = {name: package_version(name) for name in sorted(names)}
    return {
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        _DISTRIBUTION: ".".join((package_version(_DISTRIBUTION) or "0.0").split(".")[:2]),
        **{name: number for name, number in found.items() if number is not None},
    }


@cache
def package_version(package: str) -> str | None:
    """Return the public version of an importable package; None when none is known."""
    for name in (_NAMED_OTHERWISE.get(package, package), package):
        found = _installed_versions().get(_normalize_name(name))
        if found is not None:
            return found.partition("+")[0]
    return _search_metadata(package)


@cache
def _installed_versions() -> dict[str, str]:
    """Return versions by name as the names of ``.dist-info`` directories tell them.

    ``importlib.metadata`` finds more but takes longer to import than all else that a dry run does.
    """
    found: dict[str, str] = {}
    for place in sys.path:
        try:
            names = [entry.name for entry in os.scandir(place or ".")]
        except OSError:
            continue
        for name in names:
            if name.endswith(".dist-info"):
                package, dash, number = name.removesuffix(".dist-info").partition("-")
                if dash:
                    found.setdefault(_normalize_name(package), number)
    return found


def _search_metadata(package: str) -> str | None:
    """Ask for a package whose distribution has another name, or is installed in another way."""
    from importlib import metadata

    for name in (package, *metadata.packages_distributions().get(package, ())):
        try:
            return metadata.version(name).partition("+")[0]
        except (metadata.PackageNotFoundError, ValueError):
            continue
    return None


def _normalize_name(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")
