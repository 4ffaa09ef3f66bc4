"""Every kind of finding: number, name, severity and one line of explanation.

The families: R1xx reading, R2xx names, R3xx references and composition, R4xx stages,
R5xx targets, R6xx shape, R7xx files, R8xx settings without effect, R9xx ``--deep`` and the
preflight of ``run.py``.
"""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Code:
    """A kind of finding; ``docs/diagnostics.md`` has a wrong and a right example of each."""

    number: str
    name: str
    severity: Severity
    summary: str


CODES: tuple[Code, ...] = (
    Code("R101", "syntax-error", "error", "The text is not YAML."),
    Code("R102", "duplicate-key", "error", "A mapping has the same key twice."),
    Code("R103", "unknown-tag", "error", "A YAML tag such as !!python/object is not allowed."),
    Code("R104", "alias-loop", "error", "An alias stands inside the node that it names."),
    Code("R105", "too-large", "error", "Aliases or nesting expand beyond the limit."),
    Code("R106", "key-not-text", "error", "A key is not a string."),
    Code("R107", "several-documents", "error", "A file holds more than one YAML document."),
    Code("R108", "bad-encoding", "error", "The file is not UTF-8 text."),
    Code("R109", "empty-file", "error", "The file holds no mapping."),
    Code("R110", "unknown-alias", "error", "An alias names no anchor."),
    Code("R111", "bad-merge", "error", "A merge key << does not name mappings."),
    Code("R112", "tab", "error", "A tab is used for indentation."),
    Code("R113", "merge-conflict", "error", "The marks of a merge conflict stand in the file."),
    Code("R114", "python-tuple", "error", "A tuple of Python stands inside braces or brackets."),
    Code("R115", "typographic", "error", "A typographic character stands for a plain one."),
    Code("R201", "duplicate-name", "error", "Two declarations of one kind have the same name."),
    Code("R202", "invalid-name", "error", "A name cannot become a Python identifier or a flag."),
    Code("R203", "unknown-model", "error", "A stage names a model that is not declared."),
    Code("R204", "unknown-config", "error", "A stage names a config that is not declared."),
    Code("R205", "unknown-stage", "error", "Something names a stage that is not declared."),
    Code("R206", "unknown-system", "error", "The system is neither built in nor a class."),
    Code("R207", "unused-config", "warning", "No stage and no reference uses a config."),
    Code("R208", "unused-model", "warning", "No stage and no reference uses a model."),
    Code("R209", "shadowing-module", "warning", "A module of the recipe hides an installed one."),
    Code("R301", "unknown-reference", "error", "A ${…} names nothing."),
    Code("R302", "reference-cycle", "error", "References lead back to where they started."),
    Code("R303", "unknown-resolver", "error", "A ${name:…} names no resolver."),
    Code("R304", "bad-expression", "error", "A ${…} cannot be parsed."),
    Code("R305", "extends-cycle", "error", "Configs extend each other in a circle."),
    Code("R306", "unknown-base", "error", "extends names no config."),
    Code("R307", "not-text", "error", "A mapping or list is interpolated into text."),
    Code("R308", "nothing-to-delete", "error", "~key deletes a key that is not inherited."),
    Code("R309", "bad-override", "error", "A --set argument cannot be applied."),
    Code("R310", "late-reference", "error", "A value known only at run time is needed now."),
    Code("R401", "unknown-kind", "error", "run: names no stage kind of the system."),
    Code("R402", "stage-order", "error", "A stage uses the output of a later stage."),
    Code("R403", "stage-cycle", "error", "Stages need each other in a circle."),
    Code("R404", "unknown-output", "error", "A stage has no output of that name."),
    Code("R405", "missing-role", "error", "A stage has no config for a role that it reads."),
    Code("R406", "wrong-role", "error", "A config is read in a role that is not its own."),
    Code("R407", "missing-model", "error", "A stage needs a model and none is chosen."),
    Code("R408", "two-models", "error", "A model comes from the stage and from the config."),
    Code("R409", "init-from-other-model", "error", "init_from names a stage of another model."),
    Code("R410", "unknown-metric-input", "error", "A metric reads what inference does not write."),
    Code("R411", "missing-producer", "error", "A needed artifact is produced by no stage."),
    Code("R412", "bad-monitor", "error", "A monitor names what training does not measure."),
    Code("R413", "shared-output", "error", "Two stages write one path, or one into the other's."),
    Code("R414", "own-output", "error", "A stage starts from a file that it replaces itself."),
    Code("R415", "refused-setting", "error", "Training refuses a setting, alone or beside others."),
    Code("R416", "unwritten-checkpoint", "error", "Training does not write such a checkpoint."),
    Code("R417", "other-checkpoint", "error", "A stage loads the weights of another model."),
    Code("R418", "no-runner", "error", "An inference config does not say how the model is run."),
    Code("R419", "no-destination", "error", "A stage uploads, and its config does not say where."),
    Code("R420", "code-not-packed", "error", "A bundle would lack code that it runs."),
    Code("R421", "repeated-input", "error", "A metric compares a column with itself."),
    Code("R423", "wrong-output", "error", "A key is given another output than it wants."),
    Code("R501", "unknown-target", "error", "A dotted path leads to nothing."),
    Code("R502", "unknown-argument", "error", "The target has no such argument."),
    Code("R503", "missing-argument", "error", "A required argument of the target is not given."),
    Code("R504", "argument-type", "error", "A literal does not fit the annotation of an argument."),
    Code("R505", "not-callable", "error", "The target exists but cannot be called."),
    Code("R506", "duplicate-argument", "error", "An argument is given by position and by name."),
    Code("R507", "unknown-choice", "error", "A task has no class of that name to choose."),
    Code("R508", "unknown-import", "error", "An import of the recipe's code leads to nothing."),
    Code("R509", "circular-import", "error", "Modules of the recipe need each other to begin."),
    Code("R510", "not-python", "error", "A file of the recipe's code is not Python."),
    Code("R511", "not-installed", "warning", "The recipe's code imports what is not installed."),
    Code("R512", "dropped-argument", "warning", "The target never looks at an argument."),
    Code("R513", "unmade-output", "warning", "A call is not given the path of its output."),
    Code("R601", "unknown-key", "error", "The schema has no such key here."),
    Code("R602", "wrong-type", "error", "A value has the wrong type."),
    Code("R603", "missing-key", "error", "A required key is absent."),
    Code("R604", "not-allowed", "error", "A value is none of the allowed ones."),
    Code("R605", "out-of-range", "error", "A number or length is outside its limits."),
    Code("R606", "bad-form", "error", "A text does not have the required form."),
    Code("R607", "conflicting-keys", "error", "Two keys exclude each other."),
    Code("R701", "missing-file", "error", "A file of the recipe does not exist."),
    Code("R702", "outside-root", "error", "A path leaves the directory it must stay in."),
    Code("R703", "bad-lock", "error", "A lock is none that espnet3-compile wrote."),
    Code("R704", "changed-source", "error", "A file is not the one that a lock was made of."),
    Code("R705", "broken-link", "error", "A symbolic link of the recipe leads nowhere."),
    Code("R801", "idle-scheduler-setting", "warning", "A scheduler setting without a scheduler."),
    Code("R802", "zero-probability", "warning", "Listed effects have the probability 0."),
    Code("R803", "idle-batch-setting", "warning", "A batch setting that the batch type ignores."),
    Code("R804", "unread-key", "warning", "No stage reads a key of a config."),
    Code("R805", "idle-stage-key", "warning", "A stage kind ignores a key of the stage."),
    Code("R806", "no-training", "warning", "The trainer is set to train for no time at all."),
    Code("R807", "idle-freeze", "error", "A freeze selector matches no parameter (--deep)."),
    Code("R808", "worst-for-best", "warning", "A monitor takes the worst value for the best."),
    Code("R809", "idle-training-key", "warning", "A training setting has no effect beside others."),
    Code("R810", "left-on-trial", "warning", "A model of a trial run would be published."),
    Code("R901", "import-failed", "error", "The module of a target cannot be imported."),
    Code("R902", "call-misfit", "error", "The imported target does not take its arguments."),
    Code("R903", "construction-failed", "error", "A constructor raises an exception."),
    Code("R904", "forward-failed", "error", "A model fails on a batch of the recipe."),
    Code("R905", "no-loss", "error", "forward returns no loss that can be trained with."),
    Code("R906", "batch-misfit", "error", "The batch and the arguments of forward differ."),
    Code("R907", "too-few-classes", "error", "Ids of tokens or labels exceed a model's classes."),
    Code("R908", "optimizer-misfit", "error", "An optimizer or scheduler does not fit the model."),
    Code("R909", "data-failed", "error", "The data, a preprocessor or the collate function fails."),
    Code("R910", "no-end", "error", "The recipe's code hangs or ends the process."),
    Code("R911", "inference-failed", "error", "Inference fails on an item of the recipe."),
    Code("R912", "missing-package", "error", "A package that a stage needs is not installed."),
    Code("R913", "trainer-refused", "error", "Lightning refuses the arguments of the trainer."),
    Code("R914", "missing-device", "error", "This machine has no device that a stage asks for."),
    Code("R915", "unset-variable", "error", "An environment variable without default is not set."),
)

BY_NUMBER: dict[str, Code] = {code.number: code for code in CODES}
