"""Find the role of each file of ``conf/``; ESPnet3 itself gets it from the command line."""

from collections.abc import Mapping as MappingABC
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from espnet3_compiler.convert.launched.system import LaunchedSystem
from espnet3_compiler.convert.load import listed_defaults
from espnet3_compiler.convert.notes import Notes, lost
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


class RoleFile(Struct, frozen=True):
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


def claimed_files(
    roles: MappingABC[str, str | None],
    files: Sequence[RoleFile],
    others: Sequence[Path],
    notes: Notes,
    launched: LaunchedSystem,
) -> dict[str, RoleFile]:
    """Return the config of each role that a System has of its own, by the role.

    Args:
        roles: The roles, and the role of ESPnet3 whose form the config has; None for neither.
        files: The configs with a role.
        others: Those without one.
        notes: Takes roles without a file.
        launched: The System.
    """
    paths = [*(file.path for file in files), *others]
    found: dict[str, RoleFile] = {}
    for role, kind in roles.items():
        same = [path for path in paths if path.stem == role]
        near = [path for path in paths if path.stem.startswith(f"{role}_")]
        if same or len(near) == 1:
            found[role] = RoleFile((same or near)[0], kind or role)
        elif kind:
            stage = next(one for one in launched.stages if one.work and one.work.role == role)
            why = f"its config has the role {role}, and there is no conf/{role}.yaml"
            notes.add_other(stage.span, f"stage {stage.name}", lost(why))
    return found


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
