"""Interpolate an ESPnet3 config, except what our manifests can say themselves.

``${recipe_dir}``, ``${data_dir}``, ``${exp_dir}`` and ``${exp_tag}`` stay: manifests have them.  So
do ``${stats_dir}`` and ``${inference_dir}``, for ``artifacts`` to replace, and what only a run can
know, ``${oc.env:…}``.
"""

import posixpath
from dataclasses import dataclass

from espnet3_compiler.convert.notes import DROPPED, Notes
from espnet3_compiler.expressions.nodes import Call, JoinedKey, Lookup, Template
from espnet3_compiler.expressions.template import has_reference, parse
from espnet3_compiler.syntax.tree import (
    Mapping,
    Node,
    Path,
    Plain,
    Scalar,
    Sequence,
    format_path,
    node_at,
)

KEPT_NAMES = ("recipe_dir", "data_dir", "exp_dir", "exp_tag", "stats_dir", "inference_dir")
MAX_DEPTH = 40
LOAD_LINE = "load_line"
"""Written as from the recipe directory; ``files`` makes it relative to the file it goes into."""


class UnresolvableReference(Exception):  # noqa: N818 - a value that cannot be known, caught where it is used
    """A reference that cannot be carried; the text says why."""


@dataclass
class Interpolator:
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
        """Return a node as plain values.

        Args:
            node: A node of the config; None gives None.
            path: Where it stands, for relative references.
        """
        if isinstance(node, Mapping):
            return {entry.name: self.plain(entry.value, (*path, entry.name)) for entry in node}
        if isinstance(node, Sequence):
            return [self.plain(item, (*path, i)) for i, item in enumerate(node.items)]
        if node is None:
            return None
        try:
            return self._scalar_value(node, path, 0)
        except UnresolvableReference as error:
            self.notes.add(DROPPED, node.span, format_path(path), str(error))
            return None

    def _scalar_value(self, node: Scalar, path: Path, depth: int) -> Plain:
        if not has_reference(node.value):
            return node.value
        if depth > MAX_DEPTH:
            raise UnresolvableReference("its references lead back to where they started")
        template, wrong = parse(node)
        if wrong:
            raise UnresolvableReference(wrong.message)
        if len(template) == 1 and not isinstance(template[0], str):
            return self._reference_value(template[0], path, depth)
        return "".join(self._text(piece, path, depth) for piece in template)

    def _text(self, piece: str | Lookup | Call, path: Path, depth: int) -> str:
        if isinstance(piece, str):
            return piece.replace("${", "\\${")
        value = self._reference_value(piece, path, depth)
        if isinstance(value, dict | list):
            raise UnresolvableReference(f'"{piece.span.text}" is no single value')
        return "null" if value is None else str(value)

    def _reference_value(self, piece: Lookup | Call, path: Path, depth: int) -> Plain:
        if isinstance(piece, Call):
            return self._call_value(piece, path, depth)
        keys = tuple(self._key_name(key.name, path, depth) for key in piece.keys)
        base = path[: len(path) - piece.dots] if piece.dots else ()
        full = (*base, *keys)
        if len(full) == 1 and full[0] in KEPT_NAMES:
            return f"${{{full[0]}}}"
        found = node_at(self.root, tuple(_with_indices(self.root, full)))
        if found is None:
            raise UnresolvableReference(f'"{piece.span.text}" names nothing in this config')
        if isinstance(found, Scalar):
            return self._scalar_value(found, full, depth + 1)
        if depth > MAX_DEPTH:
            raise UnresolvableReference("its references lead back to where they started")
        return self._below(found, full, depth + 1)

    def _below(self, node: Node, path: Path, depth: int) -> Plain:
        if isinstance(node, Mapping):
            return {e.name: self._below(e.value, (*path, e.name), depth) for e in node}
        if isinstance(node, Sequence):
            return [self._below(item, (*path, i), depth) for i, item in enumerate(node.items)]
        return self._scalar_value(node, path, depth)

    def _key_name(self, name: str | Lookup | Call | JoinedKey, path: Path, depth: int) -> str:
        if isinstance(name, JoinedKey):  # ESPnet3 has no matrix
            raise UnresolvableReference("it names a matrix")
        return name if isinstance(name, str) else str(self._reference_value(name, path, depth))

    def _call_value(self, call: Call, path: Path, depth: int) -> Plain:
        words = [self._argument_text(argument.parts, path, depth) for argument in call.arguments]
        match call.name:
            case "self_name":
                return self.stem
            case "set_corpus_and_system":
                return "${set_corpus_and_system:}"
            case "config_path" if words:
                return posixpath.normpath(posixpath.join(self.folder, words[0]))
            case "load_line" if words:
                file = posixpath.normpath(posixpath.join(self.folder, words[0]))
                return f"${{{LOAD_LINE}:{file}}}"
            case "oc.env":
                return f"${{oc.env:{','.join(words)}}}"
            case "oc.select" if words:
                found = node_at(
                    self.root, tuple(_with_indices(self.root, tuple(words[0].split("."))))
                )
                if found is None:
                    return words[1] if len(words) > 1 else None
                return self.plain(found, tuple(words[0].split(".")))
        raise UnresolvableReference(f'there is no resolver "{call.name}" here; write its value')

    def _argument_text(self, parts: Template, path: Path, depth: int) -> str:
        return "".join(self._text(piece, path, depth) for piece in parts)


def _with_indices(root: Node, keys: Path) -> Path:
    """Turn the numbers of a path into indices where it passes lists."""
    node: Node | None = root
    result: list[str | int] = []
    for key in keys:
        step: str | int = key
        if isinstance(node, Sequence) and str(key).isdecimal():
            step = int(key)
        result.append(step)
        node = node_at(node, (step,)) if node is not None else None
    return tuple(result)
