"""Find the TEMPLATE whose defaults lie below the configs of an ESPnet3 recipe."""

import sys
from pathlib import Path

from msgspec import Struct

from espnet3_compiler.filesystem import is_directory

RELEASED = ("esp2_asr", "f5tts")
"""The templates of ESPnet3 202611, of which this package has the values."""
RENAMED = {"asr": "esp2_asr"}
"""Templates of earlier releases, by the name that they have in 202611."""


class ConfigTemplate(Struct, frozen=True):
    """A package with default configs.

    Attributes:
        package: For example ``egs3.TEMPLATE.esp2_asr``.
        root: The directory from which the package is imported; None where it was not found.
        values: The released template whose values are taken instead of a package; None for none.
    """

    package: str
    root: Path | None
    values: str | None

    @property
    def is_known(self) -> bool:
        """Whether there are any defaults."""
        return self.root is not None or self.values is not None

    @property
    def is_released(self) -> bool:
        """Whether it is one of the templates that ESPnet3 ships."""
        return self.package.rpartition(".")[2] in RELEASED

    def config_file(self, role: str) -> Path | None:
        """Return the file with the defaults of a role, if the package was found."""
        folders = self.package.split(".")
        return self.root.joinpath(*folders, "conf", f"{role}.yaml") if self.root else None


def find_template(package: str, directory: Path) -> ConfigTemplate:
    """Look for a template on Python's path and in the folders above a recipe.

    Args:
        package: Its dotted name.
        directory: The recipe.
    """
    name = package.rpartition(".")[2]
    values = RENAMED.get(name, name)
    roots = [directory, *directory.parents, *(Path(entry or ".") for entry in sys.path)]
    found = next((root for root in roots if is_directory(_conf_folder(root, package))), None)
    return ConfigTemplate(package, found, values if values in RELEASED else None)


def _conf_folder(root: Path, package: str) -> Path:
    return root.joinpath(*package.split("."), "conf")
