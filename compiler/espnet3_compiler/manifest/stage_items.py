"""Read the items of ``stages``: names made unique, kinds corrected, other keys as written."""

import re
from collections.abc import Mapping as SpecMapping
from itertools import count
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Fix, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.diagnostics.suggest import closest_match, is_certain_match
from espnet3_compiler.manifest.matrix_names import duplicate_name
from espnet3_compiler.manifest.recipe import System
from espnet3_compiler.manifest.stage_kinds import UNKNOWN_KIND, WILDCARD
from espnet3_compiler.manifest.values import as_mapping, as_text, substitute_text
from espnet3_compiler.syntax.placeholder import has_certain_keys, is_placeholder, placeholder
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, Sequence
from espnet3_compiler.syntax.unknown_name import format_names, rename_fix, unknown_name
from espnet3_schemas import systems

_DOTTED = r"\w+(\.\w+)+"


class StageItem(Struct, frozen=True):
    """A stage item: its name, exactly one of ``run`` and ``call``, and the item itself.

    Attributes:
        name: As written; in a mapping without a name the kind.
        run: The kind.
        call: The function.
        keys: The item's mapping, an empty one for the short form.
        node: The item.
        certain: False where a part is unreadable, or the kind is unknown and none is similar.
        kind_from_name: Whether the kind is unreadable and the name stands for it.
        spec: What its kind reads and makes.
    """

    name: Scalar
    run: Scalar | None
    call: Scalar | None
    keys: Mapping
    node: Node
    certain: bool = True
    kind_from_name: bool = False
    spec: SpecMapping[str, Any] = UNKNOWN_KIND


def read_stage_items(
    node: Node | None, system: System
) -> tuple[tuple[StageItem, ...], tuple[Diagnostic, ...]]:
    """Return the stages of a manifest: duplicate names and unknown kinds reported and replaced."""
    nodes = node.items if isinstance(node, Sequence) else ()
    written = [item for item in map(_read_stage_item, nodes) if item]
    taken = {str(item.name.value) for item in written}
    items: list[StageItem] = []
    findings: list[Diagnostic] = []
    for item in written:
        corrected, found = _correct_kind(item, system, taken)
        findings += found
        items.append(replace(corrected, spec=_spec_of(corrected, system)))
    return _make_names_unique(items, findings)


def _spec_of(item: StageItem, system: System) -> SpecMapping[str, Any]:
    return system.specs.get(str(item.run.value), UNKNOWN_KIND) if item.run else UNKNOWN_KIND


def _read_stage_item(node: Node) -> StageItem | None:
    short = as_text(node)
    if short:
        return StageItem(short, short, None, Mapping((), node.span), node)
    keys = as_mapping(node)
    if keys is None:
        return None
    run, call = as_text(keys.get("run")), _read_call(keys)
    if run and keys.entry("with") is None:  # of run and call, the one that goes with the other keys
        call = None
    own_name = as_text(keys.get("name"))
    name = own_name or run
    if name is None and call:
        name = substitute_text(str(call.value).rpartition(".")[2], call)
    if name is None:
        return None
    certain = has_certain_keys(keys) and own_name is not None and _is_config_readable(keys)
    if run is None and _is_kind_unreadable(keys, call):
        return StageItem(name, name, None, keys, node, certain, kind_from_name=True)
    return StageItem(name, None if call else run or name, call, keys, node, certain)


def _read_call(keys: Mapping) -> Scalar | None:
    """Return the function of a stage; a placeholder where it is unreadable but has arguments."""
    node = keys.get("call")
    if node is None or as_text(node) or not (keys.entry("with") or keys.entry("outputs")):
        return as_text(node)
    return placeholder(node.span)


def _is_config_readable(keys: Mapping) -> bool:
    """Return whether ``config`` is absent or could be read completely."""
    node = keys.get("config")
    if isinstance(node, Mapping):
        return has_certain_keys(node) and all(as_text(entry.value) for entry in node)
    return node is None or as_text(node) is not None


def _is_kind_unreadable(keys: Mapping, call: Scalar | None) -> bool:
    """Return whether a stage names a kind or function that cannot be read."""
    if call:
        return not (is_placeholder(call) or re.fullmatch(_DOTTED, str(call.value)))
    return not has_certain_keys(keys) or any(keys.entry(name) for name in ("run", "call"))


def _correct_kind(
    item: StageItem, system: System, taken: set[str]
) -> tuple[StageItem, list[Diagnostic]]:
    """Return a stage with the kind that was probably meant, and a finding for an unknown kind."""
    kinds = tuple(kind for kind in system.kinds if kind != WILDCARD)
    if item.run is None or str(item.run.value) in kinds or WILDCARD in system.kinds:
        return item, []
    kind = str(item.run.value)
    variant = _variant_of(kind, kinds)
    near = variant or closest_match(kind, kinds)
    run = substitute_text(near or kind, item.run)
    certain = item.certain and near is not None
    if item.kind_from_name:
        return replace(item, run=run, certain=certain), []
    found = [_unknown_kind(item, item.run, system, kinds, variant)]
    if kind in system.specs:  # of another system: what it reads is known
        return item, found
    if near is None:
        return replace(item, certain=False), found
    misspelt = item.name is item.run and variant is None and near not in taken
    return replace(item, run=run, name=run if misspelt else item.name), found


def _variant_of(name: str, kinds: tuple[str, ...]) -> str | None:
    """Return the kind that a name such as ``train_easy`` begins with; None for a misspelt kind."""
    if is_certain_match(name, kinds):
        return None
    return next((kind for kind in kinds if name.startswith(f"{kind}_")), None)


def _unknown_kind(
    item: StageItem, wrong: Scalar, system: System, kinds: tuple[str, ...], variant: str | None
) -> Diagnostic:
    kind = str(wrong.value)
    if place := system.uncallable.get(kind):
        return _without_context(wrong, place, system)
    message = f'the system "{system.name.value}" has no stage kind "{kind}"'
    label = Label(wrong.span, f"not in ({format_names(kinds, 12)})")
    other = next((n for n, entry in systems()["systems"].items() if kind in entry["kinds"]), None)
    fix: Fix | None
    if other:
        hint = f"the system {other} has it: write system: {other}"
        fix = rename_fix(system.name, other, certain=False)
    elif variant and item.name is wrong:
        long_form = f"{{name: {kind}, run: {variant}}}"
        hint = f"say which kind it is: {long_form}"
        fix = rename_fix(wrong, long_form, certain=False) if item.node is wrong else None
    else:
        hint = "write run: and a kind, or call: and a function of the recipe"
        return unknown_name("R401", message, wrong, kinds, hint)
    return Diagnostic("R401", message, label, help=(hint,), fix=fix)


def _without_context(wrong: Scalar, place: Span, system: System) -> Diagnostic:
    """Return R401 for a method of the System that a stage cannot run.

    Args:
        wrong: The name of the method in the manifest.
        place: Its ``def``.
        system: The System.
    """
    return Diagnostic(
        "R401",
        f"{system.class_path}.{wrong.value} is no stage: it does not take context, which every "
        "stage is called with",
        Label(wrong.span, "not called without it"),
        (Label(place, "the method"),),
        (f"write def {wrong.value}(self, context), and return the paths of its outputs by name",),
    )


def _make_names_unique(
    items: list[StageItem], findings: list[Diagnostic]
) -> tuple[tuple[StageItem, ...], tuple[Diagnostic, ...]]:
    taken = {str(item.name.value) for item in items}
    first: dict[str, Scalar] = {}
    unique: list[StageItem] = []
    for item in items:
        name = str(item.name.value)
        if name in first:
            if _has_own_name(item):
                findings.append(duplicate_name("stages", item.name, first[name]))
            name = next(new for n in count(2) if (new := f"{name}_{n}") not in taken)
            item = replace(item, name=substitute_text(name, item.name))  # noqa: PLW2901
            taken.add(name)
        first[name] = item.name
        unique.append(item)
    return tuple(unique), tuple(findings)


def _has_own_name(item: StageItem) -> bool:
    """Return whether the name is as written, and not the kind because the name is unreadable."""
    if item.keys.entry("name") is None:
        return has_certain_keys(item.keys)
    return as_text(item.keys.get("name")) is not None
