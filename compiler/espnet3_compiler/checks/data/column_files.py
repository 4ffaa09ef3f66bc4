"""Columns of metrics that are files.

Passes: a metric of the recipe that reads ``hyp: wave``, the paths of wav files.
Fails: ``hyp: wave`` for ``WER``, which compares texts; ``enhanced: text`` for ``SISDR``, which
compares recordings; ``hyp: wave`` for ``DER``, which compares segments;
``dataset_artifacts: {wave: {type: wav}}`` without a sample rate, or in a stage without an inference
config.
"""

from collections.abc import Iterator

from msgspec import Struct

from espnet3_compiler.checks.data.bodies import class_of
from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.settings.inference_outputs import has_no_rate, is_wav, no_rate
from espnet3_compiler.checks.settings.metrics import COLUMN_PREFIX, read_columns
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.manifest.values import mapping_entries
from espnet3_compiler.signature import resolve_name
from espnet3_compiler.signature.definitions import ClassFound
from espnet3_compiler.signature.library import Library
from espnet3_compiler.stage_graph.stage_inputs import certain_config
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Scalar, node_at
from espnet3_schemas import TARGET

FILE_KINDS = ("audio", "array", "segments", "vector", "image", "table")
"""Kinds of the contract whose values are no lines of a table."""


class _Reads(Struct, frozen=True):
    """What a metric that says so reads.

    Attributes:
        what: Its plural.
        others: Kinds of the contract that are none.
        advice: What to read instead.
    """

    what: str
    others: tuple[str, ...]
    advice: str


_READS = {
    "reads_audio": _Reads(
        "recordings",
        ("text", "number", "category", "segments", "table"),
        "name an output of kind: audio or array, or dataset:COLUMN",
    ),
    "reads_segments": _Reads(
        "segments",
        ("audio", "array", "vector", "image", "number", "category"),
        "name an output of kind: segments or text, or dataset:COLUMN",
    ),
}
"""By what the class of a metric says of itself."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R603 for audio without a rate, R423 for files that are compared as texts, and R405."""
    found: list[Diagnostic] = []
    for stage in stages_of_kind("measure", recipe):
        metrics = certain_config(stage, "metrics", resolved)
        inference = certain_config(stage, "inference", resolved)
        bound = any(binding.role == "inference" for binding in stage.configs)
        if metrics:
            files = list(_check_metrics(metrics, inference, recipe.library))
            found += files or _check_columns(metrics, None if bound else stage.name)
    yield from first_per_location(found)


def _check_columns(metrics: Mapping, alone: Scalar | None) -> Iterator[Diagnostic]:
    """Report columns of the data that cannot be written as files.

    Args:
        metrics: The config of a stage measure.
        alone: The name of the stage, where it reads no inference config.
    """
    used = {node.value for _, node in read_columns(metrics)}
    for entry in mapping_entries(metrics.get("dataset_artifacts")):
        if f"{COLUMN_PREFIX}{entry.name}" not in used:
            continue
        if alone:
            yield value_finding(
                "R405",
                f'the column "{entry.name}" is read from the data set, which the stage '
                f'"{alone.value}" does not know: it has no inference config',
                entry.key,
                "of which data set?",
                related=(Label(alone.span, "reads no inference config"),),
                advice=("bind one: config: {metrics: …, inference: …}",),
            )
        elif is_wav(entry) and has_no_rate(entry.value):
            yield no_rate(entry, "type")


def _check_metrics(
    metrics: Mapping, inference: Mapping | None, library: Library
) -> Iterator[Diagnostic]:
    """Report files that a metric would compare as if they were texts."""
    columns = mapping_entries(metrics.get("dataset_artifacts"))
    files = {f"{COLUMN_PREFIX}{entry.name}": entry for entry in columns}
    files |= {entry.name: entry for entry in _written_files(inference)} if inference else {}
    kinds = dict(_declared_kinds(inference)) if inference else {}
    for metric, node in read_columns(metrics):
        target, name = node_at(metric, ("metric", TARGET)), str(node.value)
        if not isinstance(target, Scalar):
            continue
        if name in files and _says(library, str(target.value), "texts_only"):
            yield _not_text(node, files[name], str(target.value))
        for attribute, reads in _READS.items():
            wrong = name in kinds and kinds[name].value in reads.others
            if wrong and _says(library, str(target.value), attribute):
                yield _wrong_kind(node, kinds[name], str(target.value), reads)


def _written_files(inference: Mapping) -> Iterator[Entry]:
    """Yield the outputs of inference that certainly are files, where the config says so."""
    for entry in mapping_entries(node_at(inference, ("contract", "outputs"))):
        kind = node_at(entry.value, ("kind",))
        if isinstance(kind, Scalar) and kind.value in FILE_KINDS:
            yield entry
    for entry in mapping_entries(inference.get("output_artifacts")):
        written = (node_at(entry.value, (key,)) for key in ("type", "writer"))
        if any(isinstance(one, Mapping) or _has_text(one) for one in written):
            yield entry


def _declared_kinds(inference: Mapping) -> Iterator[tuple[str, Scalar]]:
    """Yield the kinds of the contract, of outputs for which no file of another type is asked."""
    files = {entry.name for entry in mapping_entries(inference.get("output_artifacts"))}
    for entry in mapping_entries(node_at(inference, ("contract", "outputs"))):
        kind = node_at(entry.value, ("kind",))
        if isinstance(kind, Scalar) and entry.name not in files:
            yield entry.name, kind


def _has_text(node: Node | None) -> bool:
    return isinstance(node, Scalar) and isinstance(node.value, str) and not is_unresolved(node)


def _says(library: Library, target: str, attribute: str) -> bool:
    """Return whether a class says something of a metric: what it compares or reads."""
    found = class_of(library, target)
    for item in resolve_name.resolution_order(library, found) if found else ():
        if not isinstance(item, ClassFound):
            return False
        if attribute in item.summary.members:
            return item.summary.literals.get(attribute) is True
    return False


def _not_text(node: Scalar, entry: Entry, target: str) -> Diagnostic:
    key = "dataset_artifacts" if str(node.value).startswith(COLUMN_PREFIX) else "output_artifacts"
    declared = key if node_at(entry.value, ("kind",)) is None else "contract.outputs"
    meant = "write kind: text" if declared != key else f'remove "{entry.name}" from {declared}'
    return value_finding(
        "R423",
        f'"{node.value}" is a file for each item, and {target.rpartition(".")[2]} compares texts',
        node,
        "a file, not a text",
        related=(Label(use_location(entry.key), f"{declared} makes it a file"),),
        advice=(f"{meant}, if it is a text, or read another column",),
    )


def _wrong_kind(node: Scalar, kind: Scalar, target: str, reads: _Reads) -> Diagnostic:
    return value_finding(
        "R423",
        f'"{node.value}" is {kind.value}, and {target.rpartition(".")[2]} compares {reads.what}',
        node,
        f"no {reads.what}",
        related=(Label(use_location(kind), "its kind"),),
        advice=(reads.advice,),
    )
