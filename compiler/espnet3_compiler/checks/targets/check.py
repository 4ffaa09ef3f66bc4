"""Targets: the classes and functions of ``_target_``, ``call`` and ``task``, and their arguments.

Passes: ``{_target_: torch.optim.AdamW, lr: 1e-3}``.
Fails: ``{_target_: torch.optim.AdamV}``, ``{_target_: torch.optim.AdamW, learning_rate: 1e-3}``,
``{_target_: torch.nn.Linear, in_features: 80}``, ``{_target_: torch.optim.AdamW, lr: fast}``.

Nothing is imported: ``espnet3_compiler.signature`` reads the text of the modules. Targets that
cannot be checked that way are named with the reason.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.targets import paths
from espnet3_compiler.checks.targets.arguments import check_arguments
from espnet3_compiler.checks.targets.call_functions import check_method
from espnet3_compiler.checks.targets.call_stages import check_call_stage
from espnet3_compiler.checks.targets.constructors import with_constructor
from espnet3_compiler.checks.targets.datasets import check_datasets
from espnet3_compiler.checks.targets.metrics import check_metrics
from espnet3_compiler.checks.targets.nodes import (
    TASK,
    TargetNode,
    find_targets,
    flag_value,
    keyword_arguments,
)
from espnet3_compiler.checks.targets.target_call import TargetCall
from espnet3_compiler.checks.targets.unchecked import TargetCounts, UncheckedTarget
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Fix
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.read import read
from espnet3_compiler.signature.result import Missing, NotAnalyzable, Signature
from espnet3_compiler.syntax.span_key import span_key
from espnet3_compiler.syntax.tree import Scalar, Sequence
from espnet3_schemas import TARGET


class _TargetResult:
    def __init__(self) -> None:
        self.findings: list[Diagnostic] = []
        self.checked = 0
        self.unchecked: list[UncheckedTarget] = []


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R501 to R507 for the targets of a recipe."""
    yield from _target_result(recipe, resolved).findings


def count_targets(recipe: Recipe, resolved: Resolved) -> TargetCounts:
    """Return how many targets of a recipe could be checked, and why the others could not."""
    result = _target_result(recipe, resolved)
    return TargetCounts(result.checked, tuple(result.unchecked))


def _target_result(recipe: Recipe, resolved: Resolved) -> _TargetResult:
    if "calls of targets" not in resolved.memo:
        result = analyze_targets(recipe, resolved, recipe.library)
        resolved.memo["calls of targets"] = result
    found: _TargetResult = resolved.memo["calls of targets"]
    return found


def analyze_targets(recipe: Recipe, resolved: Resolved, library: Library) -> _TargetResult:
    """Check every target once, however many configs fetch it.

    Configs that inherit the same target may give it different arguments: each call is checked,
    and only findings that no other call has are added.

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
        call = (key, tuple((entry.name, span_key(entry.value.span)) for entry in target.node))
        if key not in seen:
            _check_node(library, target, result)
        elif call not in seen:
            again = _TargetResult()
            _check_node(library, target, again)
            result.findings.extend(_new_findings(again.findings, result.findings))
        seen |= {key, call}
    for stage in recipe.stages:
        if stage.call is not None:
            _record_result(result, stage.call, check_call_stage(library, stage, resolved))
    result.findings.extend(check_datasets(library, recipe, resolved))
    result.findings.extend(check_metrics(library, recipe, resolved))
    return result


def _new_findings(found: list[Diagnostic], earlier: list[Diagnostic]) -> Iterator[Diagnostic]:
    known = {(other.code, span_key(other.primary.span), other.message) for other in earlier}
    for finding in found:
        if (finding.code, span_key(finding.primary.span), finding.message) not in known:
            yield finding


def _path_scalar(target: TargetNode) -> Scalar:
    entry = target.node.entry(TASK if target.is_task else TARGET)
    assert entry is not None
    return entry.value if isinstance(entry.value, Scalar) else entry.key


def _check_node(library: Library, target: TargetNode, result: _TargetResult) -> None:
    name = _path_scalar(target)
    if is_unresolved(name):
        result.unchecked.append(UncheckedTarget(name, "its path is known only at run time"))
    elif not target.judged:
        result.unchecked.append(UncheckedTarget(name, "it stands below _recursive_: false"))
    elif target.is_task:
        from espnet3_compiler.checks.targets.task import check_task

        _record_result(result, name, check_task(library, target))
    else:
        found = _check_target(library, target, name)
        _record_result(result, name, with_constructor(library, name, found))


def _record_result(
    result: _TargetResult, name: Scalar, found: list[Diagnostic] | NotAnalyzable
) -> None:
    if isinstance(found, list):
        result.checked += 1
        result.findings.extend(found)
        return
    result.unchecked.append(UncheckedTarget(name, found.reason))


def _check_target(
    library: Library, target: TargetNode, path: Scalar
) -> list[Diagnostic] | NotAnalyzable:
    """Return the findings about a target, or why it cannot be checked."""
    wrong = paths.malformed_path(path, library)
    if wrong:
        return [] if target.slot.named else [wrong]
    unfit = None if target.node.entry("self") else check_method(library, path)
    if unfit and not target.node.entry("_args_") and not target.node.entry("_partial_"):
        return [unfit]
    signature = read(library, str(path.value))
    if isinstance(signature, Signature):
        return _check_call(library, target, signature)
    found = paths.unusable_path(path, signature, library)
    if isinstance(signature, Missing) and isinstance(found, list):
        found += _check_suggestion(library, target, path, found[0].fix)
    return found


def _check_call(library: Library, target: TargetNode, signature: Signature) -> list[Diagnostic]:
    return list(check_arguments(_target_call(library, target, signature)))


def _check_suggestion(
    library: Library, target: TargetNode, path: Scalar, fix: Fix | None
) -> list[Diagnostic]:
    """Return the findings about the arguments of the target that a certain fix would write.

    Missing arguments are not reported: another target may have been meant after all.
    """
    if fix is None or not fix.certain:
        return []
    edit = fix.edits[0]
    text, start = edit.span.source.text, path.span.start
    meant = text[start : edit.span.start] + edit.text + text[edit.span.end : path.span.end]
    signature = read(library, meant.strip("\"'"))
    if not isinstance(signature, Signature):
        return []
    found = check_arguments(_target_call(library, target, signature))
    return [finding for finding in found if finding.code != "R503"]


def _target_call(library: Library, target: TargetNode, signature: Signature) -> TargetCall:
    head, args = target.node.entry(TARGET), target.node.get("_args_")
    assert head is not None
    return TargetCall(
        library,
        signature,
        target.node,
        head,
        tuple(keyword_arguments(target.node)),
        args.items if isinstance(args, Sequence) else (),
        target.slot,
        incomplete=flag_value(target.node, "_partial_") is True,
    )
