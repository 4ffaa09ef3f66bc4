"""Columns of the data that a metric cannot be given: arrays and lists, where it reads texts.

Passes: ``ref: "dataset:price"`` where items have ``"price": f"{target:.3f}"``; ``ref:
"dataset:clean"`` of a metric with ``reads_audio = True``, or beside ``dataset_artifacts``.
Fails: ``ref: "dataset:target"`` where items have ``"target": np.array([target])``.
"""

from collections.abc import Iterator

from msgspec import Struct

from espnet3_compiler.checks.code.modules import RecipeModule, recipe_modules
from espnet3_compiler.checks.data.bodies import class_of, dataset_class
from espnet3_compiler.checks.data.columns import is_read, listed_columns
from espnet3_compiler.checks.data.fields import COLLATE, preprocessor_of, split_entries
from espnet3_compiler.checks.data.streams import is_stream
from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.item_kinds.axes import has_axes
from espnet3_compiler.checks.item_kinds.kinds import NUMBER, TEXT, FieldKind, ItemKinds
from espnet3_compiler.checks.item_kinds.makers import item_kinds
from espnet3_compiler.checks.settings.metrics import COLUMN_PREFIX, read_columns
from espnet3_compiler.checks.targets.datasets import DatasetEntry
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.manifest.values import mapping_entries, text_of
from espnet3_compiler.signature.definitions import ClassFound
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.read import read_method
from espnet3_compiler.signature.resolve_name import resolution_order
from espnet3_compiler.signature.result import Signature
from espnet3_compiler.stage_graph.stage_inputs import certain_config, model_of
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Mapping, Scalar, is_null, node_at
from espnet3_schemas import TARGET

_READS_FILES = ("reads_audio", "reads_segments")
"""What a metric says that is given files of what is no text."""

_LENGTHS = "_lengths"
_FREE = ("utt_id", "sample_rate")


class _Column(Struct, frozen=True):
    """A column that a metric reads.

    Attributes:
        node: The input of the metric.
        name: The field of the data.
        metric: The dotted path of the metric.
    """

    node: Scalar
    name: str
    metric: str


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R423, once for each input."""
    found: list[Diagnostic] = []
    judged = recipe.complete and "infer" not in recipe.system.own  # which may write more columns
    for stage in stages_of_kind("measure", recipe) if judged else ():
        metrics = certain_config(stage, "metrics", resolved)
        inference = certain_config(stage, "inference", resolved)
        columns = list(_columns(metrics, recipe.library)) if metrics and inference else ()
        entries = split_entries(recipe, inference, "test") if inference and columns else ()
        modules = recipe_modules(recipe, resolved) if entries else ()
        padded = _padded_fields(recipe, resolved) if entries else set()
        for data in entries:
            kinds = item_kinds(data)
            for column in columns if kinds.fields else ():
                kind = kinds.named(column.name)
                several = (data.module, column.name) in padded or _is_several(kind, data)
                plain = kind.name not in (TEXT, NUMBER) and several
                if plain and _gives_no_column(column, kinds, data, modules):
                    found.append(_finding(column, kind, kinds))
    yield from first_per_location(found)


def _columns(metrics: Mapping, library: Library) -> Iterator[_Column]:
    """Yield the columns of the data that metrics of texts and numbers read."""
    files = {entry.name for entry in mapping_entries(metrics.get("dataset_artifacts"))}
    for item, node in read_columns(metrics):
        text, metric = str(node.value), text_of(node_at(item, ("metric", TARGET)))
        name = text.removeprefix(COLUMN_PREFIX)
        plain = text.startswith(COLUMN_PREFIX) and "$" not in text and name not in files
        if plain and metric and _takes_texts(library, metric):
            yield _Column(node, name, metric)


def _takes_texts(library: Library, path: str) -> bool:
    """Return whether a metric certainly does not say that it reads files."""
    found = class_of(library, path)
    for one in resolution_order(library, found) if found else ():
        if not isinstance(one, ClassFound) or one.summary.decorators:
            return False
        members = one.summary.members
        file = library.file(one.location) if one.location.local else None
        words = (*_READS_FILES, "setattr(", "__dict__") if file else ()
        if any(word in file.text.text for word in words if file) or "__getattr__" in members:
            return False
        if any(name in members for name in _READS_FILES):
            return False
    return found is not None


def _is_several(kind: FieldKind, data: DatasetEntry) -> bool:
    return bool(kind.node and kind.body and has_axes(kind.node, kind.body, data.library))


def _padded_fields(recipe: Recipe, resolved: Resolved) -> set[tuple[str, str]]:
    """Return the fields of data sets of which a training needs the lengths, as the items have them.

    Each comes with the module of its data set.
    """
    found: set[tuple[str, str]] = set()
    for stage in stages_of_kind("train", recipe):
        config, model = certain_config(stage, "training", resolved), model_of(stage, resolved)
        path = text_of(model.get(TARGET)) if model else ""
        signature = read_method(recipe.library, path, "forward") if path and config else None
        entries = split_entries(recipe, config, "train") if config else []
        changed = [one.node.get("transform") for one in entries]
        changed += [preprocessor_of(config, "train")] if config else []
        collate = node_at(config, ("dataloader", "collate_fn", TARGET)) if config else None
        same = text_of(collate) == COLLATE and all(one is None or is_null(one) for one in changed)
        if isinstance(signature, Signature) and same:
            names = [one.name for one in signature.parameters if one.required]
            fields = [one.removesuffix(_LENGTHS) for one in names if one.endswith(_LENGTHS)]
            found |= {(data.module, field) for data in entries for field in fields}
    return found


def _gives_no_column(
    column: _Column, kinds: ItemKinds, data: DatasetEntry, modules: tuple[RecipeModule, ...]
) -> bool:
    """Return whether a data set certainly has no texts for a field: by its method ``column``.

    Args:
        column: The column.
        kinds: The fields of its items.
        data: The data set.
        modules: The modules of the recipe.
    """
    found = dataset_class(data)
    if found is None or is_stream(data.library, found):
        return False
    order = resolution_order(data.library, found)
    own = [one.summary.members for one in order if isinstance(one, ClassFound)]
    if len(own) < len(order) or any("__getattr__" in members for members in own):
        return False
    if not any("column" in members for members in own):
        return True
    listed = listed_columns([data], frozenset(kinds.fields) - {column.name}, modules)
    unlisted = listed is not None and column.name not in listed
    return unlisted and not is_read(column.name, data, modules)


def _finding(column: _Column, kind: FieldKind, kinds: ItemKinds) -> Diagnostic:
    """Return R423.

    Args:
        column: The column.
        kind: What it is.
        kinds: The fields of the items.
    """
    made = kind.body.span_in(kind.node) if kind.body and kind.node else None
    lines = [name for name, one in kinds.fields.items() if one.name in (TEXT, NUMBER)]
    meant = [f'"{COLUMN_PREFIX}{name}"' for name in lines if name not in _FREE]
    other = f"read a text or a number, for example {meant[0]}" if meant else "read a text"
    return value_finding(
        "R423",
        f'"{column.name}" of the data is no text and no number, and {column.metric} is given '
        "nothing else",
        column.node,
        "an array or a list in each item",
        related=(Label(made, "made here"),) if made else (),
        advice=(other, "a metric that reads paths of .npy files says so: reads_audio = True"),
    )
