"""Methods of the recipe that the runtime calls, against the arguments that it calls them with.

Passes: ``def measure(self, context)`` of a System; ``def __call__(self, sample)`` of a transform,
``def __call__(self, utt_id, sample)`` of a preprocessor.
Fails: ``def measure(self)``; ``def __call__(self, items, pad)`` of a collate function; a
``transform`` whose ``forward`` takes the audio and its length.

A runner is called with fields by name, too: ``runners`` judges it.
"""

from collections.abc import Iterator
from typing import NamedTuple

from espnet3_compiler.checks.data.bodies import FunctionBody, class_of, entries_of, method_body
from espnet3_compiler.checks.targets.datasets import entry_span, is_available
from espnet3_compiler.checks.targets.nodes import TargetNode, find_targets
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import is_custom_kind, is_known_kind, stage_kind
from espnet3_compiler.signature.classes import is_module_class
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.read import read_method
from espnet3_compiler.signature.result import Signature
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Path, Scalar
from espnet3_schemas import TARGET


class RuntimeCall(NamedTuple):
    """How the runtime calls a method.

    Attributes:
        method: Its name.
        positional: What it is given by position, by the names of the documentation.
        named: What it is given by name.
    """

    method: str
    positional: tuple[str, ...] = ()
    named: tuple[str, ...] = ()

    def __str__(self) -> str:
        shown = (*self.positional, *(f"{name}=…" for name in self.named))
        return f"{self.method}({', '.join(shown)})"


_PREPROCESSOR = RuntimeCall("__call__", ("sample",))
_PREPROCESSOR_WITH_ID = RuntimeCall("__call__", ("utt_id", "sample"))
_OF_OBJECTS: dict[tuple[str, ...], RuntimeCall] = {
    ("dataset", "transform"): RuntimeCall("__call__", ("sample",)),
    ("dataset", "preprocessor"): _PREPROCESSOR,
    ("dataloader", "collate_fn"): RuntimeCall("__call__", ("items",)),
}
"""Keys of objects that are called by position."""

_OF_DATASETS = (RuntimeCall("__len__"), RuntimeCall("__getitem__", ("index",)))
_SAMPLES = ("sample", "example", "item", "row", "record")
"""What nobody calls the id of an utterance."""

_SPLITS = ("train", "valid", "test")


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R429, once for each method."""
    found = [*_check_system(recipe), *_check_objects(recipe, resolved)]
    found += _check_data(recipe, resolved)
    yield from first_per_location(found)


def _check_system(recipe: Recipe) -> Iterator[Diagnostic]:
    """Report a System whose constructor or stages cannot be called."""
    path, used = recipe.system.class_path, recipe.system.name.span
    calls = [RuntimeCall("__init__", named=("configs",))]
    kinds = dict.fromkeys(stage_kind(stage) for stage in recipe.stages)
    calls += [
        RuntimeCall(kind, ("context",)) for kind in kinds if kind and is_known_kind(kind, recipe)
    ]
    for call in calls:
        yield from check_call(recipe.library, path, call, used)


def _check_objects(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    stages = [stage for stage in recipe.stages if not is_custom_kind(stage, recipe)]
    read = {binding.config for stage in stages for binding in stage.configs}
    for target in find_targets(recipe, resolved):
        path = target.node.get(TARGET)
        call = _OF_OBJECTS.get(_keys(target.path))
        if call and target.judged and target.path[1] in read and isinstance(path, Scalar):
            yield from _check_object(recipe.library, target, path, call)


def _keys(path: Path) -> tuple[str, ...]:
    """Return the keys of a path below a config, without those of splits and lists."""
    inner = path[2:] if path[:1] == ("configs",) else ()
    return tuple(part for part in inner if isinstance(part, str) and part not in _SPLITS)


def _check_object(
    library: Library, target: TargetNode, path: Scalar, call: RuntimeCall
) -> Iterator[Diagnostic]:
    name = str(path.value)
    if call is _PREPROCESSOR and _takes_id(read_method(library, name, call.method)):
        call = _PREPROCESSOR_WITH_ID
    found = class_of(library, name)
    if found and is_module_class(library, found):
        call = call._replace(method="forward")
    if target.node.entry("_partial_") is None:
        yield from check_call(library, name, call, use_location(path))


def _takes_id(found: object) -> bool:
    """Return whether a preprocessor gets the id of the utterance first, as the runtime decides."""
    room = found.positional if isinstance(found, Signature) else ()
    needed = [item.name for item in room if item.required]
    return len(needed) == len(_PREPROCESSOR_WITH_ID.positional) and needed[0] not in _SAMPLES


def _check_data(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    for stage in recipe.stages:
        read = stage_kind(stage) != "create_dataset"
        for data in filter(is_available, entries_of(stage, recipe, resolved)) if read else ():
            path = f"{data.module}.Dataset"
            for call in _OF_DATASETS:
                yield from check_call(data.library, path, call, entry_span(data))


def check_call(library: Library, path: str, call: RuntimeCall, used: Span) -> Iterator[Diagnostic]:
    """Yield R429 for a method of the recipe that cannot take a call.

    Args:
        library: Reads the code of the recipe.
        path: The dotted path of the class.
        call: How the runtime calls the method.
        used: The value that names the class.
    """
    body = method_body(library, path, call.method)
    signature = read_method(library, path, call.method) if body else None
    problem = _problem_of(signature, call) if isinstance(signature, Signature) else ""
    if body and problem:
        yield uncallable(body, f"{path}.{call.method} {problem}", used, _advice(call))


def uncallable(body: FunctionBody, message: str, used: Span, advice: str) -> Diagnostic:
    """Return R429 at the ``def`` of a method.

    Args:
        body: The method.
        message: One sentence.
        used: The value that leads to it.
        advice: What to write instead.
    """
    return Diagnostic(
        "R429",
        message,
        Label(body.span_of(body.node, f"def {body.node.name}"), "called by the runtime"),
        (Label(used, "used here"),),
        (advice,),
    )


def _problem_of(signature: Signature, call: RuntimeCall) -> str:
    """Return why a method cannot take a call, as the end of a sentence; nothing where it can."""
    room, count = signature.positional, len(call.positional)
    if len(room) < count and not signature.more_positional:
        return f"is called as {call}, and takes {_count(len(room))}"
    taken = {item.name for item in room[:count]}
    missing = [item.name for item in signature.parameters if item.required]
    missing = [name for name in missing if name not in taken and name not in call.named]
    if missing:
        return f'needs "{missing[0]}", and is called as {call}'
    refused = [name for name in call.named if signature.find(name) is None]
    if refused and not signature.more_keywords:
        return f'has no argument "{refused[0]}", and is called as {call}'
    return ""


def _count(arguments: int) -> str:
    return "no argument" if arguments == 0 else f"only {arguments}"


def _advice(call: RuntimeCall) -> str:
    star = ("*",) if call.named else ()
    names = ", ".join(("self", *call.positional, *star, *call.named))
    return f"write def {call.method}({names})"
