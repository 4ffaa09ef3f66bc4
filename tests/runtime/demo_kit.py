"""A packed demo that is served as on a machine of its own."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def serving(demo: Path, folder: Path) -> Iterator[str]:
    """Start a demo by ``python app.py``; give its address.

    Args:
        demo: Its directory.
        folder: Gets ``log`` and its temporary files, those of Gradio in ``gradio``.
    """
    pytest.importorskip("gradio")
    port = _free_port()
    (folder / "tmp").mkdir()
    environment = os.environ | {
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_TEMP_DIR": str(folder / "gradio"),
        "NO_PROXY": "127.0.0.1",
        "TMPDIR": str(folder / "tmp"),
    }
    address = f"http://127.0.0.1:{port}/"
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=demo, env=environment, stdout=log, stderr=log
        )
        try:
            _wait_for(address, process, folder / "log")
            yield address
        finally:
            process.terminate()
            process.wait(20)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 90
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except OSError:
            time.sleep(0.3)
        else:
            return
    raise AssertionError(log.read_text())
