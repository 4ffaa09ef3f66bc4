"""Load a bundle in a new process outside of its recipe, to prove that nothing is missing.

``python -m espnet3_runtime.publication.load_check BUNDLE`` prints facts about the model as JSON.
"""

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    del sys.path[0]  # python -m looks into the working directory first

import json
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from espnet3_runtime.errors import UserError
from espnet3_runtime.process.permanent_imports import permanent_imports
from espnet3_schemas.exit_codes import CLEAN, MISTAKES

_TIMEOUT = 1800  # seconds; large models are read from slow disks


def load_elsewhere(bundle: Path) -> dict[str, Any]:
    """Load a bundle in another process and directory; return facts about its model.

    Returns:
        class (of the model), parameters (their number) and detail (its layers as text).

    Raises:
        UserError: It does not load there; the message is the other process's.
    """
    # -B: no bytecode is written into the bundle, whose files are listed already.
    module = "espnet3_runtime.publication.load_check"
    command = [sys.executable, "-P", "-B", "-m", module, str(bundle)]
    with tempfile.TemporaryDirectory() as elsewhere:
        done = subprocess.run(
            command, cwd=elsewhere, capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
    if done.returncode != 0:
        raise UserError(
            "the bundle does not load outside of the recipe:\n" + done.stderr.strip(),
            hint="usually code of the recipe opens a file that no config names",
        )
    facts: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return facts


def main(arguments: list[str]) -> int:
    """Load the bundle named on the command line."""
    try:
        with permanent_imports():
            from espnet3_runtime.publication.model import InferenceModel

            loaded = InferenceModel.from_packed(
                arguments[0], trust_user_code=True, device="cpu", verify=False
            )
    except UserError as error:
        print(error, file=sys.stderr)
        return MISTAKES
    model = loaded.predictor.model
    parameters: Iterable[Any] = getattr(model, "parameters", tuple)()
    facts = {
        "class": f"{type(model).__module__}.{type(model).__qualname__}",
        "parameters": sum(parameter.numel() for parameter in parameters),
        "detail": repr(model),
    }
    print(json.dumps(facts))
    return CLEAN


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
