"""Compare the ``with`` block of a ``call`` stage with the function that it names."""

from espnet3_compiler.checks.targets import paths
from espnet3_compiler.checks.targets.arguments import check_arguments
from espnet3_compiler.checks.targets.case import TargetCall
from espnet3_compiler.checks.targets.nodes import TargetSlot
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.manifest.recipe import Resolved, StageDecl
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.read import read
from espnet3_compiler.signature.result import Missing, NotAnalyzable, NotCallable, Signature
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.tree import Entry, Mapping

CONTEXT_PARAMETER = "context"
"""The parameter that gets the StageContext, where a function has it."""


def check_call(
    library: Library, stage: StageDecl, resolved: Resolved
) -> list[Diagnostic] | NotAnalyzable:
    """Return what is wrong with a ``call`` stage, or why that is not known.

    Args:
        library: Reads the signatures of targets.
        stage: A stage with ``call:``.
        resolved: The recipe's values, for the arguments under ``with:``.
    """
    call = stage.call
    assert call is not None
    if is_unresolved(call) or paths.malformed_path(call):
        return NotAnalyzable("its path is not known")
    reading = read(library, str(call.value))
    match reading:
        case Missing():
            missing = paths.unknown_path(call, reading, library)
            return missing if isinstance(missing, NotAnalyzable) else [missing]
        case NotCallable():
            return [paths.not_callable(call, reading)]
        case Signature():
            return list(check_arguments(_function_call(library, stage, resolved, reading)))
    return reading


def _function_call(
    library: Library, stage: StageDecl, resolved: Resolved, signature: Signature
) -> TargetCall:
    assert stage.call is not None
    block = resolved.calls.get(str(stage.name.value))
    given = block.get("with") if block else stage.arguments
    node = given if isinstance(given, Mapping) else Mapping((), stage.call.span)
    taken = (CONTEXT_PARAMETER,) if signature.find(CONTEXT_PARAMETER) else ()
    return TargetCall(
        library,
        signature,
        node,
        Entry(stage.call, stage.call),
        node.entries,
        slot=TargetSlot(supplied=taken),
        partial=not has_certain_keys(stage.node),
        flags=False,
    )
