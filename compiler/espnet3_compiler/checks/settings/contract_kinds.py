"""What the kinds of a contract need, and which of its keys belong to which kind.

Passes: ``word: {kind: category, choices: [yes, no]}``; ``point: {kind: vector, size: 3}``;
``tune: {kind: own, type: {_target_: src.kinds.Midi}}``.
Fails: ``word: {kind: category}``; ``word: {kind: text, choices: [yes, no]}``; an input of a type
with a ``suffix`` that has no ``read``.
"""

from collections.abc import Iterator
from itertools import takewhile

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.manifest.lower import configs_in_role
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.values import mapping_entries
from espnet3_compiler.signature.definitions import ClassFound
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.resolve_name import find_definition, resolution_order
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location, written_entry
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Scalar, Sequence, is_null, node_at
from espnet3_schemas import TARGET

_KIND_OF = {"size": "vector", "choices": "category", "columns": "table", "type": "own"}
"""By a key that only one kind has: that kind."""
_SIDES = {"inputs": "read", "outputs": "write"}
"""The sides of a contract, each with the method of a type by which its files are had."""
_BASE = "ValueType"


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R603 for kinds without their choices or type, R604 for what is of another kind.

    R425 is for types that lack a method.
    """
    yield from first_per_location(
        found
        for name, config in configs_in_role(recipe, resolved, "inference")
        if resolved.is_certain(name)
        for side, method in _SIDES.items()
        for field in mapping_entries(node_at(config, ("contract", side)))
        for found in (*_check_field(field), *_check_type(field, method, recipe.library))
    )


def _check_type(field: Entry, method: str, library: Library) -> Iterator[Diagnostic]:
    """Report a type of an own kind that certainly is no ``ValueType``, or lacks a method."""
    path = node_at(field.value, ("type", TARGET))
    if not isinstance(path, Scalar) or is_unresolved(path):
        return
    found = find_definition(library, str(path.value))
    order = resolution_order(library, found) if isinstance(found, ClassFound) else ()
    names = [one.name if isinstance(one, ClassFound) else _BASE for one in order]
    own = takewhile(lambda one: isinstance(one, ClassFound) and one.name != _BASE, order)
    members = {name for one in own if isinstance(one, ClassFound) for name in one.summary.members}
    if names and _BASE not in names:
        yield value_finding(
            "R604",
            f'"{path.value}" is no ValueType, as the type of "{field.name}" is',
            path,
            "another class",
            advice=("derive it from espnet3_runtime.value_type.ValueType",),
        )
    elif "suffix" in members and method not in members:
        yield value_finding(
            "R425",
            f'{path.value} has a suffix and no {method}, and "{field.name}" is a file then',
            path,
            f"no {method}",
            advice=(f"write def {method} in the class, or remove suffix",),
        )


def _check_field(field: Entry) -> Iterator[Diagnostic]:
    kind = node_at(field.value, ("kind",))
    if not isinstance(kind, Scalar) or is_unresolved(kind) or not has_certain_keys(field.value):
        return
    assert isinstance(field.value, Mapping)
    choices = field.value.get("choices")
    if kind.value == "category" and not (choices and not _is_empty(choices)):
        yield value_finding(
            "R603",
            f'"{field.name}" is a category, and its choices are not declared',
            kind,
            "no choices",
            advice=("write choices: and the list of its values",),
        )
    if kind.value == "own" and _is_empty(field.value.get("type")):
        yield value_finding(
            "R603",
            f'"{field.name}" is of an own kind, and its type is not declared',
            kind,
            "no type",
            advice=("write type: {_target_: …}, a subclass of ValueType",),
        )
    for key, owner in _KIND_OF.items():
        entry = written_entry(field.value, key)
        article = "an own kind" if owner == "own" else f"a {owner}"
        if entry and kind.value != owner and not _is_empty(entry.value):
            yield value_finding(
                "R604",
                f'"{key}" belongs to {article}, and "{field.name}" is {kind.value}',
                entry.value,
                "not for this kind",
                related=(Label(use_location(kind), "the kind"),),
                advice=(f"write kind: {owner}, or remove {key}",),
            )


def _is_empty(node: Node | None) -> bool:
    return is_null(node) or (isinstance(node, Sequence) and not node.items)
