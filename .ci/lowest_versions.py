"""Print constraints for pip: of each package that pyproject.toml names, the lowest version allowed.

torch, which CI installs from a file, and all others are as in constraints.txt, but for those that
``lowest_others.txt`` names because the lowest versions refuse them.
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
UNTRIED = ("dev", "docs", "espnet2", "metrics")
"""What developers and the site need; what ESPnet, installed by hand, needs; what tests try."""
LOWER_BOUND = re.compile(r"(?P<name>[\w.-]+)(\[\w+\])?>=(?P<version>[\d.]+)")


def main() -> None:
    """Print the constraints."""
    versions = dict(pinned_versions(ROOT / "constraints.txt"))
    versions |= pinned_versions(ROOT / ".ci" / "lowest_others.txt")
    bounds = dict(lower_bounds())
    del bounds["torch"]
    for name, version in (versions | bounds).items():
        print(f"{name}=={version}")


def lower_bounds() -> Iterator[tuple[str, str]]:
    """Yield the names and lower bounds of what the package and its extras need."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    needed = [extras[extra] for extra in extras if extra not in UNTRIED]
    for requirement in sum(needed, project["dependencies"]):
        bound = LOWER_BOUND.fullmatch(requirement)
        if bound is None:
            raise SystemExit(f'"{requirement}" in pyproject.toml is no NAME>=VERSION')
        yield _normalized(bound["name"]), bound["version"]


def pinned_versions(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the names and versions of a file of constraints."""
    for line in path.read_text("utf-8").splitlines():
        name, pin, version = line.partition("==")
        if pin:
            yield _normalized(name), version


def _normalized(name: str) -> str:
    """Return the one spelling of a name that PyPI knows."""
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    main()
