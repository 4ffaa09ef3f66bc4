"""Read an ESPnet3 config: its ``defaults:`` list, and what ESPnet3 itself fills in below it.

Merging is OmegaConf's: mappings merge, everything else replaces.  So the arguments of a default
``_target_`` stay when the target changes, as they do in ESPnet3.
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
        template: Whose defaults are filled in: ``esp2_asr`` or ``f5tts``.
        notes: Takes what a ``defaults`` list names and is not there.
        found: What is wrong with the files as YAML.
    """

    directory: Path
    notes: Notes
    template: str = "esp2_asr"
    found: list[Diagnostic] = field(default_factory=list)

    def read(self, path: Path, role: str | None) -> Mapping | None:
        """Return a config with everything that ESPnet3 merges into it, before interpolation.

        Args:
            path: The file.
            role: Whose defaults go below it; None for those of no role.
        """
        own = self._read_with_defaults(path, ())
        if own is None or role is None:
            return own
        merged = merge_nodes(_espnet3_defaults(self.template, role), own)
        assert isinstance(merged, Mapping)
        return merged

    def _read_with_defaults(self, path: Path, above: tuple[Path, ...]) -> Mapping | None:
        name = path.relative_to(self.directory).as_posix()
        root, _, found = read_file(path, name)
        self.found += found
        if root is None:
            return None
        own = Mapping(
            tuple(entry for entry in _reread_mapping(root) if entry.name != "defaults"), root.span
        )
        listed = root.entry("defaults")
        if listed is None:
            return own
        result: Mapping | None = None
        self_merged = False
        for name in _defaults_entries(listed.value):
            if name == "_self_":
                self_merged = True
                part: Mapping | None = own
            else:
                part = self._read_base(path, name, listed, (*above, path))
            if part is not None:
                result = _merge_mappings(result, part)
        return result if self_merged and result is not None else _merge_mappings(result, own)

    def _read_base(
        self, path: Path, name: str, listed: Entry, above: tuple[Path, ...]
    ) -> Mapping | None:
        group, _, inner = name.rpartition("@")
        file = path.parent / f"{(group + '/' if group else '') + inner}.yaml"
        if not is_file(file) or file in above:
            why = (
                "the files name each other" if file in above else f'there is no file "{file.name}"'
            )
            self.notes.add(
                DROPPED, listed.key.span, "defaults", f'"{name.replace("@", "/")}": {why}'
            )
            return None
        part = self._read_with_defaults(file, above)
        if part is None or not group:
            return part
        key = Scalar(group, listed.key.span)
        return Mapping((Entry(key, part),), part.span)


def listed_defaults(path: Path) -> set[Path]:
    """Return the files that the ``defaults`` list of a file names."""
    root, _, _ = read_file(path, path.name)
    listed = root.get("defaults") if root else None
    names = [name for name in _defaults_entries(listed) if name != "_self_"] if listed else []
    return {Path(normpath(path.parent / f"{name.replace('@', '/')}.yaml")) for name in names}


def _defaults_entries(listed: Node) -> Iterator[str]:
    """Yield the entries of a ``defaults`` list; ``group: name`` as ``group@name``."""
    for item in listed.items if isinstance(listed, Sequence) else ():
        if isinstance(item, Scalar) and isinstance(item.value, str):
            yield item.value.removesuffix(".yaml")
        elif isinstance(item, Mapping):
            for entry in item:
                if isinstance(entry.value, Scalar) and entry.value.value is not None:
                    yield f"{entry.name}@{entry.value.value}".removesuffix(".yaml")


def merge_nodes(base: Node | None, over: Node) -> Node:
    """Return ``over`` on ``base`` as OmegaConf merges."""
    if not (isinstance(base, Mapping) and isinstance(over, Mapping)):
        return over
    return _merge_mappings(base, over)


def _merge_mappings(base: Mapping | None, over: Mapping) -> Mapping:
    if base is None:
        return over
    entries = {entry.name: entry for entry in base}
    for entry in over:
        below = entries.get(entry.name)
        entries[entry.name] = Entry(
            entry.key, merge_nodes(below.value if below else None, entry.value)
        )
    return Mapping(tuple(entries.values()), over.span, over.via)


def _espnet3_defaults(template: str, role: str) -> Mapping | None:
    file = _DEFAULTS_FOLDER / template / f"{role}.yaml"
    if not file.is_file():
        return None
    text = file.read_text(encoding="utf-8")
    root, found = read_text(Source(f"the {role} defaults of ESPnet3", text, "schema"))
    assert isinstance(root, Mapping)
    assert not found
    return root


def _reread_mapping(node: Mapping) -> Mapping:
    """Return a tree whose plain scalars mean what they mean to ESPnet3: ``yes`` is true."""
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
