"""Configs of transformers that refuse their values while they are constructed.

Passes: ``conv_dim``, ``conv_kernel`` and ``conv_stride`` of a ``Wav2Vec2Config``, three items each.
Fails: a ``conv_kernel`` of seven beside a ``conv_dim`` of three; ``hidden_size: 100`` and
``num_attention_heads: 12`` of a ``CLIPTextConfig``.

Since version 5 such a class has no constructor: its fields are written in the class, and
``__post_init__`` and the methods ``validate_…`` judge them.  These are followed, those of the base
of all configs not.
"""

import ast
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from espnet3_compiler.checks.data.bodies import class_of, foreign_body
from espnet3_compiler.checks.refusals.constant_values import UnknownValueError, constant_value
from espnet3_compiler.checks.refusals.refusals import ObjectState, Refusal, method_refusal
from espnet3_compiler.checks.refusals.refused_values import is_plain, refusal_finding
from espnet3_compiler.checks.targets.nodes import (
    distinct_targets,
    find_targets,
    flag_value,
    keyword_arguments,
)
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.values import as_text
from espnet3_compiler.signature.definitions import ClassFound, FunctionFound, MroClass, own_member
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.resolve_name import resolution_order
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Mapping, to_python
from espnet3_schemas import TARGET

_PACKAGE = "transformers."
_BASE = "transformers.configuration_utils"
_NAMES = "attribute_map"
_AFTER = "__post_init__"
_JUDGES = "validate_"


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R523."""
    yield from first_per_location(
        found
        for target in distinct_targets(find_targets(recipe, resolved))
        if target.judged and not target.is_task
        for found in _check_node(recipe.library, target.node)
    )


def _check_node(library: Library, node: Mapping) -> Iterator[Diagnostic]:
    path = as_text(node.get(TARGET))
    name = str(path.value) if path else ""
    if path is None or not name.startswith(_PACKAGE) or not name.endswith("Config"):
        return
    if flag_value(node, "_partial_") is True or node.entry("_args_") or not has_certain_keys(node):
        return
    classes = _own_classes(library, name)
    refusal = _first_refusal(library, name, classes, node) if classes else None
    if refusal is not None:
        yield from refusal_finding(path, node, refusal)


def _own_classes(library: Library, name: str) -> list[ClassFound]:
    """Return a class and its bases up to that of all configs; none where another makes objects."""
    found = class_of(library, name)
    order: Sequence[MroClass] = resolution_order(library, found) if found else ()
    classes: list[ClassFound] = []
    for one in order:
        if not isinstance(one, ClassFound) or own_member(one, "__init__"):
            return []
        if one.location.name == _BASE:
            return classes
        classes.append(one)
    return []


def _first_refusal(
    library: Library, path: str, classes: Sequence[ClassFound], node: Mapping
) -> Refusal | None:
    state = _first_state(library, classes, node)
    after = _first_methods(classes, lambda name: name == _AFTER)
    if state is None or sum(own_member(one, _AFTER) is not None for one in classes) > 1:
        return None
    for method in (*after, *_first_methods(classes, lambda name: name.startswith(_JUDGES))):
        body = foreign_body(library, method)
        if body is None:
            return None
        steps = [one for one in body.node.body if not _hands_on(one)]
        refusal, left = method_refusal(library, path, body, steps, state)
        state = left if method in after else state
        if refusal is not None:
            return refusal
    return None


def _first_methods(
    classes: Sequence[ClassFound], named: Callable[[str], bool]
) -> list[FunctionFound]:
    """Return the methods of some names that an object of a class has, each once."""
    found: dict[str, FunctionFound] = {}
    for one in classes:
        for name in filter(named, one.summary.members):
            method = own_member(one, name)
            if isinstance(method, FunctionFound):
                found.setdefault(name, method)
    return list(found.values())


def _hands_on(step: ast.stmt) -> bool:
    """Return whether a statement is ``super().__post_init__(…)``, which leaves the fields."""
    match step:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Call(func=called), attr=name))):
            return name == _AFTER and isinstance(called, ast.Name) and called.id == "super"
    return False


def _first_state(
    library: Library, classes: Sequence[ClassFound], node: Mapping
) -> ObjectState | None:
    """Return what is known of an object before its first method runs; None if too little is."""
    known: dict[str, Any] = {}
    others: dict[str, str] = {}
    for one in reversed(classes):
        body = _class_body(library, one)
        if body is None:
            return None
        for step in body:
            _note_default(step, known, others)
    origins: dict[str, frozenset[str]] = {}
    for entry in keyword_arguments(node):
        name = others.get(entry.name, entry.name)
        origins[f"self.{name}"] = frozenset((entry.name,))
        known.pop(f"self.{name}", None)
        if is_plain(entry.value):
            known[f"self.{name}"] = to_python(entry.value)
    for alias, name in others.items():
        known.pop(f"self.{alias}", None)
        if f"self.{name}" in known:
            known[f"self.{alias}"] = known[f"self.{name}"]
            origins[f"self.{alias}"] = origins.get(f"self.{name}", frozenset())
    return ObjectState(known, origins)


def _class_body(library: Library, found: ClassFound) -> Sequence[ast.stmt] | None:
    file = library.file(found.location)
    nodes = file.tree.body if file and not file.wrong else ()
    same = [one for one in nodes if isinstance(one, ast.ClassDef) and one.name == found.name]
    return same[0].body if len(same) == 1 else None


def _note_default(step: ast.stmt, known: dict[str, Any], others: dict[str, str]) -> None:
    """Note the default of a field, or the other names of fields."""
    match step:
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            known.pop(f"self.{name}", None)
            with suppress(UnknownValueError):
                known[f"self.{name}"] = constant_value(value, {})
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Dict() as value) if name == _NAMES:
            with suppress(ValueError):
                others |= ast.literal_eval(value)
