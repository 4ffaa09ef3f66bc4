"""The checks of a whole recipe, after composition and resolution; each yields its findings."""

from collections.abc import Callable, Iterator

from espnet3_compiler.checks import (
    batches,
    empty_lists,
    files,
    identifiers,
    inference_outputs,
    links,
    metrics,
    missing_artifacts,
    monitors,
    no_effect,
    roles,
    stage_order,
    stage_outputs,
    unread_keys,
    unused_declarations,
    written_paths,
)
from espnet3_compiler.checks.targets import check
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.manifest.recipe import Recipe, Resolved

Check = Callable[[Recipe, Resolved], Iterator[Diagnostic]]

ALL: tuple[Check, ...] = (
    identifiers.check,
    unused_declarations.check,
    roles.check,
    stage_outputs.check,
    stage_order.check,
    missing_artifacts.check,
    metrics.check,
    files.check,
    written_paths.check,
    links.check,
    no_effect.check,
    monitors.check,
    batches.check,
    inference_outputs.check,
    empty_lists.check,
    unread_keys.check,
    check.check,
)
