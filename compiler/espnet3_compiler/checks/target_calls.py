"""Compare the ``with`` block of a ``call`` stage with the function that it names."""

from espnet3_compiler.checks import target_paths
from espnet3_compiler.checks.target_arguments import compare
from espnet3_compiler.checks.target_case import Case
from espnet3_compiler.checks.target_nodes import Slot
from espnet3_compiler.diagnostic import Diagnostic
from espnet3_compiler.expression import is_open
from espnet3_compiler.ir import Resolved, StageDecl
from espnet3_compiler.read_steps import is_legible
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.model import Missing, NotCallable, Signature, Unknown
from espnet3_compiler.signature.reader import read
from espnet3_compiler.tree import Entry, Mapping

CONTEXT = "context"
"""The parameter that gets the StageContext, where a function has it."""


def check_call(
    library: Library, stage: StageDecl, resolved: Resolved
) -> list[Diagnostic] | Unknown:
    """Return what is wrong with a ``call`` stage, or why that is not known.

    Args:
        library: Reads the signatures of targets.
        stage: A stage with ``call:``.
        resolved: The recipe's values, for the arguments under ``with:``.
    """
    call = stage.call
    assert call is not None
    if is_open(call) or target_paths.malformed(call):
        return Unknown("its path is not known")
    reading = read(library, str(call.value))
    match reading:
        case Missing():
            missing = target_paths.unknown_path(call, reading, library)
            return missing if isinstance(missing, Unknown) else [missing]
        case NotCallable():
            return [target_paths.not_callable(call, reading)]
        case Signature():
            return list(compare(_case(library, stage, resolved, reading)))
    return reading


def _case(library: Library, stage: StageDecl, resolved: Resolved, signature: Signature) -> Case:
    assert stage.call is not None
    block = resolved.calls.get(str(stage.name.value))
    given = block.get("with") if block else stage.arguments
    node = given if isinstance(given, Mapping) else Mapping((), stage.call.span)
    taken = (CONTEXT,) if signature.find(CONTEXT) else ()
    return Case(
        library,
        signature,
        node,
        Entry(stage.call, stage.call),
        node.entries,
        slot=Slot(supplied=taken),
        partial=not is_legible(stage.node),
        flags=False,
    )
