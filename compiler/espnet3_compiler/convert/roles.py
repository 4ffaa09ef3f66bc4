"""Find the role of each file of ``conf/``; ESPnet3 itself gets it from the command line."""

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
    """Return the config files of a recipe with their roles, and the YAML files without a role.

    Files named like their role come first.
    """
    paths = sorted((directory / "conf").rglob("*.yaml"))
    bases = {base for path in paths for base in listed_defaults(path, directory)}
    own = [path for path in paths if path not in bases]
    named = [(path, _role_by_name(path) or _role_by_content(path, directory)) for path in own]
    named += [
        (path, _role_by_name(path))
        for path in paths
        if path in bases and _is_standalone(path, directory)
    ]
    found = [RoleFile(path, role) for path, role in named if role]
    found.sort(key=lambda each: (each.stem != each.role, len(each.path.parts), each.path))
    return found, [path for path, role in named if role is None]


def _is_standalone(path: Path, directory: Path) -> bool:
    """Return whether a file that other configs are based on is also a config by itself."""
    role = _role_by_name(path)
    if role != "training":
        return role is not None
    root, _, _ = read_file(path, path.name, directory)
    return root is not None and root.get("model") is not None


def _role_by_name(path: Path) -> str | None:
    stem = path.stem.lower()
    return next((role for role, stems in ROLE_STEMS.items() if stem.startswith(stems)), None)


def _role_by_content(path: Path, directory: Path) -> str | None:
    root, _, _ = read_file(path, path.name, directory)
    if root is None:
        return None
    names = {entry.name for entry in root}
    if "defaults" not in names and len(names) == 1:
        return None  # a part for a defaults list
    model = root.get("model")
    has_target = isinstance(model, Mapping) and isinstance(model.get(TARGET), Scalar)
    by_model = "inference" if has_target else None
    return next((role for role, keys in ROLE_KEYS.items() if names & set(keys)), by_model)
