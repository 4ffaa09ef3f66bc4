"""``python -m espnet3_runtime.compare exp/a exp/b …``: a table, and a page beside them."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from espnet3_runtime.compare.comparison import Comparison, as_plain, make_comparison
from espnet3_runtime.compare.page import write_index
from espnet3_runtime.compare.side_by_side import pair_text
from espnet3_runtime.compare.text_table import comparison_text
from espnet3_runtime.errors import UsageError
from espnet3_runtime.process.streams import check_streams, forgiving_streams
from espnet3_schemas.exit_codes import CLEAN, MISTAKES, USAGE

_ROWS = 50
_PAIR = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Compare the experiments of a command line; return the exit code."""
    with forgiving_streams():
        return check_streams(_compare(_read_arguments(argv)))


def _read_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m espnet3_runtime.compare",
        description="Compare experiments: scores, settings that differ, time; the best first.",
    )
    parser.add_argument(
        "experiments",
        nargs="+",
        metavar="PATH",
        help="an experiment (exp/a), a stage of it (exp/a/train), or a directory of them (exp); "
        "two runs are also shown side by side",
    )
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument("--rows", type=int, default=_ROWS, help="lines of the table")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="the page; index.html beside the experiments"
    )
    parser.add_argument("--no_page", action="store_true", help="write no page")
    return parser.parse_args(argv)


def _compare(arguments: argparse.Namespace) -> int:
    try:
        comparison = make_comparison(arguments.experiments)
        page = None if arguments.no_page else arguments.output or _beside(comparison)
        if page is not None and comparison.runs:
            write_index(comparison, page)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return MISTAKES
    if arguments.format == "json":
        print(json.dumps(as_plain(comparison), indent=2, ensure_ascii=False))
    else:
        _print_text(comparison, page, arguments)
    return CLEAN if comparison.runs else MISTAKES


def _beside(comparison: Comparison) -> Path | None:
    """Return where the page of experiments in one directory goes."""
    parents = {Path(os.path.abspath(run.experiment)).parent for run in comparison.runs}  # noqa: PTH100
    return parents.pop() / "index.html" if len(parents) == 1 else None


def _print_text(comparison: Comparison, page: Path | None, arguments: argparse.Namespace) -> None:
    print(comparison_text(comparison, arguments.rows))
    if not comparison.runs:
        print("error: there is nothing to compare", file=sys.stderr)
        return
    if len(comparison.runs) == _PAIR:
        first, second = comparison.labels
        print(f"\n{pair_text((first, second), *comparison.runs)}")
    elif len(arguments.experiments) == _PAIR:
        print("two runs side by side: name one stage of each, for example exp/a/train exp/b/train")
    if page is not None:
        print(f"page: {os.path.relpath(page)}")
    elif not arguments.no_page:
        print("no page was written: the experiments lie in several directories; --output FILE")


if __name__ == "__main__":
    sys.exit(main())
