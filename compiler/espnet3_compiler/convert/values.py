"""Interpolate an ESPnet3 config, except references that our manifests can hold.

``${recipe_dir}``, ``${data_dir}``, ``${exp_dir}`` and ``${exp_tag}`` stay: manifests have them. So
do ``${stats_dir}`` and ``${inference_dir}``, which ``artifacts`` replaces, and ``${oc.env:…}``,
which only a run can know.
"""

import posixpath

from msgspec import Struct

from espnet3_compiler.convert.notes import Notes, lost
from espnet3_compiler.expressions.nodes import Call, JoinedKey, Lookup
from espnet3_compiler.expressions.template import has_reference, parse
from espnet3_compiler.syntax.tree import (
    Entry,
    Mapping,
    Node,
    Path,
    Plain,
    Scalar,
    Sequence,
    node_at,
)

KEPT_NAMES = ("recipe_dir", "data_dir", "exp_dir", "exp_tag", "stats_dir", "inference_dir")
MAX_DEPTH = 40
LOAD_LINE = "load_line"
"""Relative to the recipe directory; ``files`` makes it relative to the file it is written to."""


class _UnresolvableReference(Exception):  # noqa: N818 - caught in this file
    """A reference that cannot be carried; the text says why."""


class Interpolator(Struct):
    """Interpolates inside one config.

    Attributes:
        root: The merged config.
        stem: The name of its file without the ending, ``${self_name:}``.
        folder: The directory of the file, relative to the recipe directory.
        notes: Takes references that cannot be carried.
    """

    root: Mapping
    stem: str
    folder: str
    notes: Notes

    def plain(self, node: Node | None, path: Path) -> Plain:
        """Return a node at a path as plain values; None for None."""
        if isinstance(node, Mapping):
            return {entry.name: self.plain(entry.value, (*path, entry.name)) for entry in node}
        if isinstance(node, Sequence):
            return [self.plain(item, (*path, i)) for i, item in enumerate(node.items)]
        if node is None:
            return None
        try:
            return self._scalar_value(node, path, 0)
        except _UnresolvableReference as error:
            entry = _entry_at(self.root, path)
            self.notes.add(entry.key.span if entry else node.span, lost(str(error)))
            return None

    def follow(self, node: Node, path: Path) -> tuple[Node, Path]:
        """Return the block that a whole reference names, with its path; else the node itself."""
        if not isinstance(node, Scalar) or not has_reference(node.value):
            return node, path
        template, wrong = parse(node)
        only = template[0] if len(template) == 1 and not wrong else None
        if not isinstance(only, Lookup) or not all(isinstance(k.name, str) for k in only.keys):
            return node, path
        base = path[: len(path) - only.dots] if only.dots else ()
        full = (*base, *(str(key.name) for key in only.keys))
        found = _find_node(self.root, full)
        return (found, full) if isinstance(found, Mapping) else (node, path)

    def _scalar_value(self, node: Scalar, path: Path, depth: int) -> Plain:
        if not has_reference(node.value):
            return node.value
        template, wrong = parse(node)
        if wrong:
            raise _UnresolvableReference(wrong.message)
        if len(template) == 1 and not isinstance(template[0], str):
            return self._reference_value(template[0], path, depth)
        return "".join(self._text(piece, path, depth) for piece in template)

    def _text(self, piece: str | Lookup | Call, path: Path, depth: int) -> str:
        if isinstance(piece, str):
            return piece.replace("${", "\\${")
        value = self._reference_value(piece, path, depth)
        if isinstance(value, dict | list):
            raise _UnresolvableReference(f'"{piece.span.text}" is no single value')
        return "null" if value is None else str(value)

    def _reference_value(self, piece: Lookup | Call, path: Path, depth: int) -> Plain:
        if depth > MAX_DEPTH:
            raise _UnresolvableReference("its references lead back to where they started")
        if isinstance(piece, Call):
            return self._call_value(piece, path, depth)
        keys = tuple(self._key_name(key.name, path, depth) for key in piece.keys)
        base = path[: len(path) - piece.dots] if piece.dots else ()
        full = (*base, *keys)
        if len(full) == 1 and full[0] in KEPT_NAMES:
            return f"${{{full[0]}}}"
        found = _find_node(self.root, full)
        if found is None:
            raise _UnresolvableReference(f'"{piece.span.text}" names nothing in this config')
        self.notes.mark_referred(_entry_at(self.root, full) or found)
        return self._node_value(found, full, depth + 1)

    def _node_value(self, node: Node, path: Path, depth: int) -> Plain:
        if isinstance(node, Mapping):
            return {e.name: self._node_value(e.value, (*path, e.name), depth) for e in node}
        if isinstance(node, Sequence):
            return [self._node_value(item, (*path, i), depth) for i, item in enumerate(node.items)]
        return self._scalar_value(node, path, depth)

    def _key_name(self, name: str | Lookup | Call | JoinedKey, path: Path, depth: int) -> str:
        if isinstance(name, JoinedKey):  # ESPnet3 has no matrix
            raise _UnresolvableReference("it names a matrix")
        return name if isinstance(name, str) else str(self._reference_value(name, path, depth))

    def _call_value(self, call: Call, path: Path, depth: int) -> Plain:
        words = [
            "".join(self._text(piece, path, depth) for piece in argument.parts)
            for argument in call.arguments
        ]
        match call.name:
            case "self_name":
                return self.stem
            case "set_corpus_and_system":
                return "${set_corpus_and_system:}"
            case "config_path" | "load_line" if words:
                file = posixpath.normpath(posixpath.join(self.folder, words[0]))
                return file if call.name == "config_path" else f"${{{LOAD_LINE}:{file}}}"
            case "oc.env":
                return f"${{oc.env:{','.join(words)}}}"
            case "oc.select" if words:
                keys = tuple(words[0].split("."))
                found = _find_node(self.root, keys)
                if found is None:
                    return words[1] if len(words) > 1 else None
                self.notes.mark_referred(_entry_at(self.root, keys) or found)
                return self._node_value(found, keys, depth + 1)
        raise _UnresolvableReference(f'there is no resolver "{call.name}" here; write its value')


def _find_node(root: Node, keys: Path) -> Node | None:
    """Return the node at a path of keys, whose numbers are indices in lists."""
    node: Node | None = root
    for key in keys:
        is_index = isinstance(node, Sequence) and str(key).isdecimal()
        node = node_at(node, (int(key) if is_index else key,)) if node is not None else None
    return node


def _entry_at(root: Node, keys: Path) -> Entry | None:
    """Return the entry at a path of keys, or that of the list that an index leads into."""
    while keys and isinstance(keys[-1], int):
        keys = keys[:-1]
    above = _find_node(root, keys[:-1]) if keys else None
    return above.entry(str(keys[-1])) if isinstance(above, Mapping) else None
