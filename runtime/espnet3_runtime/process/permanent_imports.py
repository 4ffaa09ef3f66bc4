"""Imports of large packages without looking for garbage in them."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def permanent_imports() -> Iterator[None]:
    """Collect no garbage while the block imports packages, nor later in what it imported.

    Torch and Lightning make half a million objects, which live as long as the process.  To look
    through them while more are made takes a third of the time of the imports, and once more at the
    end of the process a second.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()
