"""A loader whose processes are not struck by signals before they know how to take them."""

import gc
import signal
from typing import Any, TypeVar

from torch.utils.data import DataLoader

from espnet3_runtime.interrupts import HELD_BACK

Item_co = TypeVar("Item_co", covariant=True)


class PatientLoader(DataLoader[Item_co]):
    """A ``DataLoader`` that starts its processes with the signals that stop a run held back.

    A terminal sends Ctrl-C to all processes of a job.  A process that starts just then would end
    with a traceback of Python's or PyTorch's own.  It inherits that the signals are held back, and
    :func:`~espnet3_runtime.interrupts.be_patient`, with which ``worker_init_fn`` begins, lets them
    in.  The owner gets its own as soon as all processes are started; so it does the news of the
    death of one, which raised in the middle of the start of a thread would print another traceback.

    The processes also leave alone what is there when they start: a collection of garbage writes
    into every object that it looks at, which would part tens of megabytes from those of the owner.
    """

    def __iter__(self) -> Any:
        """Return the iterator of an epoch; its processes are started by then."""
        if self.num_workers == 0:
            return super().__iter__()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, HELD_BACK)
        gc.freeze()  # what forked processes inherit
        try:
            return super().__iter__()
        finally:
            gc.unfreeze()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
