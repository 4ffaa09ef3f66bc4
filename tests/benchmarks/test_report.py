"""The benchmark of the report runs, and meets its goals where the test set is small."""

import pytest

from benchmarks.report.__main__ import main
from tests.runtime import browser


@pytest.mark.skipif(
    browser.CHROMIUM is None,
    reason="no Chromium or Chrome is installed here: chromium, chromium-browser, google-chrome",
)
def test_a_small_report(capsys):
    code = main(["--utterances", "300", "--words", "4"])
    shown = capsys.readouterr().out
    assert code == 0, shown
    assert shown.startswith("300 utterances, ")
    assert shown.splitlines()[-1].startswith("back again")
