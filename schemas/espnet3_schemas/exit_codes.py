"""Exit codes of ``espnet3-compile`` and ``run.py``; signal N ends with 128 + N, as in shells."""

CLEAN = 0
MISTAKES = 1
"""The recipe has mistakes, or a stage failed."""
USAGE = 2
"""The command line is wrong."""
INTERNAL_ERROR = 3
"""A bug of the compiler."""
INTERRUPTED = 130
BROKEN_PIPE = 141
