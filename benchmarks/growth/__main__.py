"""Measure how time and memory grow with a recipe and its data.

``python -m benchmarks.growth [stages] [manifests] [files] [corpus]``; all four without a word.

* ``stages``: recipes of 1,000 and 3,000 stages (``--stages``), each of another form: seconds of the
  CPU of a check, a build and of ``run.py``, each in a process of its own.
* ``manifests``: 1,000 manifests (``--manifests``) checked in one call, on all cores and on one.
* ``files``: ``run.py`` with nothing to do over data of 200,000 files (``--files``).
* ``corpus``: batches, statistics and scores of a million utterances (``--utterances``) beside a
  tenth of them: seconds and megabytes of a process of its own.

"growth" is the exponent by which seconds grow: 1 is linear.
"""

import argparse
import sys
from collections.abc import Sequence

from benchmarks.growth import corpus, files, stages

PARTS = ("stages", "manifests", "files", "corpus")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the parts that are named, or all."""
    parser = argparse.ArgumentParser(prog="benchmarks.growth", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--stages", type=int, nargs=2, default=(1000, 3000))
    parser.add_argument("--manifests", type=int, default=1000)
    parser.add_argument("--files", type=int, default=200_000)
    parser.add_argument("--utterances", type=int, default=1_000_000)
    options = parser.parse_args(argv)
    chosen = options.parts or PARTS
    for part in chosen:
        if part not in PARTS:
            parser.error(f'there is no part "{part}": {", ".join(PARTS)}')
    if "stages" in chosen:
        stages.measure_stages(tuple(options.stages))
    if "manifests" in chosen:
        stages.measure_manifests(options.manifests)
    if "files" in chosen:
        files.measure_files(options.files)
    if "corpus" in chosen:
        corpus.measure_corpus(options.utterances)
    return 0


if __name__ == "__main__":
    sys.exit(main())
