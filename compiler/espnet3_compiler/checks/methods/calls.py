"""Methods of the recipe that the runtime calls, against the arguments that it calls them with.

Passes: ``def measure(self, context)`` of a System; ``def __call__(self, sample)`` of a transform,
``def __call__(self, utt_id, sample)`` of a preprocessor; ``def louder(sample, gain)`` with
``{_target_: src.augment.louder, gain: 2.0, _partial_: true}``.
Fails: ``def measure(self)``; ``def __call__(self, items, pad)`` of a collate function; a writer
``def save(path, value)``; a ``transform`` whose ``forward`` takes the audio and its length.

``extract_features`` of a model gets the ``layer`` of its ``cluster`` block.
A runner is called with fields by name, too: ``runners`` judges it.
"""

from collections.abc import Iterator
from itertools import takewhile

from msgspec import Struct
from msgspec.structs import replace

from espnet3_compiler.checks.data.bodies import (
    FunctionBody,
    class_of,
    first_entries,
    function_body,
    method_body,
)
from espnet3_compiler.checks.targets.datasets import entry_span
from espnet3_compiler.checks.targets.nodes import (
    TargetNode,
    config_keys,
    find_targets,
    flag_value,
    keyword_arguments,
)
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.expressions.template import has_reference
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import (
    is_custom_kind,
    is_known_kind,
    stage_kind,
    stages_of_kind,
)
from espnet3_compiler.manifest.values import text_of
from espnet3_compiler.signature.classes import is_module_class
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.read import read, read_method
from espnet3_compiler.signature.result import Signature
from espnet3_compiler.stage_graph.stage_inputs import certain_config, model_of
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Scalar, is_null, node_at
from espnet3_schemas import TARGET


class RuntimeCall(Struct, frozen=True):
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

_WRITER = RuntimeCall("__call__", ("value", "path"))
_PATHS = ("path", "file", "filename", "out", "out_path", "output_path")
"""What nobody calls the value that is written."""

_FEATURES, _LAYER = "extract_features", "layer"
"""The method of a model that a cluster stage calls, and the argument that its config gives."""

_OF_DATASETS = (RuntimeCall("__len__"), RuntimeCall("__getitem__", ("index",)))
_SAMPLES = ("sample", "example", "item", "row", "record")
"""What nobody calls the id of an utterance."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R429, once for each method."""
    found = [*_check_system(recipe), *_check_objects(recipe, resolved)]
    found += [*_check_data(recipe, resolved), *_check_features(recipe, resolved)]
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
        path, keys = target.node.get(TARGET), config_keys(target.path)
        call = _OF_OBJECTS.get(keys)
        if not isinstance(path, Scalar) or not target.judged or target.path[1] not in read:
            continue
        if call:
            yield from _check_object(recipe.library, target, path, call)
        elif (*keys[:1], *keys[-1:]) == ("output_artifacts", "writer"):
            yield from _check_writer(recipe.library, path)


def _check_object(
    library: Library, target: TargetNode, path: Scalar, call: RuntimeCall
) -> Iterator[Diagnostic]:
    name, used = str(path.value), use_location(path)
    if flag_value(target.node, "_partial_") is True:
        yield from _check_partial(library, target, path, call)
        return
    found = class_of(library, name)
    method = "forward" if found and is_module_class(library, found) else call.method
    call = replace(_with_id(call, read_method(library, name, call.method)), method=method)
    if target.node.entry("_partial_") is None:
        yield from check_call(library, name, call, used)


def _check_writer(library: Library, path: Scalar) -> Iterator[Diagnostic]:
    """Report a writer of files whose first argument is called as its second is."""
    body = function_body(library, str(path.value))
    names = [one.arg for one in body.node.args.args[:2]] if body else []
    if body and names[:1] and names[0] in _PATHS and names[-1] not in _PATHS:
        call = replace(_WRITER, method=body.node.name)
        message = f"{path.value} takes ({', '.join(names)}), and is called as {call}"
        advice = f"write def {body.node.name}({', '.join(reversed(names))})"
        yield uncallable(body, message, use_location(path), advice)


def _check_partial(
    library: Library, target: TargetNode, path: Scalar, call: RuntimeCall
) -> Iterator[Diagnostic]:
    """Report a function that cannot be called with what ``_partial_`` leaves open.

    Behind an argument that is given by name, no other can be given by position.
    """
    body, signature = function_body(library, str(path.value)), read(library, str(path.value))
    by_place = target.node.entry("_args_") is not None
    if body is None or not isinstance(signature, Signature) or by_place:
        return
    bound = {entry.name for entry in keyword_arguments(target.node)}
    room = list(takewhile(lambda item: item.name not in bound, signature.positional))
    others = [replace(item, kind="keyword") for item in signature.parameters if item not in room]
    given = tuple(item.name for item in others if item.name in bound)
    signature = replace(signature, parameters=(*room, *others))
    call = replace(_with_id(call, signature), method=body.node.name, named=given)
    names = ", ".join(dict.fromkeys((*call.positional, *given)))
    advice = f"write def {call.method}({names})"
    yield from _misfit(body, signature, call, use_location(path), advice)


def _with_id(call: RuntimeCall, found: object) -> RuntimeCall:
    """Return how a preprocessor is called: with the id of the utterance first, if it takes two."""
    room = found.positional if isinstance(found, Signature) else ()
    needed = [item.name for item in room if item.required]
    takes_id = len(needed) == len(_PREPROCESSOR_WITH_ID.positional) and needed[0] not in _SAMPLES
    return _PREPROCESSOR_WITH_ID if call is _PREPROCESSOR and takes_id else call


def _check_data(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    reading = [stage for stage in recipe.stages if stage_kind(stage) != "create_dataset"]
    for data in first_entries(reading, recipe, resolved):
        for call in _OF_DATASETS:
            yield from check_call(data.library, f"{data.module}.Dataset", call, entry_span(data))


def _check_features(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Report models whose features a stage clusters, and that do not take the layer it names."""
    clusters = "cluster" in recipe.system.kinds
    for stage in stages_of_kind("cluster", recipe) if clusters else ():
        config, model = certain_config(stage, "training", resolved), model_of(stage, resolved)
        path = model.get(TARGET) if model else None
        if config is None or path is None or not is_null(node_at(config, ("cluster", "features"))):
            continue
        layer = node_at(config, ("cluster", _LAYER))
        signature = read_method(recipe.library, text_of(path), _FEATURES)
        if has_reference(text_of(layer)) or not isinstance(signature, Signature):
            continue
        needed = [one.name for one in signature.positional if one.required and one.name != _LAYER]
        named = () if is_null(layer) else (_LAYER,)
        call = RuntimeCall(_FEATURES, tuple(needed), named)
        used = use_location(layer) if layer is not None and named else use_location(path)
        yield from check_call(recipe.library, text_of(path), call, used)


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
    if body and isinstance(signature, Signature):
        yield from _misfit(body, signature, call, used, _advice(call))


def _misfit(
    body: FunctionBody, signature: Signature, call: RuntimeCall, used: Span, advice: str
) -> Iterator[Diagnostic]:
    """Yield R429 for a function that cannot take a call.

    Args:
        body: The function.
        signature: What it takes.
        call: How the runtime calls it.
        used: The value that names it.
        advice: What to write instead.
    """
    if problem := _problem_of(signature, call):
        yield uncallable(body, f"{signature.name} {problem}", used, advice)


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
