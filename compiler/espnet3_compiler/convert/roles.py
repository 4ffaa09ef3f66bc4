"""Which file of ``conf/`` plays which role; ESPnet3 itself knows it from the command line."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from espnet3_compiler.convert.load import listed_defaults
from espnet3_compiler.syntax.read import read_file
from espnet3_compiler.syntax.tree import Mapping, Scalar
from espnet3_schemas import TARGET

ROLE_STEMS = {
    "training": ("train",),
    "inference": ("infer", "decode"),
    "metrics": ("metric", "measure", "score"),
    "publication": ("publi", "publish"),
    "demo": ("demo",),
}
ROLE_KEYS = {
    "training": ("trainer", "optimizer", "optimizers", "dataloader", "tokenizer"),
    "metrics": ("metrics",),
    "publication": ("pack_model", "upload_model"),
    "demo": ("ui", "pack", "upload_demo"),
    "inference": ("contract", "runner", "provider", "input_key", "output_fn"),
}


@dataclass(frozen=True, slots=True)
class RoleFile:
    """A config file of the recipe."""

    path: Path
    role: str

    @property
    def stem(self) -> str:
        """The name of the file without its ending."""
        return self.path.stem


def find_config_files(directory: Path) -> tuple[list[RoleFile], list[Path]]:
    """Return the config files of a recipe by role, and the YAML files that play none.

    Files whose name is just the role's come first, then by path.
    """
    paths = sorted((directory / "conf").rglob("*.yaml"))
    bases = {base for path in paths for base in listed_defaults(path)}
    named = [
        (path, _role_by_name(path) or _role_by_content(path)) for path in paths if path not in bases
    ]
    named += [(p, _role_by_name(p)) for p in paths if p in bases and _is_standalone(p)]
    found = [RoleFile(path, role) for path, role in named if role]
    found.sort(key=lambda each: (each.stem != each.role, len(each.path.parts), each.path))
    return found, [path for path, role in named if role is None]


def files_of_role(files: Iterable[RoleFile], role: str) -> list[RoleFile]:
    """Return the files of a role."""
    return [file for file in files if file.role == role]


def _is_standalone(path: Path) -> bool:
    """Return whether a file that others build on is also a config by itself."""
    if _role_by_name(path) != "training":
        return _role_by_name(path) is not None
    root, _, _ = read_file(path, path.name)
    return root is not None and root.get("model") is not None


def _role_by_name(path: Path) -> str | None:
    stem = path.stem.lower()
    return next((role for role, stems in ROLE_STEMS.items() if stem.startswith(stems)), None)


def _role_by_content(path: Path) -> str | None:
    root, _, _ = read_file(path, path.name)
    if root is None:
        return None
    names = {entry.name for entry in root}
    if "defaults" not in names and len(names) == 1:
        return None  # a part for a defaults list
    role = next((role for role, keys in ROLE_KEYS.items() if names & set(keys)), None)
    return role or ("inference" if _has_target(root.get("model")) else None)


def _has_target(node: object) -> bool:
    return isinstance(node, Mapping) and isinstance(node.get(TARGET), Scalar)
