"""``python -m espnet3_runtime.compare``: the table, two runs, the JSON and the page."""

import json
import os
import re
from pathlib import Path

import pytest

from espnet3_runtime.compare.__main__ import main
from espnet3_runtime.compare.settings import short_names
from espnet3_runtime.incremental.receipts import Receipt, write_receipt
from tests.runtime.browser import CHROMIUM, Browser
from tests.runtime.compare_kit import write_scores, write_training


@pytest.fixture(scope="module")
def recipe(tmp_path_factory) -> Path:
    """Two experiments, a matrix of two rows, and much that is no result."""
    recipe = tmp_path_factory.mktemp("recipe")
    exp = recipe / "exp"
    common = {"optimizer._target_": "torch.optim.Adam", "save_dir": "exp/TAG/logs"}

    def settings(tag: str, lr: float, **more: object) -> dict[str, object]:
        own = {key: str(value).replace("TAG", tag) for key, value in common.items()}
        return {**own, "optimizer.lr": lr, **more}

    best = write_training(exp / "base", "train", settings("base", 1e-3), loss=0.5)
    write_scores(exp / "base", "measure", best, {"u1": "one two tree", "u2": "for fife"})
    best = write_training(
        exp / "wide", "train", settings("wide", 1e-2, size=128), loss=0.4, day=2, dirty=True
    )
    write_scores(exp / "wide", "measure", best, {"u1": "one too tree"})
    write_scores(exp / "wide", "measure_beam", best, {"u3": "</script>"}, beam=8)
    for row, lr in (("tune_1", 1e-4), ("tune_2", 1e-5)):
        write_training(exp / "sweep", row, settings("sweep", lr), loss=100 * lr, day=3)
    write_training(
        exp / "sweep", "tune_3", settings("sweep", 9.0), status="failed", error="too hot"
    )
    write_training(exp / "sweep", "tune_4", settings("sweep", 9.0), status="interrupted")
    (exp / "sweep" / "stages" / "tune_5.json").write_text("{")
    write_receipt(exp / "other", Receipt("export", "done", "2026-03-01", inputs={"what": "call x"}))
    (exp / "notes").mkdir()
    (exp / "read.me").write_text("no directory")
    (exp / "base" / "report.html").write_text("its report")
    return recipe


def compare(monkeypatch, capsys, recipe: Path, *arguments: str) -> tuple[int, str, str]:
    monkeypatch.chdir(recipe)
    code = main(arguments)
    out, err = capsys.readouterr()
    return code, out, err


GOLDEN = Path(__file__).with_name("golden")


def same_as_golden(name: str, found: str) -> None:
    path = GOLDEN / name
    if os.environ.get("UPDATE_CASES") == "1":
        path.write_text(found)
    assert found == path.read_text()


def test_all_experiments(recipe, monkeypatch, capsys):
    code, out, err = compare(monkeypatch, capsys, recipe, "exp")
    assert (code, err) == (0, "")
    same_as_golden("table.txt", out)
    code, out, _ = compare(
        monkeypatch, capsys, recipe, "exp/s*", "exp/w*", "--rows", "1", "--no_page"
    )
    assert "exp/notes" not in out
    assert "… and 3 more runs: --rows 4" in out
    code, out, err = compare(monkeypatch, capsys, recipe, "exp/notes")
    assert (code, "exp/notes: holds no experiment" in out) == (1, True)
    assert err == "error: there is nothing to compare\n"
    code, _, err = compare(monkeypatch, capsys, recipe, "exp/bass")
    assert (code, err.splitlines()[0]) == (2, 'error: there is no "exp/bass"')


def test_two_runs(recipe, monkeypatch, capsys):
    names = ("exp/base", "exp/wide/measure", "--no_page")
    _, out, _ = compare(monkeypatch, capsys, recipe, *names)
    _, _, text = out.partition("\n\n")
    same_as_golden("pair.txt", text)
    _, out, _ = compare(monkeypatch, capsys, recipe, *names, "--format", "json")
    found = json.loads(out)
    assert [run["name"] for run in found["runs"]] == ["base/train", "wide/train"]
    assert found["pair"]["settings"]["training.optimizer.lr"] == [0.001, 0.01]
    assert [one["errors"] for one in found["pair"]["utterances"]["test"]] == [[2, 0], [1, 2]]
    run = found["runs"][1]
    assert (run["commit"], run["parameters"], run["seconds"]) == ("01234567+", 2000, 120.0)


def test_a_metric_that_does_not_say_which_is_better(tmp_path, monkeypatch, capsys):
    for tag, heard in (("a", {}), ("b", {"u3": "sex"})):
        best = write_training(tmp_path / "exp" / tag, "train", {})
        write_scores(tmp_path / "exp" / tag, "measure", best, heard, better=None)
    code, out, _ = compare(monkeypatch, capsys, tmp_path, "exp", "--format", "json")
    assert (code, json.loads(out)["best"]) == (0, {"wer test": None, "valid/loss": 0.5})


def test_short_names():
    keys = ["training.optimizer.lr", "model.optimizer.lr", "training.seed", "inference.own.seed"]
    assert list(short_names(keys).values()) == [
        "training.optimizer.lr", "model.optimizer.lr", "training.seed", "own.seed",
    ]  # fmt: skip


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_in_a_browser(recipe, tmp_path, monkeypatch, capsys, width):
    page = tmp_path / "deep" / "index.html"
    compare(monkeypatch, capsys, recipe, "exp", "--output", str(page))
    assert not re.search(r"(src|href)=\"(?!\.\./)", page.read_text())
    with Browser(tmp_path / "profile") as browser:
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
        browser.call("Emulation.setDeviceMetricsOverride", **size)
        browser.open(page.as_uri())
        browser.wait("document.readyState === 'complete' && !!document.querySelector('#runs')")
        first = "document.querySelector('#runs tbody tr .run').innerText.trim()"
        assert browser.evaluate(first) == "wide/train · measure_beam"
        assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth") is True
        drawn = "[...document.querySelectorAll('.chart g.drawn')].length"
        assert browser.evaluate(drawn) == 4 * 3  # the curves of wide are there once
        browser.evaluate("document.querySelector('#runs [type=checkbox]').click()")
        assert browser.evaluate(drawn) == 3 * 3
        browser.evaluate("document.querySelectorAll('#runs thead button')[2].click()")  # valid/loss
        assert browser.evaluate(first) == "sweep/tune_2"
        browser.evaluate("filter.value = '128'; filter.dispatchEvent(new Event('input'))")
        shown = "document.querySelectorAll('#runs tbody tr:not([hidden])').length"
        assert (browser.evaluate(shown), "2 of 5" in browser.text()) == (2, True)
        for name, run in (("first", "base/train"), ("second", "wide/train · measure")):
            browser.evaluate(
                f"[...document.querySelectorAll('input[name={name}]')]"
                f".find((one) => one.ariaLabel.endsWith(' is {run}')).click()"
            )
        text = browser.evaluate("document.querySelector('#pair').innerText")
        for line in (
            "wer test\t50.00 %\t33.33 %\t-16.7",
            "training.size\t-\t128",
            "u2\nerrors 2 → 0",
        ):
            assert line in text.replace("\n\n", "\n"), text
        marked = "[...document.querySelectorAll('#pair ins')].map((one) => one.textContent).join()"
        assert browser.evaluate(marked) == "for,fife,tree,too,tree"
        browser.call("Emulation.setEmulatedMedia", media="print")
        assert (
            browser.evaluate("getComputedStyle(document.querySelector('.tools')).display") == "none"
        )
