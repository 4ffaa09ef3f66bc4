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
from espnet3_compiler.diagnostic import Diagnostic
from espnet3_compiler.disk import is_file
from espnet3_compiler.read import read_file, read_text
from espnet3_compiler.source import Source
from espnet3_compiler.tree import Entry, Mapping, Node, Scalar, Sequence

_HERE = Path(__file__).parent / "espnet3_defaults"


@dataclass
class Reader:
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
        own = self._with_defaults(path, ())
        if own is None or role is None:
            return own
        merged = merge(_filled_in(self.template, role), own)
        assert isinstance(merged, Mapping)
        return merged

    def _with_defaults(self, path: Path, above: tuple[Path, ...]) -> Mapping | None:
        name = path.relative_to(self.directory).as_posix()
        root, _, found = read_file(path, name)
        self.found += found
        if root is None:
            return None
        own = Mapping(
            tuple(entry for entry in _by_yaml_1_1(root) if entry.name != "defaults"), root.span
        )
        listed = root.entry("defaults")
        if listed is None:
            return own
        result: Mapping | None = None
        self_merged = False
        for name in _names(listed.value):
            if name == "_self_":
                self_merged = True
                part: Mapping | None = own
            else:
                part = self._base(path, name, listed, (*above, path))
            if part is not None:
                result = _merged(result, part)
        return result if self_merged and result is not None else _merged(result, own)

    def _base(
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
        part = self._with_defaults(file, above)
        if part is None or not group:
            return part
        key = Scalar(group, listed.key.span)
        return Mapping((Entry(key, part),), part.span)


def based_on(path: Path) -> set[Path]:
    """Return the files that the ``defaults`` list of a file names."""
    root, _, _ = read_file(path, path.name)
    listed = root.get("defaults") if root else None
    names = [name for name in _names(listed) if name != "_self_"] if listed else []
    return {Path(normpath(path.parent / f"{name.replace('@', '/')}.yaml")) for name in names}


def _names(listed: Node) -> Iterator[str]:
    """Yield the entries of a ``defaults`` list; ``group: name`` as ``group@name``."""
    for item in listed.items if isinstance(listed, Sequence) else ():
        if isinstance(item, Scalar) and isinstance(item.value, str):
            yield item.value.removesuffix(".yaml")
        elif isinstance(item, Mapping):
            for entry in item:
                if isinstance(entry.value, Scalar) and entry.value.value is not None:
                    yield f"{entry.name}@{entry.value.value}".removesuffix(".yaml")


def merge(base: Node | None, over: Node) -> Node:
    """Return ``over`` on ``base`` as OmegaConf merges."""
    if not (isinstance(base, Mapping) and isinstance(over, Mapping)):
        return over
    return _merged(base, over)


def _merged(base: Mapping | None, over: Mapping) -> Mapping:
    if base is None:
        return over
    entries = {entry.name: entry for entry in base}
    for entry in over:
        below = entries.get(entry.name)
        entries[entry.name] = Entry(entry.key, merge(below.value if below else None, entry.value))
    return Mapping(tuple(entries.values()), over.span, over.via)


def _filled_in(template: str, role: str) -> Mapping | None:
    file = _HERE / template / f"{role}.yaml"
    if not file.is_file():
        return None
    text = file.read_text(encoding="utf-8")
    root, found = read_text(Source(f"the {role} defaults of ESPnet3", text, "schema"))
    assert isinstance(root, Mapping)
    assert not found
    return root


def _by_yaml_1_1(node: Mapping) -> Mapping:
    """Return a tree whose plain scalars mean what they mean to ESPnet3: ``yes`` is true."""
    entries = [Entry(entry.key, _again(entry.value)) for entry in node]
    return Mapping(tuple(entries), node.span, node.via)


def _again(node: Node) -> Node:
    if isinstance(node, Mapping):
        return _by_yaml_1_1(node)
    if isinstance(node, Sequence):
        return Sequence(tuple(_again(item) for item in node.items), node.span, node.via)
    if node.style != "plain" or isinstance(node.value, bool | float) or node.value is None:
        return node
    try:
        value = yaml.safe_load(node.span.text)
    except (yaml.YAMLError, ValueError):
        return node
    return replace(node, value=value) if isinstance(value, bool | int) else node
