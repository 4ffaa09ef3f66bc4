"""Whole charts and pages, as they were last read.

``UPDATE_CASES=1`` writes the files of ``golden`` anew: look at them in a browser then.
"""

import json
import os
import re
from pathlib import Path

import pytest

from espnet3_runtime.report import write_report
from espnet3_runtime.report.chart import Series, line_chart
from espnet3_runtime.report.curves import training_charts
from tests.runtime.report_kit import add_utterances, done, fill, make_build, stage

GOLDEN = Path(__file__).with_name("golden")

SHORT = Series("short", [1, 2, 4], [3.0, 1.0, 2.5])
CHARTS = {
    "a_line": ([SHORT], False),
    "one_point": ([Series("one", [3], [7.0])], False),
    "dots": ([Series("dots", [1, 2], [0.5, 0.25], marked=True)], False),
    "many_colours": ([Series(f"line <{n}>", [0, 1], [n, n + 1]) for n in range(8)], False),
    "sixty_points": ([Series("sixty", range(60), [n % 7 for n in range(60)])], False),
    "noisy": ([Series("noisy", range(61), [n % 7 for n in range(61)])], False),
    "noisy_dots": ([Series("d", range(61), [n % 7 for n in range(61)], marked=True)], False),
    "long": ([Series("long", range(603), [(n * 37) % 101 for n in range(603)])], False),
    "as_many_as_are_drawn": ([Series("all", range(300), list(range(300)))], False),
    "below_zero": ([Series("below", [-2, 5], [-3.0, 2.0])], False),
    "just_above_zero": ([Series("above", [1, 2], [0.01, 5.0])], False),
    "far_above_zero": ([Series("far", [1, 2], [100.0, 101.0])], False),
    "all_equal": ([Series("equal", [1, 2], [5.0, 5.0])], False),
    "all_zero": ([Series("zero", [1, 2], [0.0, 0.0])], False),
    "no_log_at_sixty": ([Series("sixty", [1, 2], [1.0, 60.0])], True),
    "log": ([Series("log", [1, 2, 3], [1.0, 10.0, 61.0])], True),
    "log_of_many_powers": ([Series("log", [1, 2], [1e-3, 5e2])], True),
    "no_log_with_zero": ([Series("zero", [1, 2], [0.0, 500.0])], True),
    "not_asked_for_log": ([Series("wide", [1, 2], [1.0, 5000.0])], False),
    "gaps": (
        [Series("g", [1, 2, 3, 4], [1.0, None, float("inf"), 2.0]), Series("e", [], [])],
        False,
    ),
}


def compare(name: str, found: str) -> None:
    path = GOLDEN / name
    if os.environ.get("UPDATE_CASES") == "1":
        path.parent.mkdir(exist_ok=True)
        path.write_text(found)
    assert found == path.read_text()


def test_charts() -> None:
    drawn = {
        name: line_chart(series, "step", may_be_log=log) for name, (series, log) in CHARTS.items()
    }
    text = "".join(f"<h2>{name}</h2>{svg}<hr>" for name, svg in drawn.items())
    compare("charts.html", text.replace("><", ">\n<") + "\n")


def row(step: int, epoch: int = 1, **values: object) -> dict[str, object]:
    named = {name.replace("__", "/"): value for name, value in values.items()}
    return {"at": "step", "epoch": epoch, "step": step, "seconds": 1.0, **named}


def test_curves_are_grouped_and_sorted() -> None:
    rows = [
        row(1, lr=0.1, zeta=1, train__loss=3.0, acc=0.5, ctc_loss=2, other__x=1, text="left out"),
        row(2, lr_b=0.2, my_learning_rate=1, loss=4, valid__acc=1, train__acc=0, valid__loss=2),
    ]
    charts = [(chart.title, list(chart.names)) for chart in training_charts(rows)]
    assert charts == [
        ("loss", ["loss", "train/loss", "valid/loss"]),
        ("ctc_loss", ["ctc_loss"]),
        ("acc", ["acc", "train/acc", "valid/acc"]),
        ("other/x", ["other/x"]),
        ("zeta", ["zeta"]),
        ("lr", ["lr"]),
        ("lr_b", ["lr_b"]),
        ("my_learning_rate", ["my_learning_rate"]),
    ]
    many = [row(1, **{f"x{number:02}": 1 for number in range(14)})]
    assert [chart.title for chart in training_charts(many)] == [f"x{n:02}" for n in range(14)]
    assert training_charts([]) == []


def test_steps_are_preferred_to_epochs() -> None:
    steps = [row(1, loss=3.0), row(2, loss=1.0)]
    epochs = [{**row(2, loss=2.0), "at": "epoch"}, {**row(4, loss=0.5), "at": "epoch"}]
    nameless = [{"epoch": 1, "step": 1, "loss": 3.0}]
    for rows, series in (
        ([*steps, *epochs], Series("loss", [1, 2], [3.0, 1.0])),
        (epochs, Series("loss", [2, 4], [2.0, 0.5], marked=True)),
        (nameless, Series("loss", [1], [3.0], marked=True)),
    ):
        (chart,) = training_charts(rows)
        assert chart.svg == line_chart([series], "step", may_be_log=True, readable=True)
    wide = [row(1, acc=1), row(2, acc=1000)]
    assert "log scale" not in training_charts(wide)[0].svg
    assert "log scale" in training_charts([row(1, a_loss=1), row(2, a_loss=1000)])[0].svg


STEPS = [["equal", "a", "a"], ["insert", "", "b<"], ["delete", "c", ""], ["equal", "d", "d"]]


def about(name: str, unit: str) -> dict[str, object]:
    return {"headline": name, "unit": unit, "target": f"x.{name.upper()}", "inputs": {}}


def make_rich(experiment: Path, build: Path) -> None:
    """Let stages fail, be stopped, be out of date and warn; add a second measure and training."""
    lock = json.loads((build / "recipe.lock.json").read_text())
    lock["stages"].append({**stage("measure_again", ["infer"]), "run": "measure"})
    lock["stages"].append({**stage("train_again", ["create_dataset"]), "run": "train"})
    (build / "recipe.lock.json").write_text(json.dumps(lock))
    fill(experiment)
    done(experiment, "create_dataset", seconds=5, dirty=True)
    done(experiment, "collect_stats", seconds=1, dirty=True)
    done(experiment, "infer", status="interrupted")
    done(experiment, "export", status="failed", error="there is <no> model")
    done(experiment, "train", read={"create_dataset.x": "b" * 64, "collect_stats.x": "a" * 64})
    done(experiment, "train_again", status="running")
    done(experiment, "measure_again", results={}, seconds=9)
    (experiment / "train_again").mkdir()
    curve = [{"epoch": 2, "step": 1, "valid/loss": None}, {"epoch": 1, "step": 1, "acc": 0.5}]
    text = "".join(json.dumps(one) + "\n" for one in [*curve, {"step": 7}, [1]])
    (experiment / "train_again/curves.jsonl").write_text(text)
    log = [f"2026-01-01 10:00:00,000 ERROR   a.b: problem {n % 10}" for n in range(20)]
    (experiment / "train_again/train_again.log").write_text("\n".join(["no log line", *log]))
    folder = experiment / "measure_again"
    (folder / "b").mkdir(parents=True)
    numbers = {"a": {"cer": 120.0, "of_all": 3}, "b": {"cer": -1.0}}
    scores = {
        "metrics": {"cer": numbers, "rtf": {"b": {"rtf": 0.25, "seconds": 8}}},
        "about": {"cer": about("cer", "%"), "rtf": about("rtf", "")},
        "checkpoint": None,
    }
    (folder / "metrics.json").write_text(json.dumps(scores))
    names = ["one", "two", "three"]
    add_utterances(folder / "b", "cer", [(name, STEPS) for name in names])
    add_utterances(folder / "b", "unknown", [("four", STEPS)])
    examples = [
        {"utt_id": "two", "audio": "missing.wav"},
        {
            "utt_id": "three",
            "audio": None,
            "pictures": [{"name": "<a>", "segments": [[0, 1, "b"]]}],
        },
    ]
    (folder / "b/examples.json").write_text(json.dumps(examples))


@pytest.mark.parametrize("name", ["nothing", "plain", "rich"])
def test_pages(name: str, tmp_path: Path) -> None:
    experiment, build = make_build(tmp_path)
    if name == "plain":
        fill(experiment)
    elif name == "rich":
        make_rich(experiment, build)
    text = write_report(experiment, build).read_text()
    head, style, rest = text.partition("<style>")
    _, rows, body = rest.partition(".stages { --row")
    assert style
    assert rows
    head = re.sub(r"sha256-[^']+", "sha256-…", head)
    body = re.sub(r"<script>.*</script>", "<script>…</script>", body, flags=re.DOTALL)
    compare(f"{name}.html", head + style + rows + body)
