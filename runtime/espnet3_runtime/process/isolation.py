"""What a stage changes in its process is undone after it."""

import os
import random
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NoReturn

from espnet3_runtime.errors import UserError
from espnet3_runtime.process.streams import open_streams


@contextmanager
def isolated() -> Iterator[None]:
    """Undo what the block does to the process, so that the next stage starts as this one did.

    Working directory, environment, path, umask, signals, warnings, standard streams, random
    numbers, and torch's dtype, device, threads and switches.

    Raises:
        UserError: The block calls ``os._exit``.
    """
    with ExitStack() as stack:
        stack.callback(os.chdir, os.getcwd())  # noqa: PTH109 - as the process sees it
        stack.callback(_set_environment, dict(os.environ))
        stack.callback(_set_list, sys.path, list(sys.path))
        stack.callback(_set_list, sys.argv, list(sys.argv))
        umask = os.umask(0)
        os.umask(umask)
        stack.callback(os.umask, umask)
        stack.callback(random.setstate, random.getstate())
        stack.callback(_set_streams, sys.stdout, sys.stderr, sys.excepthook)
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
                stack.callback(signal.signal, number, signal.getsignal(number))
        stack.callback(_restore_torch, _torch_state())
        stack.enter_context(warnings.catch_warnings())
        stack.enter_context(_refusing_exit())
        yield


@contextmanager
def _refusing_exit() -> Iterator[None]:
    """Make ``os._exit`` an error in this process; forked ones end with it."""
    owner, leave = os.getpid(), os._exit

    def refuse(code: int = 0) -> NoReturn:
        if os.getpid() != owner:
            leave(code)
        if threading.current_thread() is threading.main_thread():
            raise UserError(f"it called os._exit({code}), which ends the whole run")
        print(f"error: a thread of the stage called os._exit({code})", file=sys.stderr, flush=True)
        leave(code or 1)

    os._exit = refuse  # type: ignore[assignment]
    try:
        yield
    finally:
        os._exit = leave


def _set_environment(values: dict[str, str]) -> None:
    for name in os.environ.keys() - values.keys():
        del os.environ[name]
    os.environ.update(values)


def _set_list(target: list[str], values: list[str]) -> None:
    target[:] = values


def _set_streams(out: Any, err: Any, hook: Any) -> None:
    sys.stdout, sys.stderr, sys.excepthook = out, err, hook
    if (out is not None and out.closed) or (err is not None and err.closed):
        open_streams()


_SWITCHES: dict[str, Any] = {
    "default_dtype": None,
    "num_threads": None,
    "grad_enabled": True,
    "float32_matmul_precision": "highest",
    "deterministic_debug_mode": 0,
    "rng_state": None,
}
"""What can be set in torch, and its value where nobody has set it."""


def _torch_state() -> dict[str, Any]:
    torch = sys.modules.get("torch")
    if torch is None:
        return {}
    state = {name: _read_switch(torch, name) for name in _SWITCHES}
    return {**state, "device": torch.get_default_device()}


def _restore_torch(before: dict[str, Any]) -> None:
    torch = sys.modules.get("torch")
    if torch is None:
        return
    if not before:  # the stage imported it
        before = {**_SWITCHES, "default_dtype": torch.float32, "device": torch.device("cpu")}
        before["num_threads"] = _default_threads(torch.get_num_threads())
    if torch.get_default_device() != before["device"]:
        is_cpu = before["device"] == torch.device("cpu")
        torch.set_default_device(None if is_cpu else before["device"])
    for name in _SWITCHES:
        if before[name] is not None:
            getattr(torch, f"set_{name}")(before[name])


def _read_switch(torch: Any, name: str) -> Any:
    return torch.is_grad_enabled() if name == "grad_enabled" else getattr(torch, f"get_{name}")()


def _default_threads(count: int) -> int:
    """Return how many threads torch takes by itself; another process says it, where in doubt."""
    if count == len(os.sched_getaffinity(0)) and "OMP_NUM_THREADS" not in os.environ:
        return count
    command = [sys.executable, "-c", "import torch; print(torch.get_num_threads())"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return int(done.stdout) if done.stdout.strip().isdecimal() else count
