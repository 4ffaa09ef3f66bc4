"""The fields of an item, as far as the code of data sets and preprocessors says their shapes."""

import re

from espnet3_compiler.checks.data.bodies import method_body
from espnet3_compiler.checks.data.fields import preprocessor_of
from espnet3_compiler.checks.data.sample_fields import (
    FRAMES,
    INDEXING,
    SAME_FIELDS,
    sample_parameter,
)
from espnet3_compiler.checks.shapes.calls import call_method, construct
from espnet3_compiler.checks.shapes.frames import Run
from espnet3_compiler.checks.shapes.interpreter import start_run
from espnet3_compiler.checks.shapes.made.arrays import NUMBER
from espnet3_compiler.checks.shapes.targets import target_arguments
from espnet3_compiler.checks.shapes.values import CallArgument, CallArguments, Item, Value
from espnet3_compiler.checks.targets.datasets import DatasetEntry
from espnet3_compiler.checks.targets.nodes import target_path
from espnet3_compiler.manifest.values import text_of
from espnet3_compiler.signature.library import Library
from espnet3_compiler.syntax.tree import Mapping, Node, is_null, to_python
from espnet3_schemas import TARGET

_OF_RUNTIME = {**SAME_FIELDS, **INDEXING, FRAMES: "labels"}
_FROM_RUNTIME = ("data_dir", "recipe_dir")
_MAKING = frozenset(
    (
        *("array", "tensor", "zeros", "ones", "full", "stack", "linspace", "stft", "load"),
        *("unsqueeze", "expand_dims", "reshape", "ord", "index"),
    )
)
"""Functions and methods that make arrays of known sizes."""

_TELLING = re.compile(r"\bNone\]|\[None\b|\bnewaxis\b|^from (?:\.|src|dataset)", re.MULTILINE)
"""What code has in it that puts an axis in, or may make such arrays elsewhere."""

_SAVING = ("np.save(", "numpy.save(")


def split_item(library: Library, config: Mapping, split: str, data: DatasetEntry) -> Item:
    """Return the fields of an item after its transform and preprocessor.

    Args:
        library: Reads the recipe's code.
        config: A training or inference config.
        split: ``train``, ``valid`` or ``test``.
        data: A data set of the split.
    """
    item = _own_item(data) if _may_tell(data) or preprocessor_of(config, split) else Item()
    item = _changed(_start(data.library), data.node.get("transform"), item)
    return _changed(_start(library), preprocessor_of(config, split), item)


def _start(library: Library) -> Run:
    run = start_run(library)
    run.data = True
    return run


def _may_tell(data: DatasetEntry) -> bool:
    """Return whether the module of a data set may say of an array more than that it is one."""
    body = method_body(data.library, f"{data.module}.Dataset", "__getitem__")
    text = body.file.text.text if body else ""
    return bool(_TELLING.search(text)) or not _MAKING.isdisjoint(re.findall(r"\b(\w+)\(", text))


def _own_item(data: DatasetEntry) -> Item:
    """Return what ``Dataset.__getitem__`` gives."""
    given = data.node.get("data_src_args")
    key = ("item", data.module, data.certain, repr(to_python(given)) if given else "")
    if key not in data.library.memo:  # several stages read the same data
        data.library.memo[key] = _find_own_item(data)
    found: Item = data.library.memo[key]
    return Item(found.fields, closed=found.closed)


def _find_own_item(data: DatasetEntry) -> Item:
    run = _start(data.library)
    _note_saved(run, f"{data.module}.DatasetBuilder")
    path, given = f"{data.module}.Dataset", data.node.get("data_src_args")
    arguments = CallArguments(complete=False)
    if data.certain and (given is None or isinstance(given, Mapping)):
        named = target_arguments(run, given, _FROM_RUNTIME).named if given else {}
        unknown = {name: CallArgument(None) for name in _FROM_RUNTIME}
        arguments = CallArguments(named={**unknown, **named})
    part = construct(run, path, arguments, certain=True)
    index = CallArguments((CallArgument(NUMBER),))
    return _as_item(part and call_method(run, part, "__getitem__", index, certain=True))


def _note_saved(run: Run, path: str) -> None:
    """Follow what prepares the data, as far as it saves arrays that a data set may load."""
    body = method_body(run.library, path, "build")
    if body and any(one in body.file.text.text for one in _SAVING):
        unknown = CallArguments(complete=False)
        builder = construct(run, path, unknown, certain=False)
        if builder:
            call_method(run, builder, "build", unknown, certain=False)


def _as_item(value: Value) -> Item:
    return value if isinstance(value, Item) else Item()


def _changed(run: Run, node: Node | None, item: Item) -> Item:
    """Return an item after a transform or preprocessor.

    Args:
        run: What is shared.
        node: The transform or preprocessor; null changes nothing.
        item: The item before.
    """
    if node is None or is_null(node):
        return item
    path = target_path(node) if isinstance(node, Mapping) else ""
    if not isinstance(node, Mapping) or not path:
        return Item()
    if path in _OF_RUNTIME:
        return _renamed(node, item, _OF_RUNTIME[path])
    part = construct(run, path, target_arguments(run, node, ()), certain=True)
    body = method_body(run.library, path, "__call__")
    if part is None or body is None:
        return Item()
    given = CallArguments(named={sample_parameter(body.node): CallArgument(item)})
    return _as_item(call_method(run, part, "__call__", given, certain=True))


def _renamed(node: Mapping, item: Item, usual: str) -> Item:
    """Return an item of which a preprocessor of the runtime has changed a field in some way."""
    field = text_of(node.get("field")) or usual
    to = text_of(node.get("to")) or field
    if "$" in field + to or text_of(node.get(TARGET)) == "":
        return Item()
    return item.without(field).with_field(to, CallArgument(None))
