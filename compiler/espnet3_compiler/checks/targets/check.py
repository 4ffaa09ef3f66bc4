"""Targets: what a ``_target_``, a ``call`` or a ``task`` names, and the arguments it is given.

Passes: ``{_target_: torch.optim.AdamW, lr: 1e-3}``.
Fails: ``{_target_: torch.optim.AdamV}``, ``{_target_: torch.optim.AdamW, learning_rate: 1e-3}``,
``{_target_: torch.nn.Linear, in_features: 80}``, ``{_target_: torch.optim.AdamW, lr: fast}``.

Nothing is imported: ``espnet3_compiler.signature`` reads the text of the modules. What cannot be
judged that way is counted, never guessed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from espnet3_compiler.checks.targets import arguments, calls, paths
from espnet3_compiler.checks.targets.case import target_call
from espnet3_compiler.checks.targets.datasets import check_datasets
from espnet3_compiler.checks.targets.metrics import check_metrics
from espnet3_compiler.checks.targets.nodes import TargetNode, find_targets
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.signature.library import Library, default_folder, open_library
from espnet3_compiler.signature.read import read
from espnet3_compiler.signature.result import Missing, NotAnalyzable, NotCallable, Signature
from espnet3_compiler.syntax.span_key import SpanKey, span_key
from espnet3_compiler.syntax.tree import Scalar
from espnet3_schemas import TARGET


@dataclass(frozen=True, slots=True)
class TargetCounts:
    """How many targets were compared with their signatures.

    Attributes:
        checked: Those that were, right or wrong.
        not_checked: Those that could not be.
        reasons: For each of these its path and why, in the order of the recipe.
    """

    checked: int = 0
    not_checked: int = 0
    reasons: tuple[tuple[str, str], ...] = ()


@dataclass
class _TargetResult:
    findings: list[Diagnostic] = field(default_factory=list)
    checked: int = 0
    reasons: list[tuple[str, str]] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)


_LAST_RESULT: list[tuple[Resolved, _TargetResult]] = []
"""The recipe that was judged last: ``check`` and ``count_targets`` do the work once."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R501 to R507 for the targets of a recipe."""
    yield from _target_result(recipe, resolved).findings


def count_targets(recipe: Recipe, resolved: Resolved) -> TargetCounts:
    """Return how many targets of a recipe could be judged, and why the others could not."""
    result = _target_result(recipe, resolved)
    return TargetCounts(result.checked, len(result.reasons), tuple(result.reasons))


def _target_result(recipe: Recipe, resolved: Resolved) -> _TargetResult:
    if not (_LAST_RESULT and _LAST_RESULT[0][0] is resolved):
        library = open_library(recipe.directory, default_folder())
        _LAST_RESULT[:] = [(resolved, analyze_targets(recipe, resolved, library))]
        library.flush()
    return _LAST_RESULT[0][1]


def analyze_targets(recipe: Recipe, resolved: Resolved, library: Library) -> _TargetResult:
    """Judge every target once, however many places fetch it.

    A target that several configs inherit is one target, but what they give it may differ: each
    call is judged, and what was told of another one is not told again.

    Args:
        recipe: The declarations of the manifest.
        resolved: The values of its configs.
        library: Reads the signatures of targets.
    """
    result = _TargetResult()
    seen: set[object] = set()
    for target in find_targets(recipe, resolved):
        slot = target.slot
        key = (span_key(_path_scalar(target).span), (slot.supplied, slot.offered, slot.positional))
        call = (key, _argument_locations(target))
        if key not in seen:
            _check_node(library, target, result)
        elif call not in seen:
            again = _TargetResult(broken=result.broken)
            _check_node(library, target, again)
            result.findings.extend(_new_findings(again.findings, result.findings))
        seen |= {key, call}
    for stage in recipe.stages:
        if stage.call is not None:
            _record_result(result, stage.call, calls.check_call(library, stage, resolved))
    for found in check_datasets(library, recipe, resolved):
        if not any(file in found.message for file in result.broken):
            result.findings.append(found)
    result.findings.extend(check_metrics(library, recipe, resolved))
    return result


def _argument_locations(target: TargetNode) -> tuple[tuple[str, SpanKey], ...]:
    return tuple((entry.name, span_key(entry.value.span)) for entry in target.node)


def _new_findings(found: list[Diagnostic], told: list[Diagnostic]) -> Iterator[Diagnostic]:
    known = {(other.code, span_key(other.primary.span), other.message) for other in told}
    for finding in found:
        if (finding.code, span_key(finding.primary.span), finding.message) not in known:
            yield finding


def _path_scalar(target: TargetNode) -> Scalar:
    entry = target.node.entry("task" if target.is_task else TARGET)
    assert entry is not None
    if isinstance(entry.value, Scalar):
        return entry.value
    return entry.key


def _check_node(library: Library, target: TargetNode, result: _TargetResult) -> None:
    name = _path_scalar(target)
    if is_unresolved(name):
        result.reasons.append((str(name.value), "its path is known only at run time"))
    elif not target.judged:
        result.reasons.append((str(name.value), "it stands below _recursive_: false"))
    elif target.is_task:
        from espnet3_compiler.checks.targets.task import check_task

        _record_result(result, name, check_task(library, target))
    else:
        _record_result(result, name, check_target(library, target, name))


def _record_result(
    result: _TargetResult, name: Scalar, found: list[Diagnostic] | NotAnalyzable
) -> None:
    if isinstance(found, list):
        result.checked += 1
        result.findings.extend(found)
        return
    result.reasons.append((str(name.value), found.reason))
    if found.broken and found.broken.file not in result.broken:
        result.broken.add(found.broken.file)
        result.findings.append(paths.not_python(name, found.reason, found.broken))


def _check_suggestion(
    library: Library, target: TargetNode, path: Scalar, missing: Diagnostic
) -> list[Diagnostic]:
    """Return what is wrong with the arguments of the target that was certainly meant.

    What is missing is not told: it may be that another target was meant after all.
    """
    if missing.fix is None or not missing.fix.certain:
        return []
    edit = missing.fix.edits[0]
    text, start = edit.span.source.text, path.span.start
    meant = text[start : edit.span.start] + edit.text + text[edit.span.end : path.span.end]
    reading = read(library, meant.strip("\"'"))
    if not isinstance(reading, Signature):
        return []
    found = arguments.check_arguments(target_call(library, target, reading))
    return [finding for finding in found if finding.code != "R503"]


def check_target(
    library: Library, target: TargetNode, path: Scalar
) -> list[Diagnostic] | NotAnalyzable:
    """Return what is wrong with a target, or why that is not known.

    Args:
        library: Reads the signatures of targets.
        target: The node with ``_target_`` and its place in the recipe.
        path: The dotted path to look at: that of the node, or the one that was probably meant.
    """
    wrong = paths.malformed_path(path)
    if wrong:
        return [] if target.slot.named else [wrong]
    reading = read(library, str(path.value))
    match reading:
        case NotAnalyzable():
            return reading
        case Missing():
            missing = paths.unknown_path(path, reading, library)
            if isinstance(missing, NotAnalyzable):
                return missing
            return [missing, *_check_suggestion(library, target, path, missing)]
        case NotCallable():
            return [paths.not_callable(path, reading)]
        case Signature():
            case_ = target_call(library, target, reading)
            return list(arguments.check_arguments(case_))
