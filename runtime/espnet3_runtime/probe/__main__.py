"""``python -m espnet3_runtime.probe REQUEST``."""

import json
import sys
import tempfile
from pathlib import Path

from espnet3_runtime.probe.answers import Answers
from espnet3_runtime.probe.limits import Network, limit_memory, own_stdout


def main(path: str) -> int:
    """Answer the request in a file and return the exit code."""
    answers = Answers(own_stdout(), Network().refuse())
    raw = json.loads(Path(path).read_text(encoding="utf-8"))
    limit_memory(raw["memory"])
    from espnet3_runtime.probe.request import read_request
    from espnet3_runtime.probe.work import probe

    with tempfile.TemporaryDirectory(prefix="espnet3-deep-") as folder:
        probe(read_request(raw), answers, Path(folder))
    answers.end()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
