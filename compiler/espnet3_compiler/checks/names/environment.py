"""Environment variables without a default that are not set where the recipe is compiled.

Passes: ``${oc.env:CORPUS,corpus}``; ``${oc.env:SLURM_JOB_ID}``, which a launcher sets.
Fails: ``${oc.env:CORPUS}`` where ``CORPUS`` is not set.
"""

import os
import re
from collections.abc import Iterator

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.syntax.span_key import span_key

_WITHOUT_DEFAULT = r"\$\{\s*oc\.env\s*:\s*(\w+)\s*\}"
_SET_LATER = (
    r"(?:SLURM|PBS|SGE|LSB|LSF|OMPI|PMI|PMIX|NCCL|CUDA|TORCHELASTIC|DASK|GITHUB|CI|NODE|LOCAL)_.*"
    r"|(?:.*_)?RANK|WORLD_SIZE|MASTER_ADDR|MASTER_PORT|TMPDIR|JOB_ID"
    r"|.*(?:TOKEN|KEY|SECRET|PASSWORD)"
)
"""What launchers, queues and people set only where the stages run."""


def check(_recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R211, once for each variable."""
    unset: dict[str, dict[object, Span]] = {}
    for reference in resolved.references:
        text = reference.span.text
        bare = "oc.env" in text and "," not in text  # behind which the default stands
        match = re.fullmatch(_WITHOUT_DEFAULT, text) if bare else None
        if match and match[1] not in os.environ and not re.fullmatch(_SET_LATER, match[1]):
            unset.setdefault(match[1], {}).setdefault(span_key(reference.span), reference.span)
    for name, spans in unset.items():
        first, *others = spans.values()
        yield Diagnostic(
            "R211",
            f'the environment variable "{name}" is not set here and has no default',
            Label(first, "a stage that reads this stops"),
            tuple(Label(span, "here too") for span in others),
            help=(f"set it where the stages run, or give a default: ${{oc.env:{name},VALUE}}",),
        )
