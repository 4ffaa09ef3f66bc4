"""What a stage changes in its process is undone after it."""

import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.machinery import ModuleSpec, PathFinder
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
        stack.callback(_set_list, "path", sys.path, list(sys.path))
        stack.callback(_set_list, "argv", sys.argv, list(sys.argv))
        umask = os.umask(0)
        os.umask(umask)
        stack.callback(os.umask, umask)
        stack.callback(random.setstate, random.getstate())
        stack.callback(_set_streams, sys.stdout, sys.stderr, sys.excepthook)
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
                stack.callback(signal.signal, number, signal.getsignal(number))
        stack.enter_context(_same_torch())
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


def _set_list(name: str, target: list[str], values: list[str]) -> None:
    target[:] = values
    setattr(sys, name, target)  # the block may have put another list there


def _set_streams(out: Any, err: Any, hook: Any) -> None:
    sys.stdout, sys.stderr, sys.excepthook = out, err, hook
    if (out is not None and out.closed) or (err is not None and err.closed):
        open_streams()


_SWITCHES = (
    "default_dtype",
    "num_threads",
    "grad_enabled",
    "float32_matmul_precision",
    "deterministic_debug_mode",
    "rng_state",
)
"""What ``torch.set_…`` sets, beside the device."""


@contextmanager
def _same_torch() -> Iterator[None]:
    """Give torch the state back that it had before the block, or when the block imported it."""
    watch = _TorchWatch()
    sys.meta_path.insert(0, watch)
    try:
        yield
    finally:
        sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not watch]
        torch = sys.modules.get("torch")
        if torch is not None and watch.state:
            _restore_torch(torch, watch.state)


class _TorchWatch:
    """Notes torch's state, as soon as it is imported: the next line may change it."""

    def __init__(self) -> None:
        self.state = _torch_state(sys.modules["torch"]) if "torch" in sys.modules else {}

    def find_spec(self, name: str, *_where: object) -> ModuleSpec | None:
        """Find torch as Python does, and look at it once it has run."""
        spec = PathFinder.find_spec(name) if name == "torch" else None
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def exec_module(torch: Any) -> None:
            execute(torch)
            self.state = _torch_state(torch)

        spec.loader.exec_module = exec_module  # type: ignore[assignment, method-assign]
        return spec


def _torch_state(torch: Any) -> dict[str, Any]:
    state = {name: _read_switch(torch, name) for name in _SWITCHES}
    return {**state, "device": torch.get_default_device()}


def _restore_torch(torch: Any, before: dict[str, Any]) -> None:
    if torch.get_default_device() != before["device"]:
        is_cpu = before["device"] == torch.device("cpu")
        torch.set_default_device(None if is_cpu else before["device"])
    for name in _SWITCHES:
        getattr(torch, f"set_{name}")(before[name])


def _read_switch(torch: Any, name: str) -> Any:
    return torch.is_grad_enabled() if name == "grad_enabled" else getattr(torch, f"get_{name}")()
