"""Import something of ESPnet2 by its dotted name."""

import io
import logging
import warnings
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

from espnet3_runtime.build.instantiate import locate_target
from espnet3_runtime.errors import InstantiateError
from espnet3_runtime.task_bridge.torchaudio import torchaudio_or_stand_in

INSTALL = (
    'install ESPnet: pip install "espnet3-compile[espnet2]" and then pip install --no-deps '
    "espnet==202511"
)
_log = logging.getLogger(__name__)


def locate_task(path: str, where: str = "") -> Any:
    """Import and return what a dotted name names.

    What ESPnet2 and its parts print while they are imported goes to the log, and their deprecation
    warnings are silenced: a user of theirs can mend neither.

    Raises:
        InstantiateError: There is no such module or attribute, or importing it failed.
    """
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"espnet2?\.")
    said = io.StringIO()
    try:
        with redirect_stdout(said), redirect_stderr(said), torchaudio_or_stand_in():
            return locate_target(path, where)
    except InstantiateError as error:
        if isinstance(error.__cause__, ModuleNotFoundError) and not error.hint:
            error.hint = INSTALL
        raise
    finally:
        for line in said.getvalue().splitlines():
            _log.info("%s", line)
