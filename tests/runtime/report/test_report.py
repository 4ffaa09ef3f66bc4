"""The report: self-contained, complete, and calm about what is missing."""

import base64
import hashlib
import json
import re
import shutil
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest

from espnet3_runtime.report import write_report
from espnet3_runtime.report.chart import Series, format_number, line_chart
from espnet3_runtime.report.collect import StageView
from espnet3_runtime.report.graph import ROW, draw_graph, transitive_reduction
from tests.runtime.report_kit import STAGES, done, fill, make_build, stage


@pytest.fixture
def built(tmp_path):
    return make_build(tmp_path)


class Page(HTMLParser):
    """Checks that tags are balanced, and collects what would be fetched."""

    void = frozenset(("meta", "br", "link", "img", "input"))

    def __init__(self):
        super().__init__()
        self.open, self.fetched, self.tags = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.fetched += [v for k, v in attributes if k in ("src", "href", "xlink:href")]
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.fetched += [v for k, v in attributes if k in ("src", "href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def parse(text):
    page = Page()
    page.feed(text)
    page.close()
    assert page.open == []
    return page


def test_everything_is_shown(built):
    experiment, build = built
    fill(experiment)
    path = write_report(experiment, build)
    assert path == experiment / "report.html"
    text = path.read_text()
    page = parse(text)
    assert text.count('<li class="done">') == 5
    assert text.count('<li class="not-run">') == 1
    for wanted in (
        "tiny/asr",
        "<b>12.50 %</b><span>wer · test</span>",
        "5 of 6 stages done",
        "<span>finished 2026-01-02 03:12</span>",
        "1 epoch, 100 steps; 50 steps a second; lowest validation loss 0.25 in epoch 1",
        "src.export.to_onnx()",
        '"steps":[["one",["\\u003ctwo>","too"]],["one"]]',
        '"ids":["utt\\u003c1>","utt2"]',
        '{"name":"speaker","texts":["\\u003cann>","bob"],"of":[0,1]}',
        '{"name":"seconds","numbers":[0.5,null]}',
        "1 utterances wrong",
        "&lt;b&gt;a batch was skipped&lt;/b&gt;",
        "training.lr=0.1",
        "d" * 64,
        "c" * 12,
        "2.5 MB",
    ):
        assert wanted in text, wanted
    assert page.tags.count("polyline") == 5  # losses: raw, smooth, valid; lr: raw, smooth
    assert text.count("data:audio/wav;base64,") == 1


def test_no_secret_of_a_config_or_command_is_shown(built):
    experiment, build = built
    fill(experiment)
    logger = "{api_key: hidden-1, uri: 'https://me:hidden-2@host', passwd: 4711}"
    config = f"lr: 0.1\nbeam: 3\nlogger: {logger}\n"
    (build / "conf/training.yaml").write_text(config)
    lock = json.loads((build / "recipe.lock.json").read_text())
    lock["set"] = ["training.logger.api_key=hidden-3", "training.lr=0.1"]
    (build / "recipe.lock.json").write_text(json.dumps(lock))
    text = write_report(experiment, build).read_text()
    assert "hidden-" not in text
    assert "4711" not in text
    assert "lr: 0.1\nbeam: 3\nlogger:\n  api_key: " in text
    assert "training.logger.api_key=***" in text


@pytest.mark.parametrize("data", [b"api_key: [hidden-1", b"\xff", b"- [" * 5000])
def test_a_config_that_cannot_be_read_costs_no_report(built, data):
    experiment, build = built
    fill(experiment)
    (build / "conf/training.yaml").write_bytes(data)
    text = write_report(experiment, build).read_text()
    assert "12.50 %" in text
    assert "config training" not in text
    assert "hidden-1" not in text


def test_it_needs_no_other_file_and_runs_only_its_own_script(built):
    experiment, build = built
    fill(experiment)
    text = write_report(experiment, build).read_text()
    page = parse(text)
    assert "link" not in page.tags
    assert page.fetched == []
    assert not re.search(r"url\(|@import|https?://(?!www.w3.org/2000/svg)", text)
    assert "alert(1)" in text
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1]
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in scripts]
    allowed = "".join(f"'sha256-{digest}' " for digest in digests)
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src {allowed};" in policy
    assert len(scripts) == 7


def test_before_anything_ran(built):
    experiment, build = built
    text = write_report(experiment, build).read_text()
    parse(text)
    assert "0 of 6 stages done" in text
    assert "Learning curves" not in text
    assert "Scores" not in text


def test_failures_stand_at_the_top(built):
    experiment, build = built
    done(experiment, "create_dataset")
    done(experiment, "collect_stats", status="failed", error='there is no field "speech"')
    done(experiment, "train", status="interrupted")
    text = write_report(experiment, build).read_text()
    first, second = text.index("there is no field"), text.index("was interrupted")
    assert first < second < text.index("<h2>Stages</h2>")
    assert '<li class="failed">' in text


def test_scores_of_a_measure_that_failed_later_are_not_shown(built):
    experiment, build = built
    fill(experiment)
    done(experiment, "measure", status="failed", error="oops")
    text = write_report(experiment, build).read_text()
    assert "12.50 %" not in text


def test_results_of_an_earlier_training_are_marked(built):
    experiment, build = built
    done(experiment, "train")
    done(experiment, "infer", read={"train.x": "a" * 64})
    assert "earlier result" not in write_report(experiment, build).read_text()
    done(experiment, "measure", read={"infer.x": "b" * 64, "train.x": "a" * 64})
    text = write_report(experiment, build).read_text()
    assert "<b>measure</b> was made from an earlier result of infer" in text


def several(built):
    """Two stages that measure; returns the text of the report."""
    experiment, build = built
    lock = json.loads((build / "recipe.lock.json").read_text())
    lock["stages"].append({**stage("measure_again", ["infer"]), "run": "measure"})
    (build / "recipe.lock.json").write_text(json.dumps(lock))
    fill(experiment)
    shutil.copytree(experiment / "measure", experiment / "measure_again")
    done(experiment, "measure_again")
    return write_report(experiment, build).read_text()


def test_scores_and_examples_of_several_stages_say_whose_they_are(built):
    text = several(built)
    for name in ("measure", "measure_again"):
        assert f"<b>12.50 %</b><span>{name} · wer · test</span>" in text
        assert f"{name} · test · wer</option>" in text


def test_every_row_has_its_part_of_the_graph(built):
    """Paper ends between two rows; a graph in one piece would lie on another page than they."""
    rows = re.findall(r'<li class="(?:done|not-run)">.*?</li>', several(built), re.DOTALL)
    assert len(rows) == len(STAGES) + 1
    for place, row in enumerate(rows):
        assert row.count("<svg") == row.count("<circle") == 1
        assert f'viewBox="0 {ROW * place} ' in row
    assert ['class="edge"' in row for row in rows] == [True] * 7
    assert rows[4].count("<path") == 3  # infer to measure; train to export, infer to the other


def test_two_reports_of_one_state_are_equal(built):
    experiment, build = built
    fill(experiment)
    first = write_report(experiment, build).read_bytes()
    assert write_report(experiment, build).read_bytes() == first


def test_only_edges_that_say_something():
    views = [
        StageView(SimpleNamespace(name=name, needs=needs), None) for name, needs in STAGES.items()
    ]
    places = {name: number for number, name in enumerate(STAGES)}
    assert transitive_reduction(views, places) == [(0, 1), (1, 2), (2, 3), (3, 4), (2, 5)]


def test_the_graph_of_many_stages_grows_with_their_number():
    """An arc over many rows is drawn near its ends: not in all rows, of which each has its own."""
    names = [f"s{number}" for number in range(400)]
    before = [names[:number] for number in range(400)]
    chain = _graph_rows(names, [[*some[:1], *some[-1:]] for some in before])
    assert all(row.count("<path") <= 2 for row in chain)  # to the stage before and the one behind
    wide = _graph_rows(names, [some[:1] for some in before])
    assert wide[380].count("<path") == 20  # the arcs that end there or soon after
    assert sum(row.count("<path") for row in wide) < 40 * 400


def _graph_rows(names, needs):
    stages = [SimpleNamespace(name=n, needs=some) for n, some in zip(names, needs, strict=True)]
    return draw_graph([StageView(stage, None) for stage in stages])[0]


def test_charts_of_awkward_values():
    assert str(line_chart([Series("a", [], [])], "step", may_be_log=True)) == ""
    assert str(line_chart([Series("a", [1], [float("nan")])], "step", may_be_log=True)) == ""
    for ys in ([0.0, 0.0], [5.0, 5.0], [-3.0, 2.0], [1e-9, 1e9], [1e-9, 2e-9]):
        svg = str(line_chart([Series("a", [1, 2], ys)], "step", may_be_log=True))
        points = re.findall(r'points="([^"]+)"', svg)[0].replace(",", " ").split()
        assert all(-1 <= float(number) <= 401 for number in points)
        assert "nan" not in svg
    long = Series("a", list(range(10_000)), [1 / (x + 1) for x in range(10_000)])
    svg = str(line_chart([long], "step", may_be_log=True))
    assert len(svg) < 30_000
    assert "log scale" in svg


@pytest.mark.parametrize(
    ("ys", "values"),
    [([1, 3], ["1", "1.5", "2", "2.5", "3"]), ([0.1, 5], ["0", "2", "4"])],
)
def test_axes_name_their_steps_and_values(ys, values):
    svg = str(line_chart([Series("a", [0, 4], ys)], "step", may_be_log=False))
    texts = {kind: re.findall(rf'class="{kind}">([^<]+)<', svg) for kind in ("x", "y", "x label")}
    assert texts == {"x": ["0", "1", "2", "3", "4"], "y": values, "x label": ["step"]}


def test_numbers_of_an_axis_are_short():
    values = (0, 0.05, 0.001, 0.00075, -0.00025, 1e-9, 99999, 250_000, 1234567)
    told = ["0", "0.05", "0.001", "7.5e-4", "-2.5e-4", "1e-9", "99999", "2.5e5", "1.23e6"]
    assert [format_number(value) for value in values] == told
