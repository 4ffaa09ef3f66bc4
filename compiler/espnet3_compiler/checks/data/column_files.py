"""Outputs of inference and columns of the data that become files.

Passes: ``output_artifacts: {wave: {type: wav, sample_rate: 8000}}``; a metric of the recipe that
reads the paths of such files.
Fails: ``type: wav`` without a sample rate, beside it or in the contract; ``hyp: wave`` for ``WER``,
which compares texts; ``dataset_artifacts`` of a stage without an inference config.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.data.bodies import class_of
from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.settings.metrics import COLUMN_PREFIX, read_columns
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.manifest.values import as_texts, mapping_entries
from espnet3_compiler.signature import resolve_name
from espnet3_compiler.signature.definitions import ClassFound
from espnet3_compiler.signature.library import Library
from espnet3_compiler.stage_graph.stage_inputs import certain_config
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Scalar, node_at
from espnet3_schemas import TARGET

FILE_KINDS = ("audio", "segments")
"""Kinds of the contract whose values are no lines of a table."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R603 for audio without a rate, R423 for files that are compared as texts, and R405."""
    found: list[Diagnostic] = []
    for stage in stages_of_kind("infer", recipe):
        if config := certain_config(stage, "inference", resolved):
            found += _check_rates(config)
    for stage in stages_of_kind("measure", recipe):
        metrics = certain_config(stage, "metrics", resolved)
        inference = certain_config(stage, "inference", resolved)
        bound = any(binding.role == "inference" for binding in stage.configs)
        if metrics:
            files = list(_check_metrics(metrics, inference, recipe.library))
            found += files or _check_columns(metrics, None if bound else stage.name)
    yield from first_per_location(found)


def has_no_rate(field: Node | None) -> bool:
    """Return whether a field or a file certainly has no sample rate."""
    rate = node_at(field, ("sample_rate",)) if field else None
    return rate is None or (isinstance(rate, Scalar) and rate.value is None)


def _check_rates(config: Mapping) -> Iterator[Diagnostic]:
    """Report audio that ``infer`` would write without knowing its rate."""
    artifacts = mapping_entries(config.get("output_artifacts"))
    contract = node_at(config, ("contract", "outputs"))
    for entry in artifacts:
        field = node_at(contract, (entry.name,)) if contract else None
        if _is(entry, "type", "wav") and has_no_rate(entry.value) and has_no_rate(field):
            yield _no_rate(entry, "type", "beside type: wav")
    others = {entry.name for entry in artifacts}
    kept = {str(node.value) for node in as_texts(config.get("output_keys"))}
    for entry in mapping_entries(contract):
        written = entry.name not in others and (not kept or entry.name in kept)
        if written and _is(entry, "kind", "audio") and has_no_rate(entry.value):
            yield _no_rate(entry, "kind", "beside kind: audio")


def _is(entry: Entry, key: str, value: str) -> bool:
    node = node_at(entry.value, (key,))
    return isinstance(node, Scalar) and node.value == value


def _no_rate(entry: Entry, key: str, where: str) -> Diagnostic:
    node = node_at(entry.value, (key,))
    return value_finding(
        "R603",
        f'the sample rate of "{entry.name}" is not known, and it is written as a wav file',
        node or entry.key,
        "no sample_rate",
        advice=(f"write sample_rate: and its number of Hz {where}",),
    )


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
        elif _is(entry, "type", "wav") and has_no_rate(entry.value):
            yield _no_rate(entry, "type", "beside type: wav")


def _check_metrics(
    metrics: Mapping, inference: Mapping | None, library: Library
) -> Iterator[Diagnostic]:
    """Report files that a metric would compare as if they were texts."""
    columns = mapping_entries(metrics.get("dataset_artifacts"))
    files = {f"{COLUMN_PREFIX}{entry.name}": entry for entry in columns}
    files |= {entry.name: entry for entry in _written_files(inference)} if inference else {}
    for metric, node in read_columns(metrics):
        entry = files.get(str(node.value))
        target = node_at(metric, ("metric", TARGET))
        if entry and isinstance(target, Scalar) and _compares_texts(library, str(target.value)):
            yield _not_text(node, entry, str(target.value))


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


def _has_text(node: Node | None) -> bool:
    return isinstance(node, Scalar) and isinstance(node.value, str) and not is_unresolved(node)


def _compares_texts(library: Library, target: str) -> bool:
    """Return whether objects of a class say that they take no paths of files."""
    found = class_of(library, target)
    for item in resolve_name.resolution_order(library, found) if found else ():
        if not isinstance(item, ClassFound):
            return False
        if "texts_only" in item.summary.members:
            return item.summary.literals.get("texts_only") is True
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
