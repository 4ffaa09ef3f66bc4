"""A call to check: the arguments of a target beside the signature of its class or function."""

from msgspec import Struct

from espnet3_compiler.checks.targets.nodes import EMPTY_SLOT, TargetSlot
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.result import Signature
from espnet3_compiler.syntax.tree import Entry, Mapping, Node


class TargetCall(Struct, frozen=True):
    """A call to check.

    Attributes:
        library: Where annotations are looked up.
        signature: The signature of the class or function.
        node: The mapping with the arguments.
        head: The entry that names the class or function, ``_target_`` or ``call``.
        entries: Arguments by name.
        items: Arguments by position.
        slot: The arguments that the runtime adds.
        incomplete: Whether more arguments may be given elsewhere or later.
        flags: Whether ``_partial_`` and the like are allowed among the arguments.
        caller: Who passes the arguments of ``slot``.
    """

    library: Library
    signature: Signature
    node: Mapping
    head: Entry
    entries: tuple[Entry, ...]
    items: tuple[Node, ...] = ()
    slot: TargetSlot = EMPTY_SLOT
    incomplete: bool = False
    flags: bool = True
    caller: str = "the runtime"
