"""Stage items as written, with names and kinds settled and everything else still as it stands."""

import re
from dataclasses import dataclass, replace

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.suggest import closest_match, is_certain_match
from espnet3_compiler.manifest.recipe import System
from espnet3_compiler.manifest.stage_kinds import WILDCARD
from espnet3_compiler.manifest.values import as_mapping, as_text, substitute_text
from espnet3_compiler.syntax.placeholder import has_certain_keys, is_placeholder
from espnet3_compiler.syntax.placeholder import placeholder as lost
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, Sequence
from espnet3_compiler.syntax.unknown_name import format_names, rename_fix, unknown_name
from espnet3_schemas import systems

_DOTTED = re.compile(r"\w+(\.\w+)+")


@dataclass(frozen=True, slots=True)
class StageItem:
    """A stage item: its name, exactly one of ``run`` and ``call``, and the item itself.

    Attributes:
        name: As written; in a mapping without one the kind.
        run: The kind, or what stands in its place.
        call: The function.
        keys: The item's mapping, an empty one for the short form.
        node: The item.
        sure: False where something could not be read, or the kind is unknown and none is near.
        guessed: What it runs could not be read, so that the name must do.
    """

    name: Scalar
    run: Scalar | None
    call: Scalar | None
    keys: Mapping
    node: Node
    sure: bool = True
    guessed: bool = False


def read_stage_items(
    node: Node | None, system: System
) -> tuple[tuple[StageItem, ...], tuple[Diagnostic, ...]]:
    """Return the stages of a manifest: duplicate names and unknown kinds reported and replaced."""
    items = node.items if isinstance(node, Sequence) else ()
    written = [draft for draft in map(_read_stage_item, items) if draft]
    taken = {str(draft.name.value) for draft in written}
    kinds = tuple(kind for kind in system.kinds if kind != WILDCARD)
    drafts: list[StageItem] = []
    findings: list[Diagnostic] = []
    for draft in written:
        known, found = _correct_kind(draft, system, kinds, taken)
        findings += found
        drafts.append(known)
    return _make_names_unique(drafts, findings)


def _read_stage_item(item: Node) -> StageItem | None:
    short = as_text(item)
    if short:
        return StageItem(short, short, None, Mapping((), item.span), item)
    keys = as_mapping(item)
    if keys is None:
        return None
    run, call = as_text(keys.get("run")), _read_call(keys)
    if run and keys.entry("with") is None:  # with both, what goes with only one of them decides
        call = None
    name = (
        as_text(keys.get("name"))
        or run
        or (substitute_text(_last_part(call), call) if call else None)
    )
    if name is None:
        return None
    sure = (
        has_certain_keys(keys) and as_text(keys.get("name")) is not None and _is_config_read(keys)
    )
    if run is None and _is_unreadable(keys, call):
        return StageItem(name, name, None, keys, item, sure, guessed=True)
    return StageItem(name, None if call else run or name, call, keys, item, sure)


def _read_call(keys: Mapping) -> Scalar | None:
    """Return the function of a stage; a stand-in where it cannot be read and has arguments."""
    node = keys.get("call")
    if node is None or as_text(node) or not (keys.entry("with") or keys.entry("outputs")):
        return as_text(node)
    return lost(node.span)


def _last_part(call: Scalar) -> str:
    return str(call.value).rpartition(".")[2]


def _is_config_read(keys: Mapping) -> bool:
    """Return whether ``config`` is absent or could be read as a whole."""
    node = keys.get("config")
    if isinstance(node, Mapping):
        return has_certain_keys(node) and all(as_text(entry.value) for entry in node)
    return node is None or as_text(node) is not None


def _is_unreadable(keys: Mapping, call: Scalar | None) -> bool:
    """Return whether a stage says what it runs, but in a way that cannot be read."""
    if call:
        return not (is_placeholder(call) or _DOTTED.fullmatch(str(call.value)))
    return not has_certain_keys(keys) or any(keys.entry(name) for name in ("run", "call"))


def _correct_kind(
    draft: StageItem, system: System, kinds: tuple[str, ...], taken: set[str]
) -> tuple[StageItem, list[Diagnostic]]:
    if draft.run is None or str(draft.run.value) in kinds or WILDCARD in system.kinds:
        return draft, []
    if draft.guessed:
        name = str(draft.name.value)
        likely = _variant_of(name, kinds) or closest_match(name, kinds)
        sure = draft.sure and likely is not None
        return replace(draft, run=substitute_text(likely or name, draft.name), sure=sure), []
    wrong = draft.run
    variant = _variant_of(str(wrong.value), kinds)
    near = variant or closest_match(str(wrong.value), kinds)
    found = _unknown_kind(draft, wrong, system, kinds, variant)
    if wrong.value in systems()["kinds"]:  # of another system: what it reads is known
        return draft, [found]
    if near is None:
        return replace(draft, sure=False), [found]
    run = substitute_text(near, wrong)
    misspelt = draft.name is wrong and variant is None and near not in taken
    return replace(draft, run=run, name=run if misspelt else draft.name), [found]


def _variant_of(name: str, kinds: tuple[str, ...]) -> str | None:
    """Return the kind that a name such as ``train_easy`` begins with.

    A name that is all but a kind, such as ``train_tokeniser``, is a slip and no variant.
    """
    if is_certain_match(name, kinds):
        return None
    return next((kind for kind in kinds if name.startswith(f"{kind}_")), None)


def _unknown_kind(
    draft: StageItem, wrong: Scalar, system: System, kinds: tuple[str, ...], variant: str | None
) -> Diagnostic:
    kind = str(wrong.value)
    message = f'the system "{system.name.value}" has no stage kind "{kind}"'
    place = Label(wrong.span, f"not in ({format_names(kinds, 12)})")
    other = next((n for n, entry in systems()["systems"].items() if kind in entry["kinds"]), None)
    if other:
        hint = f"the system {other} has it: write system: {other}"
        return Diagnostic(
            "R401", message, place, help=(hint,), fix=rename_fix(system.name, other, certain=False)
        )
    if variant and draft.name is wrong:
        hint = f"say which kind it is: {{name: {kind}, run: {variant}}}"
        fix = rename_fix(wrong, f"{{name: {kind}, run: {variant}}}", certain=False)
        return Diagnostic(
            "R401", message, place, help=(hint,), fix=fix if draft.node is wrong else None
        )
    hint = "write run: and a kind, or call: and a function of the recipe"
    return unknown_name("R401", message, wrong, kinds, hint)


def _make_names_unique(
    drafts: list[StageItem], findings: list[Diagnostic]
) -> tuple[tuple[StageItem, ...], tuple[Diagnostic, ...]]:
    first: dict[str, Scalar] = {}
    settled: list[StageItem] = []
    for draft in drafts:
        name = str(draft.name.value)
        if name not in first:
            first[name] = draft.name
            settled.append(draft)
            continue
        if _has_own_name(draft):
            findings.append(_duplicate_name(name, first[name], draft.name))
        settled.append(
            replace(draft, name=substitute_text(_unused_name(name, drafts, first), draft.name))
        )
        first[str(settled[-1].name.value)] = settled[-1].name
    return tuple(settled), tuple(findings)


def _has_own_name(draft: StageItem) -> bool:
    """Return whether a stage is called as it says, and not so for want of a legible name."""
    if draft.keys.entry("name") is None:
        return has_certain_keys(draft.keys)
    return as_text(draft.keys.get("name")) is not None


def _unused_name(name: str, drafts: list[StageItem], first: dict[str, Scalar]) -> str:
    taken = {str(draft.name.value) for draft in drafts} | set(first)
    return next(f"{name}_{n}" for n in range(2, len(taken) + 3) if f"{name}_{n}" not in taken)


def _duplicate_name(name: str, first: Scalar, again: Scalar) -> Diagnostic:
    return Diagnostic(
        code="R201",
        message=f'two stages are called "{name}"',
        primary=Label(again.span, "used again here"),
        related=(Label(first.span, "first used here"),),
        help=(f'give the second stage its own name, for example "{name}_2"',),
    )
