"""``python -m espnet3_runtime.deep REQUEST``."""

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    del sys.path[0]  # python -m looks into the working directory first

import json
import tempfile
from pathlib import Path

from espnet3_runtime.deep.limits import limit_memory, redirect_stdout
from espnet3_runtime.preflight.no_effects import Network
from espnet3_runtime.preflight.protocol import Answers


def main(path: str) -> int:
    """Answer the request in a file and return the exit code."""
    answers = Answers(redirect_stdout(), Network().refuse())
    raw = json.loads(Path(path).read_text(encoding="utf-8"))
    limit_memory(raw["memory"])
    from espnet3_runtime.deep.probe import probe_recipe
    from espnet3_runtime.preflight.request import read_request

    with tempfile.TemporaryDirectory(prefix="espnet3-deep-") as folder:
        probe_recipe(read_request(raw), answers, Path(folder))
    answers.end()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
