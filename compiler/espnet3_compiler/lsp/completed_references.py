"""Completion inside ``${…}``: names of the manifest, keys, and the outputs that stages have."""

from collections.abc import Iterator

from msgspec import Struct

from espnet3_compiler.expressions.nodes import KNOWN_RESOLVERS, MATRIX, NAMESPACES
from espnet3_compiler.lsp.cursor import MARK, Cursor
from espnet3_compiler.lsp.places import Document, matrix_entries, place_at
from espnet3_compiler.stage_graph.stage_inputs import outputs_of
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, node_at


class Suggestion(Struct, frozen=True):
    """A word that may be typed.

    Attributes:
        label: The word.
        kind: What it is: ``key``, ``argument``, ``class``, ``name``, …
        detail: A few words about it.
        about: Its documentation in Markdown.
        ending: What is typed behind it.
        order: Sorts before the word does.
    """

    label: str
    kind: str
    detail: str = ""
    about: str = ""
    ending: str = ""
    order: str = ""


def complete_reference(document: Document, cursor: Cursor) -> list[Suggestion]:
    """Return what may stand next in a reference that is being typed."""
    *above, _ = cursor.word.lstrip().split(".")
    ending = "" if cursor.closed else "}"
    if not above:
        return list(_first_names(document, cursor, ending))
    recipe, resolved = document.recipe, document.result.resolved
    if above == [MATRIX]:
        rows = matrix_entries(cursor.tree, cursor.path)
        names = dict.fromkeys(entry.name for entry in rows)
        return [Suggestion(name, "variable", "of the matrix", ending=ending) for name in names]
    if above == ["stages"]:
        return [
            Suggestion(str(stage.name.value), "name", _kind(stage.run or stage.call))
            for stage in recipe.stages
        ]
    if above[0] == "stages":
        return list(_outputs(document, above[1:], ending))
    if resolved is None:
        return []
    roots = {"configs": resolved.configs, "models": resolved.models}
    if len(above) == 1 and above[0] in roots:
        return [Suggestion(name, "name", above[0][:-1]) for name in roots[above[0]]]
    if above[0] in roots:
        return list(_keys_below(roots[above[0]].get(above[1]), above[2:], ending))
    own = place_at(document, cursor.tree, cursor.path).config
    return list(_keys_below(resolved.configs.get(own or ""), above, ending))


def _kind(node: Scalar | None) -> str:
    return str(node.value) if node else ""


def _first_names(document: Document, cursor: Cursor, ending: str) -> Iterator[Suggestion]:
    resolved = document.result.resolved
    for name in NAMESPACES:
        yield Suggestion(name, "namespace", f"{name} of the manifest", ending=".")
    if matrix_entries(cursor.tree, cursor.path):
        yield Suggestion(MATRIX, "namespace", "of this row", ending=".")
    for name, value in resolved.globals.items() if resolved else ():
        yield Suggestion(name, "variable", value, ending=ending)
    for name in KNOWN_RESOLVERS:
        yield Suggestion(name, "function", "resolver", ending=":")
    own = place_at(document, cursor.tree, cursor.path).config
    if resolved and own:
        yield from _keys_below(resolved.configs.get(own), [], ending)


def _outputs(document: Document, names: list[str], ending: str) -> Iterator[Suggestion]:
    stage = document.recipe.stages_by_name.get(names[0]) if len(names) == 1 else None
    if stage is None:
        return
    declared = stage.spec.get("outputs", {})
    for name, path in (outputs_of(stage, document.recipe) or {}).items():
        about = declared.get(name, {}).get("title", "")
        yield Suggestion(name, "output", path, about, ending)


def _keys_below(node: Node | None, path: list[str], ending: str) -> Iterator[Suggestion]:
    below = node_at(node, tuple(path)) if node else None
    for entry in below if isinstance(below, Mapping) else ():
        if MARK not in entry.name:
            value = entry.value
            shown = str(value.value) if isinstance(value, Scalar) else ""
            behind = "" if isinstance(value, Mapping) else ending
            yield Suggestion(entry.name, "key", shown, ending=behind)
