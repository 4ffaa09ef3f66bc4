"""Compare experiments: ``python -m espnet3_runtime.compare exp``."""
