"""The checks of a whole recipe, after composition and resolution; each yields its findings."""

from collections.abc import Callable, Iterator

from espnet3_compiler.checks import (
    batches,
    contracts,
    empty,
    files,
    idle,
    links,
    metrics,
    monitors,
    names,
    order,
    outputs,
    producers,
    roles,
    targets,
    unread,
    unused,
)
from espnet3_compiler.diagnostic import Diagnostic
from espnet3_compiler.ir import Recipe, Resolved

Check = Callable[[Recipe, Resolved], Iterator[Diagnostic]]

ALL: tuple[Check, ...] = (
    names.check,
    unused.check,
    roles.check,
    outputs.check,
    order.check,
    producers.check,
    metrics.check,
    files.check,
    links.check,
    idle.check,
    monitors.check,
    batches.check,
    contracts.check,
    empty.check,
    unread.check,
    targets.check,
)
