"""``python -m evaluation.fuzz.guided SURFACE [--runs N] [--corpus DIR]``: inputs led by coverage.

Needs atheris (https://github.com/google/atheris), which is installed by hand where it has a wheel:
``pip install atheris``.  It changes inputs so that they reach code that no other one reached, and
keeps those in the corpus; the first fault ends the run with its traceback, and the input is saved.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

PACKAGES = ("espnet3_compiler", "espnet3_runtime", "yaml", "json")


class FaultError(Exception):
    """An input ended in anything but a report; atheris stops there."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz one surface; never returns when atheris runs to its end."""
    options, rest = _parser().parse_known_args(arguments)
    try:
        import atheris
    except ImportError:
        print("error: atheris is not installed; pip install atheris", file=sys.stderr)
        return 2
    with atheris.instrument_imports(include=list(PACKAGES)):
        from evaluation.fuzz.campaign import LIMIT
        from evaluation.fuzz.judge import judge
        from evaluation.fuzz.surfaces import ALL
    chosen = [surface for surface in ALL if surface.name == options.surface]
    if not chosen:
        names = ", ".join(surface.name for surface in ALL)
        print(f'error: there is no surface "{options.surface}": {names}', file=sys.stderr)
        return 2
    directory = Path(tempfile.mkdtemp()) / "recipe"
    directory.mkdir()
    corpus = options.corpus.resolve()
    os.chdir(directory)
    attempt = chosen[0].prepare(directory)
    _keep(corpus, chosen[0].seeds(directory))

    def one(data: bytes) -> None:
        verdict = judge(attempt, data, 6 * LIMIT)  # counting branches costs time
        if verdict.ending == "fault":
            raise FaultError(verdict.detail)

    limits = [f"-runs={options.runs}", "-max_len=4000", f"-artifact_prefix={corpus.parent}/"]
    atheris.Setup([sys.argv[0], *limits, *rest, str(corpus)], one)
    atheris.Fuzz()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evaluation.fuzz.guided", description=__doc__)
    parser.add_argument("surface")
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--corpus", type=Path, default=Path("fuzz-corpus"))
    return parser


def _keep(corpus: Path, seeds: Sequence[bytes]) -> None:
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(data)


if __name__ == "__main__":
    raise SystemExit(main())
