"""Measure the report of a large test set: writing it, opening it, and each thing a person does.

``python -m benchmarks.report [--utterances 20000] [--words 12]``

A test set with word and character error rates, classes, 200 speakers and lengths is made up; the
page is opened in a headless Chromium. An action lasts from the event to the second frame after it.
Every figure is CPU time, in the browser that of the page's main thread, layout and painting
included.
Exits 1 if a goal is missed.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.report.test_set import make_experiment
from espnet3_runtime.report import write_report
from tests.runtime import browser

WRITTEN, OPENED, DONE = 4.0, 1.0, 0.1
"""CPU seconds: to write the page, to open it, and for an action."""
ACTIONS = {
    "search two words": "part('search').value = 'wa ri'; send('search', 'input')",
    "search again": "part('search').value = 'wa rit'; send('search', 'input')",
    "search nothing": "part('search').value = ''; send('search', 'input')",
    "only with errors": "part('wrong').click()",
    "sort by length": "head('length').click()",
    "sort by id": "head('utterance').click()",
    "sort by rate": "head('rate').click()",
    "groups by length": "choose('group', 'length')",
    "groups by seconds": "choose('group', 'seconds')",
    "press a confusion": "part('confusions').querySelector('button').click()",
    "press a group": "part('groups').querySelector('button').click()",
    "show more": "part('more').click()",
    "the other metric": "choose('view', 'test · cer')",
    "classes": "choose('view', 'test · accuracy')",
    "press a cell of the matrix": "part('confusions').querySelector('.wrong button').click()",
    "press it again": "part('confusions').querySelector('[aria-pressed=true]').click()",
    "only wrong ones": "part('wrong').click()",
    "sort by a score": "head('confidence').click()",
    "back again": "choose('view', 'test · wer')",
}
HELPERS = """
const part = (name) => document.querySelector(`#utterances [data-part=${name}]`);
const send = (name, kind) => part(name).dispatchEvent(new Event(kind));
const head = (name) => [...document.querySelectorAll('.utterances thead button')]
  .find((one) => one.textContent === name);
const choose = (name, text) => {
  part(name).value = [...part(name).options].findIndex((one) => one.text === text);
  send(name, 'change');
};
const frame = () => new Promise(requestAnimationFrame);
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="benchmarks.report", description=__doc__)
    parser.add_argument("--utterances", type=int, default=20_000)
    parser.add_argument("--words", type=int, default=12)
    options = parser.parse_args(argv)
    if browser.CHROMIUM is None:
        print("left out: no Chromium or Chrome is installed here")
        return 0
    with tempfile.TemporaryDirectory(prefix="espnet3-benchmark-") as name:
        folder = Path(name)
        experiment, build = make_experiment(
            folder, options.utterances, options.words, random.Random(1)
        )
        start = time.process_time()
        report = write_report(experiment, build)
        rows = [("write it", time.process_time() - start, WRITTEN)]
        print(f"{options.utterances:,} utterances, {report.stat().st_size / 1e6:.1f} MB")
        with browser.Browser(folder / "profile") as page:
            rows += _use_page(page, report)
    for action, seconds, goal in rows:
        print(f"{action:26} {seconds:7.3f} {goal:7.2f}{'' if seconds <= goal else '  missed'}")
    return 0 if all(seconds <= goal for _, seconds, goal in rows) else 1


def _use_page(page: browser.Browser, report: Path) -> list[tuple[str, float, float]]:
    page.call("Performance.enable", timeDomain="threadTicks")
    page.open(report.as_uri())
    page.wait("document.readyState === 'complete'")
    rows = [("open it", _task_seconds(page), OPENED)]
    _run_script(page, HELPERS.replace("const ", "var "))
    for name, action in ACTIONS.items():
        before = _task_seconds(page)
        _run_script(page, f"(async () => {{ {action}; await frame(); await frame(); }})()")
        rows.append((name, _task_seconds(page) - before, DONE))
    return rows


def _task_seconds(page: browser.Browser) -> float:
    metrics = page.call("Performance.getMetrics")["metrics"]
    return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))


def _run_script(page: browser.Browser, script: str) -> Any:
    found = page.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
    assert "exceptionDetails" not in found, json.dumps(found)
    return found["result"].get("value")


if __name__ == "__main__":
    sys.exit(main())
