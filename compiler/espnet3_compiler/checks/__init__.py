"""The checks of a whole recipe, after composition and resolution; each yields its findings."""

from collections.abc import Callable, Iterator

from espnet3_compiler.checks.code import check as code
from espnet3_compiler.checks.data import (
    classes,
    column_files,
    declared_fields,
    fields,
    measured_values,
    results,
    used_classes,
)
from espnet3_compiler.checks.names import (
    bare_references,
    environment,
    identifiers,
    unused_declarations,
)
from espnet3_compiler.checks.paths import (
    card_template,
    directories,
    files,
    links,
    missing_data,
    unexpanded,
    written_paths,
)
from espnet3_compiler.checks.settings import (
    batches,
    demo,
    empty_lists,
    idle_training,
    inference_outputs,
    metric_inputs,
    metrics,
    model_parts,
    monitors,
    no_effect,
    optimizers,
    parallel,
    probabilities,
    same_data,
    schedules,
    test_sets,
    tokenizer,
    trainer,
)
from espnet3_compiler.checks.stages import (
    checkpoints,
    missing_artifacts,
    output_types,
    packed_demo,
    publication,
    published_secrets,
    roles,
    stage_order,
    stage_outputs,
    unread_keys,
)
from espnet3_compiler.checks.targets import check, partial_objects
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.manifest.recipe import Recipe, Resolved

Check = Callable[[Recipe, Resolved], Iterator[Diagnostic]]

ALL: tuple[Check, ...] = (
    identifiers.check,
    unused_declarations.check,
    bare_references.check,
    environment.check,
    roles.check,
    stage_outputs.check,
    stage_order.check,
    missing_artifacts.check,
    checkpoints.check,
    output_types.check,
    publication.check,
    packed_demo.check,
    published_secrets.check,
    test_sets.check,
    same_data.check,
    metrics.check,
    metric_inputs.check,
    files.check,
    written_paths.check,
    card_template.check,
    links.check,
    unexpanded.check,
    directories.check,
    missing_data.check,
    no_effect.check,
    idle_training.check,
    trainer.check,
    optimizers.check,
    probabilities.check,
    monitors.check,
    schedules.check,
    model_parts.check,
    batches.check,
    tokenizer.check,
    parallel.check,
    demo.check,
    inference_outputs.check,
    empty_lists.check,
    unread_keys.check,
    check.check,
    code.check,
    partial_objects.check,
    classes.check,
    used_classes.check,
    declared_fields.check,
    fields.check,
    measured_values.check,
    column_files.check,
    results.check,
)
