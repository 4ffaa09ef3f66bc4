"""Compare the ``with`` block of a ``call`` stage with the function that it names."""

from espnet3_compiler.checks.targets import paths
from espnet3_compiler.checks.targets.arguments import check_arguments
from espnet3_compiler.checks.targets.call_functions import (
    check_later,
    check_method,
    check_outputs,
)
from espnet3_compiler.checks.targets.nodes import TargetSlot
from espnet3_compiler.checks.targets.target_call import TargetCall
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.manifest.recipe import Resolved, StageDecl
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.read import read
from espnet3_compiler.signature.result import NotAnalyzable, Signature
from espnet3_compiler.stage_graph.stage_inputs import call_outputs
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.tree import Entry, Mapping

CONTEXT_PARAMETER = "context"
"""The parameter that gets the StageContext, where a function has it."""


def _has_other_arguments(stage: StageDecl) -> bool:
    """Return whether ``with`` is no mapping, which the schema reports."""
    node = stage.node.get("with") if isinstance(stage.node, Mapping) else None
    return node is not None and not isinstance(node, Mapping)


def check_call_stage(
    library: Library, stage: StageDecl, resolved: Resolved
) -> list[Diagnostic] | NotAnalyzable:
    """Return the findings about a ``call`` stage, or why it cannot be checked.

    Args:
        library: Reads the signatures of targets.
        stage: A stage with ``call:``.
        resolved: The recipe's values, for the arguments under ``with:``.
    """
    assert stage.call is not None
    if is_unresolved(stage.call) or paths.malformed_path(stage.call):
        return NotAnalyzable("its path is not known")
    unfit = check_method(library, stage.call, of_call=True) or check_later(library, stage.call)
    if unfit:
        return [unfit]
    signature = read(library, str(stage.call.value))
    if not isinstance(signature, Signature):
        return paths.unusable_path(stage.call, signature, library, of_call=True)
    block = resolved.calls.get(str(stage.name.value))
    given = block.get("with") if block else stage.arguments
    node = given if isinstance(given, Mapping) else Mapping((), stage.call.span)
    call = TargetCall(
        library,
        signature,
        node,
        Entry(stage.call, stage.call),
        node.entries,
        slot=TargetSlot((CONTEXT_PARAMETER,) if signature.find(CONTEXT_PARAMETER) else ()),
        incomplete=not has_certain_keys(stage.node) or _has_other_arguments(stage),
        flags=False,
    )
    outputs = list(call_outputs(stage, resolved))
    return [*check_arguments(call), *check_outputs(node, outputs)]
