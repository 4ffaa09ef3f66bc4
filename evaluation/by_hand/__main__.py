"""Plant mistakes that were written by hand in copies of the shipped recipes.

``python -m evaluation.by_hand [--preflight] [--deep] [--show]``

Prints the share said (by ``--check`` or, if asked, ``run.py --preflight`` and ``--deep``), the
shares of these at the exact place, with the fix named and with one finding, and the false alarms
on changes that are right.
"""

import argparse
import sys
from collections.abc import Sequence

from evaluation.by_hand.model import read_mistakes
from evaluation.by_hand.report import show, summaries
from evaluation.by_hand.trial import WAYS, judge


def main(argv: Sequence[str] | None = None) -> int:
    """Plant the mistakes; exit 1 on a false alarm."""
    parser = argparse.ArgumentParser(prog="evaluation.by_hand", description=__doc__)
    for way in WAYS[1:]:
        parser.add_argument(f"--{way}", action="store_true", help=f"ask {way} where all is silent")
    parser.add_argument("--show", action="store_true", help="print every imperfect report")
    options = parser.parse_args(argv)
    ways = [way for way in WAYS if vars(options).get(way, True)]
    verdicts = [judge(mistake, ways) for mistake in read_mistakes()]
    if options.show:
        show(verdicts)
    print(summaries(verdicts))
    return 1 if any(item.mistake.good and item.findings for item in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
