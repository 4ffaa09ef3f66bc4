"""``--fix`` on the command line."""

import sys

from espnet3_compiler.fix import plan_fixes, write_fixes
from espnet3_compiler.outcome import Outcome
from espnet3_compiler.pipeline import display_name


def apply_fixes(outcome: Outcome) -> bool:
    """Apply the fixes that are certain, say which, and return whether a file changed."""
    fixed = plan_fixes(outcome.diagnostics)
    try:
        passed = write_fixes(fixed)
    except OSError as error:
        print(f"error: cannot write a fix: {error}", file=sys.stderr)
        return False
    for path in passed:
        print(f"{display_name(path)} changed meanwhile; not fixed", file=sys.stderr)
    for finding in fixed.applied:
        span = finding.primary.span
        line, column = span.source.line_column(span.start)
        title = finding.fix.title if finding.fix else finding.message
        print(f"fixed {span.source.name}:{line}:{column}: {title}", file=sys.stderr)
    return len(passed) < len(fixed.files)
