"""The ``inputs`` of a metric against what it is called with.

Passes: ``{metric: {_target_: espnet3_runtime.metrics.wer.WER}, inputs: {ref: …, hyp: …}}``.
Fails: ``inputs: {reference: …, hyp: …}``.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.target_arguments import compare
from espnet3_compiler.checks.target_case import Case
from espnet3_compiler.checks.target_nodes import Slot, arguments, flag
from espnet3_compiler.diagnostic import Diagnostic
from espnet3_compiler.ir import Recipe, Resolved
from espnet3_compiler.lower import in_role
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.model import Reading, Signature
from espnet3_compiler.signature.reader import read, read_method
from espnet3_compiler.tree import Entry, Mapping, Scalar, Sequence
from espnet3_schemas import TARGET

_OFFERED = Slot(offered=("utt_ids", "directory"))


def check_metrics(library: Library, recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R502 and R503 for inputs that a metric does not take.

    Args:
        library: Reads the signatures of targets.
        recipe: The declarations of the manifest.
        resolved: The values of its configs.
    """
    for name, config in in_role(recipe, resolved, "metrics"):
        block = config.get("metrics")
        for item in block.items if isinstance(block, Sequence) else ():
            if isinstance(item, Mapping):
                yield from _metric(library, item, sure=resolved.is_sure(name))


def _metric(library: Library, item: Mapping, *, sure: bool) -> Iterator[Diagnostic]:
    metric, inputs = item.get("metric"), item.entry("inputs")
    if not isinstance(metric, Mapping) or not inputs or not isinstance(inputs.value, Mapping):
        return
    path = metric.get(TARGET)
    if not isinstance(path, Scalar) or not isinstance(path.value, str) or not inputs.value.entries:
        return
    reading = _called(library, metric, path.value)
    if isinstance(reading, Signature):
        yield from _names_only(
            Case(
                library,
                reading,
                inputs.value,
                Entry(inputs.key, inputs.key),
                inputs.value.entries,
                slot=_OFFERED,
                partial=not sure,
                flags=False,
            )
        )


def _called(library: Library, metric: Mapping, path: str) -> Reading:
    """Return what the object takes that the node makes."""
    if flag(metric, "_partial_") is not True:
        return read_method(library, path, "__call__")
    reading = read(library, path)
    if not isinstance(reading, Signature):
        return reading
    bound = {entry.name for entry in arguments(metric)}
    left = tuple(item for item in reading.parameters if item.name not in bound)
    return Signature(reading.name, left, reading.more_places, reading.more_names, reading.origin)


def _names_only(case: Case) -> Iterator[Diagnostic]:
    """Yield findings about names: an input is a list of texts, whatever the config says of it."""
    yield from (found for found in compare(case) if found.code != "R504")
