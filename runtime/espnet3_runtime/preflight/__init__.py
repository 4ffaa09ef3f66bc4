"""What ``run.py`` looks at before the first stage: that all of them can begin.

What they need is imported and bound to its arguments, and what costs nothing (Trainer, loggers,
callbacks, metrics, runner, collate function) is constructed, in a process of its own that may write
nothing.  ``espnet3-compile --deep`` stands on the same parts.
"""
