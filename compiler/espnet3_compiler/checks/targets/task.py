"""The task bridge: options of an ESPnet2 task, its choices, and the arguments of what is chosen.

Passes: ``{task: espnet2.tasks.asr.ASRTask, encoder: conformer, encoder_conf: {num_blocks: 4}}``.
Fails: ``enocder: conformer``, ``encoder: conformre``, ``encoder_conf: {num_block: 4}``;
``specaug_conf`` without ``specaug``, which is none unless given.
"""

import re
from collections.abc import Iterator

from espnet3_compiler.checks.findings import name_fix, value_finding
from espnet3_compiler.checks.targets import paths
from espnet3_compiler.checks.targets.arguments import check_arguments
from espnet3_compiler.checks.targets.attention_heads import TaskPart, check_heads
from espnet3_compiler.checks.targets.nodes import INSTANTIATE_KEYS, TASK, TargetNode, TargetSlot
from espnet3_compiler.checks.targets.target_call import TargetCall
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.schema.types import brief_value
from espnet3_compiler.signature import definitions, read, resolve_name
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import ModuleLocation
from espnet3_compiler.signature.result import NotAnalyzable, Signature
from espnet3_compiler.signature.task import ClassChoice, ConfCall, Task, read_task
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.span_key import is_written
from espnet3_compiler.syntax.tree import Entry, Mapping, Scalar, is_null, map_keys
from espnet3_compiler.syntax.unknown_name import did_you_mean, format_names
from espnet3_schemas import TASK_SIZES

_NULL_WORDS = ("none", "null", "nil")
_CONF_SUFFIX = "_conf"
_ATTENDING = ("encoder_conf", "decoder_conf")
_MAX_LISTED = 6


def check_task(library: Library, target: TargetNode) -> list[Diagnostic] | NotAnalyzable:
    """Return the findings about a node of the task bridge, or why it cannot be checked."""
    path = target.node.get(TASK)
    if not isinstance(path, Scalar):
        entry = target.node.entry(TASK)
        return [paths.not_a_path(entry.key)] if entry else []
    wrong = paths.malformed_path(path)
    if wrong:
        return [wrong]
    task = read_task(library, str(path.value))
    if not isinstance(task, Task):
        return paths.unusable_path(path, task, library)
    meant = _with_suggestions(target.node, task)
    parts = [_chosen_part(library, meant, task, option) for option in _ATTENDING]
    decoder = parts[1] if meant.entry("postencoder") is None else None
    return [
        *_check_options(library, target.node, task),
        *_check_choices(library, meant, task),
        *check_heads(library, parts[0], decoder),
    ]


def _chosen_part(library: Library, node: Mapping, task: Task, option: str) -> TaskPart | None:
    """Return the class that gets a ``*_conf``, and that; None where it is not known."""
    use = next((use for use in task.uses if use.option == option), None)
    receiver = _conf_receiver(node, task, use) if use else None
    found = resolve_name.find_in(library, *receiver[:2]) if receiver else None
    conf = node.get(option) or Mapping((), node.span)
    if not isinstance(found, definitions.ClassFound) or not isinstance(conf, Mapping):
        return None
    return TaskPart(found, conf)


def _check_options(library: Library, node: Mapping, task: Task) -> Iterator[Diagnostic]:
    """Yield R502 for options that the task does not have."""
    free = _unused_options(node, task)
    for entry in node:
        if not _is_known(entry.name, task):
            blocks = _blocks_with(library, node, task, entry.name)
            hints = [f"write it below {' or '.join(blocks)}"] if blocks else []
            near = None if blocks else _nearest_option(entry.name, free, task)
            yield value_finding(
                "R502",
                f'{task.name} has no option "{entry.name}"',
                entry.key,
                "no such option",
                advice=did_you_mean(near, *hints),
                notes=(f"defined at {task.origin}",),
                fix=name_fix(entry.key, near, free),
            )


def _blocks_with(library: Library, node: Mapping, task: Task, name: str) -> list[str]:
    """Return the blocks one level lower whose classes take an argument."""
    found = []
    for use in {use.option: use for use in task.uses}.values():
        receiver = _conf_receiver(node, task, use)
        target = resolve_name.find_in(library, *receiver[:2]) if receiver else None
        signature = read.signature_of(library, target, name) if target else None
        if isinstance(signature, Signature) and name not in use.keywords and signature.find(name):
            found.append(use.option)
    return found


def _unused_options(node: Mapping, task: Task) -> list[str]:
    return [name for name in task.options if node.entry(name) is None]


def _is_known(name: str, task: Task) -> bool:
    known = (*task.options, TASK, *INSTANTIATE_KEYS)
    return name in known or any(re.fullmatch(pattern, name) for pattern in task.patterns)


def _with_suggestions(node: Mapping, task: Task) -> Mapping:
    """Return a node with unknown names replaced by the nearest options.

    So a misspelt choice still selects the class that the ``*_conf`` beside it is for.
    """
    free = _unused_options(node, task)

    def likely_name(key: Scalar) -> str:
        name = str(key.value)
        near = None if _is_known(name, task) else _nearest_option(name, free, task)
        fits = near and (near not in task.choices or node.entry(f"{near}{_CONF_SUFFIX}"))
        return near if near and fits else name

    return map_keys(node, likely_name)


def _nearest_option(name: str, free: list[str], task: Task) -> str | None:
    """Return the nearest option, preferably one of the model."""
    own = [item for item in free if item.removesuffix(_CONF_SUFFIX) in task.choices]
    return closest_match(name, own) or closest_match(name, free)


def _check_choices(library: Library, node: Mapping, task: Task) -> Iterator[Diagnostic]:
    for choice in task.choices.values():
        entry = node.entry(choice.name)
        if entry is None or is_unresolved(entry.value) or _is_left_to_data(entry, node):
            continue
        if not _is_choice(entry, choice):
            yield _unknown_choice(entry, choice, task)
    for option in dict.fromkeys(use.option for use in task.uses):
        yield from _check_conf(library, node, task, option)


def _is_left_to_data(entry: Entry, node: Mapping) -> bool:
    """Return whether a part is null, as the data give what it would make, of a size that is said.

    Args:
        entry: The choice.
        node: The options beside it.
    """
    return is_null(entry.value) and not is_null(node.get(TASK_SIZES.get(entry.name, "")))


def _is_choice(entry: Entry, choice: ClassChoice) -> bool:
    if not isinstance(entry.value, Scalar):
        return False
    value = entry.value.value
    if value is None or str(value).lower() in _NULL_WORDS:
        return choice.optional
    return isinstance(value, str) and value.lower() in choice.classes


def _unknown_choice(entry: Entry, choice: ClassChoice, task: Task) -> Diagnostic:
    words, value = list(choice.classes), entry.value
    allowed = [*words, "null"] if choice.optional else words
    near = closest_match(str(value.value), words) if isinstance(value, Scalar) else None
    size = TASK_SIZES.get(choice.name, "") if is_null(value) else ""
    sizes = (f"where the data have features, give their number: {size}: 80",) if size else ()
    return value_finding(
        "R507",
        f"{task.name} has no {choice.name} {brief_value(value)}",
        value if isinstance(value, Scalar) else entry.key,
        f"not in ({format_names(allowed, _MAX_LISTED)})",
        advice=did_you_mean(near, *sizes),
        notes=(f"it can be {', '.join(words)}",) if len(words) > _MAX_LISTED else (),
        fix=name_fix(value, near, words) if isinstance(value, Scalar) else None,
    )


def _check_conf(library: Library, node: Mapping, task: Task, option: str) -> Iterator[Diagnostic]:
    """Yield findings about the arguments in a ``*_conf``, given or not."""
    uses = [use for use in task.uses if use.option == option]
    yield from _check_unchosen(library, node, task, uses)
    if len({use.callee for use in uses}) > 1:
        return
    found = _conf_receiver(node, task, uses[0])
    if found is None:
        return
    module, callee, choice = found
    given = node.entry(option)
    head = choice or given
    if head is None:
        return
    block = given.value if given else Mapping((), head.value.span)
    if not isinstance(block, Mapping):
        null = isinstance(block, Scalar) and block.value is None
        if not is_unresolved(block) and not null:
            message = f'"{option}" must be a mapping of arguments, not {brief_value(block)}'
            yield value_finding("R504", message, block, "expected a mapping")
        return
    target = resolve_name.find_in(library, module, callee)
    if isinstance(target, definitions.ClassFound):
        callee = f"{target.location.name}.{target.name}"
    signature = read.signature_of(library, target, callee)
    if isinstance(signature, Signature):
        passed = [
            [*(item.name for item in signature.positional[: use.positional]), *use.keywords]
            for use in uses
        ]
        always = [name for name in passed[0] if all(name in names for names in passed)]
        sometimes = [name for names in passed for name in names if name not in always]
        call = TargetCall(
            library,
            signature,
            block,
            head,
            block.entries,
            slot=TargetSlot(supplied=tuple(always), offered=tuple(sometimes)),
            incomplete=choice is None or len(uses) > 1,
            flags=False,
            caller="the task",
        )
        yield from check_arguments(call)


def _check_unchosen(
    library: Library, node: Mapping, task: Task, uses: list[ConfCall]
) -> Iterator[Diagnostic]:
    """Yield R512 for arguments of a class that is not chosen, and is none by default."""
    given = node.entry(uses[0].option)
    choice = next((one for one in task.choices.values() if one.variable == uses[0].callee), None)
    if choice is None or given is None or given.name != f"{choice.name}{_CONF_SUFFIX}":
        return
    if not all(use.chosen and use.callee == uses[0].callee for use in uses):
        return
    free = choice.optional and choice.default is None and node.entry(choice.name) is None
    filled = isinstance(given.value, Mapping) and given.value.entries and is_written(given.key)
    if free and filled and has_certain_keys(node) and not _is_read(library, task, given.name):
        words = list(choice.classes)
        yield value_finding(
            "R512",
            f"{given.name} has no effect: {task.name} has no {choice.name} unless it is chosen",
            given.key,
            "given to nobody",
            advice=(f"add {choice.name}: {format_names(words, _MAX_LISTED)}",),
        )


def _is_read(library: Library, task: Task, option: str) -> bool:
    """Return whether a task looks at a ``*_conf``, too, and not only hands it to a class."""
    file = library.file(task.location)
    looks = rf"(?<!\*\*)\bargs\.{re.escape(option)}\b".encode()
    return file is None or re.search(looks, file.content) is not None


def _conf_receiver(
    node: Mapping, task: Task, use: ConfCall
) -> tuple[ModuleLocation, str, Entry | None] | None:
    """Return module and name of the class that gets a ``*_conf``, and the entry that chose it."""
    if not use.chosen:
        return task.location, use.callee, None
    choice = next((item for item in task.choices.values() if item.variable == use.callee), None)
    if choice is None:
        return None
    entry = node.entry(choice.name)
    word = choice.default
    if entry:
        word = str(entry.value.value).lower() if isinstance(entry.value, Scalar) else None
    callee = choice.classes.get(word or "")
    return (choice.location, callee, entry) if callee else None
