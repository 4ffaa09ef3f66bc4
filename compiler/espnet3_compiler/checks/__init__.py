"""The checks of a whole recipe, after composition and resolution; each yields its findings."""

from collections.abc import Callable, Iterator

from espnet3_compiler.checks.names import identifiers, unused_declarations
from espnet3_compiler.checks.paths import files, links, written_paths
from espnet3_compiler.checks.settings import (
    batches,
    empty_lists,
    inference_outputs,
    metrics,
    monitors,
    no_effect,
)
from espnet3_compiler.checks.stages import (
    missing_artifacts,
    roles,
    stage_order,
    stage_outputs,
    unread_keys,
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
