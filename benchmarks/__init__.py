"""Time and memory, ours beside others'; each folder is a command that prints its figures."""
