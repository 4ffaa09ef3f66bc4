"""Read an ESPnet3 config with the files of its ``defaults:`` list and its template's defaults.

Configs are merged as OmegaConf does: mappings merge, all other values replace. So the arguments of
a default ``_target_`` stay when the target changes, as they do in ESPnet3.
"""

from collections.abc import Iterator
from os.path import normpath
from pathlib import Path

import yaml
from msgspec import Struct, field
from msgspec.structs import replace

from espnet3_compiler.convert.launched.template import ConfigTemplate
from espnet3_compiler.convert.notes import Notes, became, key_place, lost
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.filesystem import is_file
from espnet3_compiler.syntax.read import load_source, read_file, read_text
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Scalar, Sequence, map_children

_DEFAULTS_FOLDER = Path(__file__).parent / "espnet3_defaults"
MERGED = became("one file", "a config here is one file, and a variant says extends")


class RecipeReader(Struct):
    """Reads the files of one recipe.

    Attributes:
        directory: The recipe directory.
        notes: Takes files that a ``defaults`` list names and that do not exist, and the trees.
        template: Where the defaults are.
        found: The mistakes in the YAML of the files.
    """

    directory: Path
    notes: Notes
    template: ConfigTemplate
    found: list[Diagnostic] = field(default_factory=list)

    def read(self, path: Path, *roles: str) -> Mapping | None:
        """Return a config with everything merged into it, before interpolation.

        The template's defaults are those of the first of the roles that has some.
        """
        own = self._read_with_defaults(path, ())
        defaults = (self._template_defaults(role) for role in roles)
        below = next((one for one in defaults if one is not None), None)
        return None if own is None else self._merge(below, own)

    def read_unread(self, path: Path) -> None:
        """Read a file that is no config, so that its keys are known."""
        self._read_tree(path)

    def _template_defaults(self, role: str) -> Mapping | None:
        file = self.template.config_file(role)
        if file is not None:
            return self._read_with_defaults(file, ()) if is_file(file) else None
        return _released_defaults(self.template.values, role)

    def _read_tree(self, path: Path) -> Mapping | None:
        """Return the keys of a file as they are written; one of comments alone has none."""
        root = self.directory
        own = path.is_relative_to(root)
        if not own and self.template.root and path.is_relative_to(self.template.root):
            root = self.template.root
        name = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
        source, found = load_source(path, name, root)
        if source is None or found:
            self.found += found
            return None
        source = source if own else replace(source, kind="system")
        tree, found = read_text(source)
        if tree is None and not found:
            tree = Mapping((), Span(source, 0, 0))
        if found or not isinstance(tree, Mapping):
            self.found += found or read_file(path, name, root)[2]
            return None
        if own or not self.template.is_released:
            self.notes.trees.setdefault(name, tree)
        return tree

    def _read_with_defaults(self, path: Path, above: tuple[Path, ...]) -> Mapping | None:
        root = self._read_tree(path)
        if root is None:
            return None
        entries = tuple(item for item in _reread_mapping(root) if item.name != "defaults")
        own = Mapping(entries, root.span)
        listed = root.entry("defaults")
        if listed is None:
            return own
        self.notes.add(listed.key.span, MERGED)
        names = list(_defaults_entries(listed.value))
        result: Mapping | None = None
        for name in names if "_self_" in names else [*names, "_self_"]:
            base = name != "_self_"
            part = self._read_base(path, name, listed, (*above, path)) if base else own
            result = self._merge(result, part) if part else result
        return result

    def _read_base(
        self, path: Path, name: str, listed: Entry, above: tuple[Path, ...]
    ) -> Mapping | None:
        group, _, inner = name.rpartition("@")
        below = f"{group}/{inner}.yaml" if group else f"{inner}.yaml"
        file = Path(normpath(path.parent / below))
        circular = file in above
        if circular or not is_file(file):
            why = "the files name each other" if circular else f'there is no file "{file.name}"'
            self.notes.add(listed.key.span, lost(f'"{name.replace("@", "/")}": {why}'))
            return None
        part = self._read_with_defaults(file, above)
        if part is None or not group:
            return part
        return Mapping((Entry(Scalar(group, listed.key.span), part),), part.span)

    def _merge(self, base: Mapping | None, over: Mapping) -> Mapping:
        """Return two mappings as one, and remember which keys have lost their values by that."""
        entries = {entry.name: entry for entry in base or ()}
        for entry in over:
            below, value = entries.get(entry.name), entry.value
            if below and isinstance(below.value, Mapping) and isinstance(value, Mapping):
                value = self._merge(below.value, value)
            elif below:
                self._mark_overridden(below, entry.key.span)
            entries[entry.name] = Entry(entry.key, value)
        return Mapping(tuple(entries.values()), over.span, over.via)

    def _mark_overridden(self, entry: Entry, by: Span) -> None:
        self.notes.overridden[key_place(entry.key.span)] = by
        for child in entry.value if isinstance(entry.value, Mapping) else ():
            self._mark_overridden(child, by)


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


def _released_defaults(template: str | None, role: str) -> Mapping | None:
    file = _DEFAULTS_FOLDER / str(template) / f"{role}.yaml"
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
