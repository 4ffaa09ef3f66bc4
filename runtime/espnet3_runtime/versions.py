"""Versions of what a stage runs on: the part of a fingerprint that lies outside of the recipe."""

import sys
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from itertools import chain

from espnet3_runtime.build import Stage

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


def of(stage: Stage, packages: Iterable[str]) -> dict[str, str]:
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
    found = {name: version(name) for name in sorted(names)}
    return {
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        _DISTRIBUTION: ".".join((version(_DISTRIBUTION) or "0.0").split(".")[:2]),
        **{name: number for name, number in found.items() if number is not None},
    }


@cache
def version(package: str) -> str | None:
    """Return the public version of an importable package; None when none is known."""
    first = (_NAMED_OTHERWISE.get(package, package), package)
    for name in chain(first, _distributions(package)):
        try:
            return metadata.version(name).partition("+")[0]
        except (metadata.PackageNotFoundError, ValueError):
            continue
    return None


def _distributions(package: str) -> Iterable[str]:
    """Yield what else the distribution may be called; looks at all of them, so only when needed."""
    yield from metadata.packages_distributions().get(package, ())
