"""``python .ci/skips.py RESULTS.xml …``: fail if a test ran nowhere, unless ``skips.txt`` says why.

The results are what pytest writes with ``--junit-xml``, one file for each run; a test that one
environment skips and another runs is not left out.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

ALLOWED = Path(__file__).with_name("skips.txt")


def main(files: Sequence[str]) -> int:
    """Compare the results of all runs with the list."""
    skipped: dict[str, str] = {}
    ran: set[str] = set()
    for file in files:
        found = dict(results(Path(file)))
        if not found:
            raise SystemExit(f"no test ran for {file}")
        ran |= {name for name, reason in found.items() if reason is None}
        skipped |= {name: reason for name, reason in found.items() if reason is not None}
    allowed = allowed_skips()
    modules = {name.partition("::")[0] for name in ran}  # importorskip leaves out a whole one
    left_out = {name: why for name, why in skipped.items() if name not in ran | modules}
    for name, reason in sorted(left_out.items()):
        said = f"allowed: {allowed[name]}" if name in allowed else "not in .ci/skips.txt"
        print(f"ran nowhere: {name}: {reason} ({said})")
    print(f"{len(ran)} tests ran, {len(left_out)} ran nowhere")
    return int(bool(left_out.keys() - allowed.keys()))


def results(file: Path) -> Iterator[tuple[str, str | None]]:
    """Yield the tests of a run, and why they were skipped; None for those that ran."""
    for case in ET.parse(file).getroot().iter("testcase"):  # noqa: S314 - pytest wrote it
        skip = case.find("skipped")
        reason = None if skip is None else skip.get("message", "")
        yield "::".join(filter(None, (case.get("classname"), case.get("name")))), reason


def allowed_skips() -> dict[str, str]:
    """Read the list: a line ``TEST  # reason`` for each test that may be skipped."""
    lines = ALLOWED.read_text(encoding="utf-8").splitlines()
    parts = [line.partition("  # ") for line in lines if line and not line.startswith("#")]
    return {name: reason for name, _, reason in parts}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
