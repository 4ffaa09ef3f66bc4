"""Stage items as written, with names and kinds settled and everything else still as it stands."""

import re
from dataclasses import dataclass, replace

from espnet3_compiler.diagnostic import Diagnostic, Label
from espnet3_compiler.ir import System
from espnet3_compiler.kinds import OPEN
from espnet3_compiler.lower_report import listed, rename, unknown
from espnet3_compiler.lower_values import mapping, stand_in, text
from espnet3_compiler.read_steps import is_legible, is_stand_in
from espnet3_compiler.read_steps import stand_in as lost
from espnet3_compiler.suggest import is_sure, nearest
from espnet3_compiler.tree import Mapping, Node, Scalar, Sequence
from espnet3_schemas import systems

_DOTTED = re.compile(r"\w+(\.\w+)+")


@dataclass(frozen=True, slots=True)
class Draft:
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


def draft_stages(
    node: Node | None, system: System
) -> tuple[tuple[Draft, ...], tuple[Diagnostic, ...]]:
    """Return the stages of a manifest: duplicate names and unknown kinds reported and replaced."""
    items = node.items if isinstance(node, Sequence) else ()
    written = [draft for draft in map(_draft, items) if draft]
    taken = {str(draft.name.value) for draft in written}
    kinds = tuple(kind for kind in system.kinds if kind != OPEN)
    drafts: list[Draft] = []
    findings: list[Diagnostic] = []
    for draft in written:
        known, found = _settle_kind(draft, system, kinds, taken)
        findings += found
        drafts.append(known)
    return _settle_names(drafts, findings)


def _draft(item: Node) -> Draft | None:
    short = text(item)
    if short:
        return Draft(short, short, None, Mapping((), item.span), item)
    keys = mapping(item)
    if keys is None:
        return None
    run, call = text(keys.get("run")), _call(keys)
    if run and keys.entry("with") is None:  # with both, what goes with only one of them decides
        call = None
    name = text(keys.get("name")) or run or (stand_in(_last(call), call) if call else None)
    if name is None:
        return None
    sure = is_legible(keys) and text(keys.get("name")) is not None and _is_config_read(keys)
    if run is None and _is_unreadable(keys, call):
        return Draft(name, name, None, keys, item, sure, guessed=True)
    return Draft(name, None if call else run or name, call, keys, item, sure)


def _call(keys: Mapping) -> Scalar | None:
    """Return the function of a stage; a stand-in where it cannot be read and has arguments."""
    node = keys.get("call")
    if node is None or text(node) or not (keys.entry("with") or keys.entry("outputs")):
        return text(node)
    return lost(node.span)


def _last(call: Scalar) -> str:
    return str(call.value).rpartition(".")[2]


def _is_config_read(keys: Mapping) -> bool:
    """Return whether ``config`` is absent or could be read as a whole."""
    node = keys.get("config")
    if isinstance(node, Mapping):
        return is_legible(node) and all(text(entry.value) for entry in node)
    return node is None or text(node) is not None


def _is_unreadable(keys: Mapping, call: Scalar | None) -> bool:
    """Return whether a stage says what it runs, but in a way that cannot be read."""
    if call:
        return not (is_stand_in(call) or _DOTTED.fullmatch(str(call.value)))
    return not is_legible(keys) or any(keys.entry(name) for name in ("run", "call"))


def _settle_kind(
    draft: Draft, system: System, kinds: tuple[str, ...], taken: set[str]
) -> tuple[Draft, list[Diagnostic]]:
    if draft.run is None or str(draft.run.value) in kinds or OPEN in system.kinds:
        return draft, []
    if draft.guessed:
        name = str(draft.name.value)
        likely = _variant_of(name, kinds) or nearest(name, kinds)
        sure = draft.sure and likely is not None
        return replace(draft, run=stand_in(likely or name, draft.name), sure=sure), []
    wrong = draft.run
    variant = _variant_of(str(wrong.value), kinds)
    near = variant or nearest(str(wrong.value), kinds)
    found = _unknown_kind(draft, wrong, system, kinds, variant)
    if wrong.value in systems()["kinds"]:  # of another system: what it reads is known
        return draft, [found]
    if near is None:
        return replace(draft, sure=False), [found]
    run = stand_in(near, wrong)
    misspelt = draft.name is wrong and variant is None and near not in taken
    return replace(draft, run=run, name=run if misspelt else draft.name), [found]


def _variant_of(name: str, kinds: tuple[str, ...]) -> str | None:
    """Return the kind that a name such as ``train_easy`` begins with.

    A name that is all but a kind, such as ``train_tokeniser``, is a slip and no variant.
    """
    if is_sure(name, kinds):
        return None
    return next((kind for kind in kinds if name.startswith(f"{kind}_")), None)


def _unknown_kind(
    draft: Draft, wrong: Scalar, system: System, kinds: tuple[str, ...], variant: str | None
) -> Diagnostic:
    kind = str(wrong.value)
    message = f'the system "{system.name.value}" has no stage kind "{kind}"'
    place = Label(wrong.span, f"not in ({listed(kinds, 12)})")
    other = next((n for n, entry in systems()["systems"].items() if kind in entry["kinds"]), None)
    if other:
        hint = f"the system {other} has it: write system: {other}"
        return Diagnostic(
            "R401", message, place, help=(hint,), fix=rename(system.name, other, certain=False)
        )
    if variant and draft.name is wrong:
        hint = f"say which kind it is: {{name: {kind}, run: {variant}}}"
        fix = rename(wrong, f"{{name: {kind}, run: {variant}}}", certain=False)
        return Diagnostic(
            "R401", message, place, help=(hint,), fix=fix if draft.node is wrong else None
        )
    hint = "write run: and a kind, or call: and a function of the recipe"
    return unknown("R401", message, wrong, kinds, hint)


def _settle_names(
    drafts: list[Draft], findings: list[Diagnostic]
) -> tuple[tuple[Draft, ...], tuple[Diagnostic, ...]]:
    first: dict[str, Scalar] = {}
    settled: list[Draft] = []
    for draft in drafts:
        name = str(draft.name.value)
        if name not in first:
            first[name] = draft.name
            settled.append(draft)
            continue
        if _has_own_name(draft):
            findings.append(_duplicate(name, first[name], draft.name))
        settled.append(replace(draft, name=stand_in(_free(name, drafts, first), draft.name)))
        first[str(settled[-1].name.value)] = settled[-1].name
    return tuple(settled), tuple(findings)


def _has_own_name(draft: Draft) -> bool:
    """Return whether a stage is called as it says, and not so for want of a legible name."""
    if draft.keys.entry("name") is None:
        return is_legible(draft.keys)
    return text(draft.keys.get("name")) is not None


def _free(name: str, drafts: list[Draft], first: dict[str, Scalar]) -> str:
    taken = {str(draft.name.value) for draft in drafts} | set(first)
    return next(f"{name}_{n}" for n in range(2, len(taken) + 3) if f"{name}_{n}" not in taken)


def _duplicate(name: str, first: Scalar, again: Scalar) -> Diagnostic:
    return Diagnostic(
        code="R201",
        message=f'two stages are called "{name}"',
        primary=Label(again.span, "used again here"),
        related=(Label(first.span, "first used here"),),
        help=(f'give the second stage its own name, for example "{name}_2"',),
    )
