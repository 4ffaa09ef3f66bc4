"""The task bridge: options of an ESPnet2 task, its choices, and the arguments of what is chosen.

Passes: ``{task: espnet2.tasks.asr.ASRTask, encoder: conformer, encoder_conf: {num_blocks: 4}}``.
Fails: ``enocder: conformer``, ``encoder: conformre``, ``encoder_conf: {num_block: 4}``.
"""

import re
from collections.abc import Iterator

from espnet3_compiler.checks.targets import messages, paths
from espnet3_compiler.checks.targets.arguments import check_arguments
from espnet3_compiler.checks.targets.case import TargetCall
from espnet3_compiler.checks.targets.nodes import INSTANTIATE_KEYS, TASK, TargetNode, TargetSlot
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.diagnostics.suggest import closest_match, is_certain_match
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.schema.hints import quoted_like
from espnet3_compiler.schema.types import brief_value
from espnet3_compiler.signature import definitions, read, resolve_name
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import ModuleLocation
from espnet3_compiler.signature.result import Missing, NotAnalyzable, NotCallable, Signature
from espnet3_compiler.signature.task import ClassChoice, ConfCall, Task, read_task
from espnet3_compiler.syntax.provenance import provenance_labels, use_location
from espnet3_compiler.syntax.tree import Entry, Mapping, Scalar, map_keys
from espnet3_compiler.syntax.unknown_name import did_you_mean, format_names

_NULL_WORDS = ("none", "null", "nil")
_CONF_SUFFIX = "_conf"
_MAX_LISTED = 6


def check_task(library: Library, target: TargetNode) -> list[Diagnostic] | NotAnalyzable:
    """Return what is wrong with a node of the task bridge, or why that is not known."""
    path = target.node.get(TASK)
    assert path is not None
    if not isinstance(path, Scalar) or paths.malformed_path(path):
        return []  # the schema says so
    task = read_task(library, str(path.value))
    match task:
        case NotAnalyzable():
            return task
        case Missing():
            missing = paths.unknown_path(path, task, library)
            return missing if isinstance(missing, NotAnalyzable) else [missing]
        case NotCallable():
            return [paths.not_callable(path, task)]
        case Task():
            meant = _with_suggestions(target.node, task)
            return [*_check_options(target.node, task), *_check_choices(library, meant, task)]


def _check_options(node: Mapping, task: Task) -> Iterator[Diagnostic]:
    """Yield R502 for options that the task does not have."""
    free = _unused_options(node, task)
    for entry in node:
        if not _is_known(entry.name, task):
            near = _nearest_option(entry.name, free, task)
            sure = near is not None and is_certain_match(entry.name, free)
            yield Diagnostic(
                "R502",
                f'{task.name} has no option "{entry.name}"',
                Label(use_location(entry.key), "no such option"),
                related=provenance_labels(entry.key),
                help=did_you_mean(near),
                notes=(f"defined at {task.origin}",),
                fix=messages.rename_fix(entry, near, certain=sure),
            )


def _unused_options(node: Mapping, task: Task) -> list[str]:
    return [name for name in task.options if node.entry(name) is None]


def _is_known(name: str, task: Task) -> bool:
    known = (*task.options, TASK, *INSTANTIATE_KEYS)
    return name in known or any(re.fullmatch(pattern, name) for pattern in task.patterns)


def _with_suggestions(node: Mapping, task: Task) -> Mapping:
    """Return a node with likely names for unknown ones.

    A misspelt choice chooses all the same, for the ``*_conf`` beside it.
    """
    free = _unused_options(node, task)

    def likely_name(key: Scalar) -> str:
        name = str(key.value)
        near = None if _is_known(name, task) else _nearest_option(name, free, task)
        fits = near and (near not in task.choices or node.entry(f"{near}{_CONF_SUFFIX}"))
        return near if near and fits else name

    return map_keys(node, likely_name)


def _nearest_option(name: str, free: list[str], task: Task) -> str | None:
    """Return the option that was meant; those of the model are likelier than those of training."""
    own = [item for item in free if item.removesuffix(_CONF_SUFFIX) in task.choices]
    return closest_match(name, own) or closest_match(name, free)


def _check_choices(library: Library, node: Mapping, task: Task) -> Iterator[Diagnostic]:
    for choice in task.choices.values():
        entry = node.entry(choice.name)
        if entry and not is_unresolved(entry.value) and not _is_choice(entry, choice):
            yield _unknown_choice(entry, choice, task)
    for option in dict.fromkeys(use.option for use in task.uses):
        yield from _check_conf(library, node, task, option)


def _is_choice(entry: Entry, choice: ClassChoice) -> bool:
    if not isinstance(entry.value, Scalar):
        return False
    value = entry.value.value
    if value is None or str(value).lower() in _NULL_WORDS:
        return choice.optional
    return isinstance(value, str) and value.lower() in choice.classes


def _unknown_choice(entry: Entry, choice: ClassChoice, task: Task) -> Diagnostic:
    words = list(choice.classes)
    allowed = [*words, "null"] if choice.optional else words
    value = entry.value
    text = str(value.value) if isinstance(value, Scalar) else ""
    near = closest_match(text, words)
    shown = brief_value(value)
    fix = None
    if near and isinstance(value, Scalar) and use_location(value) is value.span:
        edit = Edit(value.span, quoted_like(value, near))
        fix = Fix(f'write "{near}"', (edit,), certain=is_certain_match(text, words))
    place = use_location(value if isinstance(value, Scalar) else entry.key)
    return Diagnostic(
        "R507",
        f"{task.name} has no {choice.name} {shown}",
        Label(place, f"not in ({format_names(allowed, _MAX_LISTED)})"),
        related=provenance_labels(value),
        help=did_you_mean(near),
        notes=(f"it can be {', '.join(words)}",) if len(words) > _MAX_LISTED else (),
        fix=fix,
    )


def _check_conf(library: Library, node: Mapping, task: Task, option: str) -> Iterator[Diagnostic]:
    """Yield what is wrong with a ``*_conf``, given or not."""
    uses = [use for use in task.uses if use.option == option]
    if len({use.callee for use in uses}) > 1:
        return
    found = _conf_receiver(node, task, uses[0])
    if found is None:
        return
    place, callee, head = found
    given = node.entry(option)
    block = given.value if given else Mapping((), head.value.span if head else node.span)
    if not isinstance(block, Mapping):
        if given and not is_unresolved(block) and not _is_null(block):
            yield _no_mapping(given)
        return
    target = resolve_name.find_in(library, place, callee)
    name = (
        f"{target.place.name}.{target.name}"
        if isinstance(target, definitions.ClassFound)
        else callee
    )
    signature = read.signature_of(library, target, name)
    if isinstance(signature, Signature) and (given or head):
        yield from check_arguments(
            _conf_call(library, signature, block, head or given, uses, bool(head))
        )


def _conf_receiver(
    node: Mapping, task: Task, use: ConfCall
) -> tuple[ModuleLocation, str, Entry | None] | None:
    """Return the class that gets a ``*_conf``, and the entry that chose it."""
    if not use.chosen:
        return task.place, use.callee, None
    choice = next((item for item in task.choices.values() if item.variable == use.callee), None)
    if choice is None:
        return None
    entry = node.entry(choice.name)
    word = choice.default
    if entry:
        value = entry.value
        word = str(value.value).lower() if isinstance(value, Scalar) else None
    callee = choice.classes.get(word or "")
    return (choice.place, callee, entry) if callee else None


def _conf_call(
    library: Library,
    signature: Signature,
    block: Mapping,
    head: Entry | None,
    uses: list[ConfCall],
    chosen: bool,
) -> TargetCall:
    assert head is not None
    passed = [_passed_names(signature, use) for use in uses]
    always = [name for name in passed[0] if all(name in names for names in passed)]
    sometimes = [name for names in passed for name in names if name not in always]
    slot = TargetSlot(supplied=tuple(always), offered=tuple(sometimes))
    alone = chosen and len(uses) == 1
    return TargetCall(
        library,
        signature,
        block,
        head,
        block.entries,
        slot=slot,
        partial=not alone,
        flags=False,
        giver="the task",
    )


def _passed_names(signature: Signature, use: ConfCall) -> list[str]:
    return [*(item.name for item in signature.places[: use.places]), *use.names]


def _is_null(node: object) -> bool:
    return isinstance(node, Scalar) and node.value is None


def _no_mapping(entry: Entry) -> Diagnostic:
    return Diagnostic(
        "R504",
        f'"{entry.name}" must be a mapping of arguments, not {brief_value(entry.value)}',
        Label(use_location(entry.value), "expected a mapping"),
        related=provenance_labels(entry.value),
    )
