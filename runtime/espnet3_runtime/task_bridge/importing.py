"""Import something of ESPnet2 by its dotted name."""

import io
import logging
import warnings
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

from espnet3_runtime.build.instantiate import locate_target
from espnet3_runtime.errors import InstantiateError
from espnet3_runtime.task_bridge.torchaudio import torchaudio_or_placeholder

INSTALL = (
    "install ESPnet: the extra espnet2 of espnet3-compile, and then pip install --no-deps "
    "espnet==202511"
)
_log = logging.getLogger(__name__)


def locate_task(path: str, where: str = "") -> Any:
    """Import and return the object that a dotted name names.

    The output of ESPnet2 during its import goes to the log, and its deprecation warnings are
    ignored: a user can act on neither.

    Raises:
        InstantiateError: There is no such module or attribute, or importing it failed.
    """
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"espnet2?\.")
    output = io.StringIO()
    try:
        with redirect_stdout(output), redirect_stderr(output), torchaudio_or_placeholder():
            return locate_target(path, where)
    except InstantiateError as error:
        if isinstance(error.__cause__, ModuleNotFoundError) and not error.hint:
            error.hint = INSTALL
        raise
    finally:
        for line in output.getvalue().splitlines():
            _log.info("%s", line)
