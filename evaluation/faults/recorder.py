"""A plugin for pytest: note which test runs each line, and how long each test takes.

``python -m pytest -p evaluation.faults.recorder`` in a process that ``coverage`` follows.  What
processes run that a test starts is noted for it, too: their context is pytest's own variable.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import coverage
import pytest

SECONDS = "FAULTS_SECONDS"
"""The variable that names the folder for the durations."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    current = coverage.Coverage.current()
    if current is not None:
        current.switch_context(item.nodeid)
    return (yield)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if "PYTEST_XDIST_WORKER" not in os.environ and SECONDS in os.environ:
        with Path(os.environ[SECONDS]).open("a", encoding="utf-8") as file:
            file.write(json.dumps([report.nodeid, report.duration, report.outcome]) + "\n")
