"""The ``inputs`` of a metric against the arguments of its call.

Passes: ``{metric: {_target_: espnet3_runtime.metrics.wer.WER}, inputs: {ref: …, hyp: …}}``.
Fails: ``inputs: {reference: …, hyp: …}``.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from espnet3_compiler.checks.targets.arguments import check_arguments
from espnet3_compiler.checks.targets.nodes import TargetSlot, flag_value, keyword_arguments
from espnet3_compiler.checks.targets.target_call import TargetCall
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.manifest.lower import configs_in_role
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.read import read, read_method
from espnet3_compiler.signature.result import Signature, SignatureResult
from espnet3_compiler.syntax.tree import Entry, Mapping, Scalar, Sequence
from espnet3_schemas import TARGET

_METRIC_SLOT = TargetSlot(offered=("utt_ids", "directory", "item_scores"))


def check_metrics(library: Library, recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R502 and R503 for inputs that a metric does not take.

    Args:
        library: Reads the signatures of targets.
        recipe: The declarations of the manifest.
        resolved: The values of its configs.
    """
    for name, config in configs_in_role(recipe, resolved, "metrics"):
        block = config.get("metrics")
        for item in block.items if isinstance(block, Sequence) else ():
            if isinstance(item, Mapping):
                yield from _check_metric(library, item, certain=resolved.is_certain(name))


def _check_metric(library: Library, item: Mapping, *, certain: bool) -> Iterator[Diagnostic]:
    metric, inputs = item.get("metric"), item.entry("inputs")
    if not isinstance(metric, Mapping) or not inputs or not isinstance(inputs.value, Mapping):
        return
    path = metric.get(TARGET)
    if not isinstance(path, Scalar) or not isinstance(path.value, str) or not inputs.value.entries:
        return
    signature = _metric_signature(library, metric, path.value)
    if isinstance(signature, Signature):
        call = TargetCall(
            library,
            signature,
            inputs.value,
            Entry(inputs.key, inputs.key),
            inputs.value.entries,
            slot=_METRIC_SLOT,
            incomplete=not certain,
            flags=False,
        )
        # An input names a column: its type is not that of the argument.
        every = [found for found in check_arguments(call) if found.code != "R504"]
        unknown = [found for found in every if found.code == "R502"]
        yield from (found for found in every if found.code != "R502")
        yield from _joined(unknown)


def _joined(unknown: list[Diagnostic]) -> Iterator[Diagnostic]:
    """Yield one finding for the inputs that a metric does not take: it has other names for them."""
    if unknown:
        first, *others = unknown
        advice = dict.fromkeys(text for one in unknown for text in one.help)
        yield replace(first.joined_with_all(others, "likewise"), help=tuple(advice))


def _metric_signature(library: Library, metric: Mapping, path: str) -> SignatureResult:
    """Return the signature of the object that a metric's node builds."""
    if flag_value(metric, "_partial_") is not True:
        return read_method(library, path, "__call__")
    signature = read(library, path)
    if not isinstance(signature, Signature):
        return signature
    bound = {entry.name for entry in keyword_arguments(metric)}
    free = tuple(item for item in signature.parameters if item.name not in bound)
    return replace(signature, parameters=free)
