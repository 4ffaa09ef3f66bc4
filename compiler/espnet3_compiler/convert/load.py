"""Read an ESPnet3 config with the files of its ``defaults:`` list and ESPnet3's own defaults.

Configs are merged as OmegaConf does: mappings merge, all other values replace. So the arguments of
a default ``_target_`` stay when the target changes, as they do in ESPnet3.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from os.path import normpath
from pathlib import Path

import yaml

from espnet3_compiler.convert.notes import DROPPED, Notes
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.source import Source
from espnet3_compiler.filesystem import is_file
from espnet3_compiler.syntax.read import read_file, read_text
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Scalar, Sequence, map_children

_DEFAULTS_FOLDER = Path(__file__).parent / "espnet3_defaults"


@dataclass
class RecipeReader:
    """Reads the files of one recipe.

    Attributes:
        directory: The recipe directory.
        notes: Takes files that a ``defaults`` list names and that do not exist.
        template: The set of ESPnet3's defaults: ``esp2_asr`` or ``f5tts``.
        found: The mistakes in the YAML of the files.
    """

    directory: Path
    notes: Notes
    template: str = "esp2_asr"
    found: list[Diagnostic] = field(default_factory=list)

    def read(self, path: Path, role: str) -> Mapping | None:
        """Return a config of a role with everything merged into it, before interpolation."""
        own = self._read_with_defaults(path, ())
        return own and _merge_mappings(_espnet3_defaults(self.template, role), own)

    def _read_with_defaults(self, path: Path, above: tuple[Path, ...]) -> Mapping | None:
        root, _, found = read_file(
            path, path.relative_to(self.directory).as_posix(), self.directory
        )
        self.found += found
        if root is None:
            return None
        entries = tuple(item for item in _reread_mapping(root) if item.name != "defaults")
        own = Mapping(entries, root.span)
        listed = root.entry("defaults")
        if listed is None:
            return own
        names = list(_defaults_entries(listed.value))
        result: Mapping | None = None
        for name in names if "_self_" in names else [*names, "_self_"]:
            base = name != "_self_"
            part = self._read_base(path, name, listed, (*above, path)) if base else own
            result = _merge_mappings(result, part) if part else result
        return result

    def _read_base(
        self, path: Path, name: str, listed: Entry, above: tuple[Path, ...]
    ) -> Mapping | None:
        group, _, inner = name.rpartition("@")
        file = path.parent / f"{(group + '/' if group else '') + inner}.yaml"
        circular = file in above
        if circular or not is_file(file):
            why = "the files name each other" if circular else f'there is no file "{file.name}"'
            reason = f'"{name.replace("@", "/")}": {why}'
            self.notes.add(DROPPED, listed.key.span, "defaults", reason)
            return None
        part = self._read_with_defaults(file, above)
        if part is None or not group:
            return part
        return Mapping((Entry(Scalar(group, listed.key.span), part),), part.span)


def listed_defaults(path: Path, directory: Path) -> set[Path]:
    """Return the files that the ``defaults`` list of a file names."""
    root, _, _ = read_file(path, path.name, directory)
    names = set(_defaults_entries(root and root.get("defaults"))) - {"_self_"}
    return {Path(normpath(path.parent / f"{name.replace('@', '/')}.yaml")) for name in names}


def _defaults_entries(listed: Node | None) -> Iterator[str]:
    """Yield the entries of a ``defaults`` list; ``group: name`` as ``group@name``."""
    for item in listed.items if isinstance(listed, Sequence) else ():
        if isinstance(item, Scalar) and isinstance(item.value, str):
            yield item.value.removesuffix(".yaml")
        elif isinstance(item, Mapping):
            for entry in item:
                if isinstance(entry.value, Scalar) and entry.value.value is not None:
                    yield f"{entry.name}@{entry.value.value}".removesuffix(".yaml")


def _merge_mappings(base: Mapping | None, over: Mapping) -> Mapping:
    entries = {entry.name: entry for entry in base or ()}
    for entry in over:
        below, value = entries.get(entry.name), entry.value
        if below and isinstance(below.value, Mapping) and isinstance(value, Mapping):
            value = _merge_mappings(below.value, value)
        entries[entry.name] = Entry(entry.key, value)
    return Mapping(tuple(entries.values()), over.span, over.via)


def _espnet3_defaults(template: str, role: str) -> Mapping | None:
    file = _DEFAULTS_FOLDER / template / f"{role}.yaml"
    if not file.is_file():
        return None
    text = file.read_text(encoding="utf-8")
    root, _ = read_text(Source(f"the {role} defaults of ESPnet3", text, "schema"))
    assert isinstance(root, Mapping)
    return root


def _reread_mapping(node: Mapping) -> Mapping:
    """Return a tree whose plain scalars have the values they have for ESPnet3: ``yes`` is true."""
    return map_children(node, lambda value, _: _reread_node(value))


def _reread_node(node: Node) -> Node:
    if not isinstance(node, Scalar):
        return map_children(node, lambda child, _: _reread_node(child))
    if node.style != "plain" or isinstance(node.value, bool | float) or node.value is None:
        return node
    try:
        value = yaml.safe_load(node.span.text)
    except (yaml.YAMLError, ValueError):
        return node
    return replace(node, value=value) if isinstance(value, bool | int) else node
