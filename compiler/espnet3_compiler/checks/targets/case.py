"""A call to judge: the arguments of a target beside the signature of what is called."""

from dataclasses import dataclass

from espnet3_compiler.checks.targets.nodes import (
    EMPTY_SLOT,
    TargetNode,
    TargetSlot,
    flag_value,
    keyword_arguments,
)
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.result import Signature
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Sequence
from espnet3_schemas import TARGET


@dataclass(frozen=True, slots=True)
class TargetCall:
    """A call to judge.

    Attributes:
        library: Where annotations are looked up.
        signature: What is called.
        node: The mapping with the arguments.
        head: The entry that names what is called, ``_target_`` or ``call``.
        entries: Arguments by name.
        items: Arguments by place.
        slot: What the runtime adds.
        partial: Whether some may be missing.
        flags: Whether ``_partial_`` and its like may stand among the arguments.
        giver: Who passes what ``slot`` lists.
    """

    library: Library
    signature: Signature
    node: Mapping
    head: Entry
    entries: tuple[Entry, ...]
    items: tuple[Node, ...] = ()
    slot: TargetSlot = EMPTY_SLOT
    partial: bool = False
    flags: bool = True
    giver: str = "the runtime"


def target_call(library: Library, target: TargetNode, signature: Signature) -> TargetCall:
    """Return the call that a target node is.

    Args:
        library: Reads the signatures of targets.
        target: The node with ``_target_`` and its place in the recipe.
        signature: What its target takes.
    """
    head = target.node.entry(TARGET)
    assert head is not None
    args = target.node.get("_args_")
    return TargetCall(
        library,
        signature,
        target.node,
        head,
        tuple(keyword_arguments(target.node)),
        args.items if isinstance(args, Sequence) else (),
        target.slot,
        partial=flag_value(target.node, "_partial_") is True,
    )
