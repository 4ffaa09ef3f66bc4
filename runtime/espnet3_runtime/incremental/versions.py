"""Versions of packages that a stage uses: the part of its fingerprint outside of the recipe."""

import sys
from collections.abc import Iterable
from functools import cache

from espnet3_runtime.incremental.held_code import OURS
from espnet3_schemas.build_records import Stage

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
    found = {name: package_version(name) for name in sorted(names)}
    return {
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        _DISTRIBUTION: ".".join((package_version(_DISTRIBUTION) or "0.0").split(".")[:2]),
        **{name: number for name, number in found.items() if number is not None},
    }


@cache
def package_version(package: str) -> str | None:
    """Return the public version of an importable package; None when none is known."""
    from importlib import metadata

    for name in (_NAMED_OTHERWISE.get(package, package), package):
        try:
            return metadata.version(name).partition("+")[0]
        except (metadata.PackageNotFoundError, ValueError):
            continue
    names = metadata.packages_distributions().get(package, ())
    return next((metadata.version(name).partition("+")[0] for name in names), None)
