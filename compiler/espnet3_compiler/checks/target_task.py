"""The task bridge: options of an ESPnet2 task, its choices, and the arguments of what is chosen.

Passes: ``{task: espnet2.tasks.asr.ASRTask, encoder: conformer, encoder_conf: {num_blocks: 4}}``.
Fails: ``enocder: conformer``, ``encoder: conformre``, ``encoder_conf: {num_block: 4}``.
"""

import re
from collections.abc import Iterator

from espnet3_compiler.chain import related_labels, use_place
from espnet3_compiler.checks import target_findings, target_paths
from espnet3_compiler.checks.target_arguments import compare
from espnet3_compiler.checks.target_case import Case
from espnet3_compiler.checks.target_nodes import FLAGS, TASK, Slot, Target
from espnet3_compiler.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.expression import is_open
from espnet3_compiler.lower_report import did_you_mean, listed
from espnet3_compiler.shape_hints import quoted_like
from espnet3_compiler.shape_types import brief
from espnet3_compiler.signature import definitions, lookup, reader
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import Place
from espnet3_compiler.signature.model import Missing, NotCallable, Signature, Unknown
from espnet3_compiler.signature.task import Choice, Task, Use, read_task
from espnet3_compiler.suggest import is_sure, nearest
from espnet3_compiler.tree import Entry, Mapping, Scalar

_NULLS = ("none", "null", "nil")
_ENDING = "_conf"
_SHORT = 6


def check_task(library: Library, target: Target) -> list[Diagnostic] | Unknown:
    """Return what is wrong with a node of the task bridge, or why that is not known."""
    path = target.node.get(TASK)
    assert path is not None
    if not isinstance(path, Scalar) or target_paths.malformed(path):
        return []  # the schema says so
    task = read_task(library, str(path.value))
    match task:
        case Unknown():
            return task
        case Missing():
            missing = target_paths.unknown_path(path, task, library)
            return missing if isinstance(missing, Unknown) else [missing]
        case NotCallable():
            return [target_paths.not_callable(path, task)]
        case Task():
            meant = _meant(target.node, task)
            return [*_options(target.node, task), *_choices(library, meant, task)]


def _options(node: Mapping, task: Task) -> Iterator[Diagnostic]:
    """Yield R502 for options that the task does not have."""
    free = _free(node, task)
    for entry in node:
        if not _is_known(entry.name, task):
            near = _near(entry.name, free, task)
            sure = near is not None and is_sure(entry.name, free)
            yield Diagnostic(
                "R502",
                f'{task.name} has no option "{entry.name}"',
                Label(use_place(entry.key), "no such option"),
                related=related_labels(entry.key),
                help=did_you_mean(near),
                notes=(f"defined at {task.origin}",),
                fix=target_findings.rename(entry, near, certain=sure),
            )


def _free(node: Mapping, task: Task) -> list[str]:
    return [name for name in task.options if node.entry(name) is None]


def _is_known(name: str, task: Task) -> bool:
    known = (*task.options, TASK, *FLAGS)
    return name in known or any(re.fullmatch(pattern, name) for pattern in task.patterns)


def _meant(node: Mapping, task: Task) -> Mapping:
    """Return a node with likely names for unknown ones.

    A misspelt choice chooses all the same, for the ``*_conf`` beside it.
    """
    free = _free(node, task)
    entries = []
    for entry in node:
        near = None if _is_known(entry.name, task) else _near(entry.name, free, task)
        if near and (near not in task.choices or node.entry(f"{near}{_ENDING}")):
            key = Scalar(near, entry.key.span, entry.key.style, entry.key.via)
            entries.append(Entry(key, entry.value))
        else:
            entries.append(entry)
    return Mapping(tuple(entries), node.span, node.via)


def _near(name: str, free: list[str], task: Task) -> str | None:
    """Return the option that was meant; those of the model are likelier than those of training."""
    own = [item for item in free if item.removesuffix(_ENDING) in task.choices]
    return nearest(name, own) or nearest(name, free)


def _choices(library: Library, node: Mapping, task: Task) -> Iterator[Diagnostic]:
    for choice in task.choices.values():
        entry = node.entry(choice.name)
        if entry and not is_open(entry.value) and not _is_choice(entry, choice):
            yield _unknown_choice(entry, choice, task)
    for option in dict.fromkeys(use.option for use in task.uses):
        yield from _conf(library, node, task, option)


def _is_choice(entry: Entry, choice: Choice) -> bool:
    if not isinstance(entry.value, Scalar):
        return False
    value = entry.value.value
    if value is None or str(value).lower() in _NULLS:
        return choice.optional
    return isinstance(value, str) and value.lower() in choice.classes


def _unknown_choice(entry: Entry, choice: Choice, task: Task) -> Diagnostic:
    words = list(choice.classes)
    allowed = [*words, "null"] if choice.optional else words
    value = entry.value
    text = str(value.value) if isinstance(value, Scalar) else ""
    near = nearest(text, words)
    shown = brief(value)
    fix = None
    if near and isinstance(value, Scalar) and use_place(value) is value.span:
        edit = Edit(value.span, quoted_like(value, near))
        fix = Fix(f'write "{near}"', (edit,), certain=is_sure(text, words))
    place = use_place(value if isinstance(value, Scalar) else entry.key)
    return Diagnostic(
        "R507",
        f"{task.name} has no {choice.name} {shown}",
        Label(place, f"not in ({listed(allowed, _SHORT)})"),
        related=related_labels(value),
        help=did_you_mean(near),
        notes=(f"it can be {', '.join(words)}",) if len(words) > _SHORT else (),
        fix=fix,
    )


def _conf(library: Library, node: Mapping, task: Task, option: str) -> Iterator[Diagnostic]:
    """Yield what is wrong with a ``*_conf``, given or not."""
    uses = [use for use in task.uses if use.option == option]
    if len({use.callee for use in uses}) > 1:
        return
    found = _receiver(node, task, uses[0])
    if found is None:
        return
    place, callee, head = found
    given = node.entry(option)
    block = given.value if given else Mapping((), head.value.span if head else node.span)
    if not isinstance(block, Mapping):
        if given and not is_open(block) and not _is_null(block):
            yield _no_mapping(given)
        return
    target = lookup.find_in(library, place, callee)
    name = (
        f"{target.place.name}.{target.name}"
        if isinstance(target, definitions.ClassFound)
        else callee
    )
    signature = reader.of(library, target, name)
    if isinstance(signature, Signature) and (given or head):
        yield from compare(_case(library, signature, block, head or given, uses, bool(head)))


def _receiver(node: Mapping, task: Task, use: Use) -> tuple[Place, str, Entry | None] | None:
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


def _case(
    library: Library,
    signature: Signature,
    block: Mapping,
    head: Entry | None,
    uses: list[Use],
    chosen: bool,
) -> Case:
    assert head is not None
    passed = [_passed(signature, use) for use in uses]
    always = [name for name in passed[0] if all(name in names for names in passed)]
    sometimes = [name for names in passed for name in names if name not in always]
    slot = Slot(supplied=tuple(always), offered=tuple(sometimes))
    alone = chosen and len(uses) == 1
    return Case(
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


def _passed(signature: Signature, use: Use) -> list[str]:
    return [*(item.name for item in signature.places[: use.places]), *use.names]


def _is_null(node: object) -> bool:
    return isinstance(node, Scalar) and node.value is None


def _no_mapping(entry: Entry) -> Diagnostic:
    return Diagnostic(
        "R504",
        f'"{entry.name}" must be a mapping of arguments, not {brief(entry.value)}',
        Label(use_place(entry.value), "expected a mapping"),
        related=related_labels(entry.value),
    )
