"""The report that is written while a stage runs."""

import logging

import pytest

from espnet3_runtime.build.lock import load_build
from espnet3_runtime.launch import live_report
from espnet3_runtime.launch.live_report import LiveReport
from tests.runtime.report_kit import done, make_build


def test_it_shows_what_there_is_so_far(tmp_path, monkeypatch):
    experiment, build = make_build(tmp_path)
    now = [100.0]
    monkeypatch.setattr(live_report.time, "monotonic", lambda: now[0])
    write = LiveReport(load_build(build), logging.getLogger("test"))
    write()
    report = experiment / "report.html"
    assert "0 of 6 stages done" in report.read_text()
    done(experiment, "create_dataset")
    now[0] += 1
    write()
    assert "1 of 6 stages done" in report.read_text()


@pytest.mark.parametrize(("waited", "written"), [(1.0, 1), (39.0, 1), (41.0, 2)])
def test_it_takes_a_twentieth_of_the_time_at_most(tmp_path, monkeypatch, waited, written):
    _, build = make_build(tmp_path)
    now, count = [100.0], []

    def slow(*_):
        count.append(1)
        now[0] += 2.0

    monkeypatch.setattr(live_report.time, "monotonic", lambda: now[0])
    monkeypatch.setattr("espnet3_runtime.report.write_report", slow)
    write = LiveReport(load_build(build), logging.getLogger("test"))
    write()
    now[0] += waited
    write()
    assert len(count) == written


def test_the_stage_goes_on_where_it_cannot_be_written(tmp_path, caplog):
    experiment, build = make_build(tmp_path)
    (experiment / "report.html").mkdir()
    write = LiveReport(load_build(build), logging.getLogger("test"))
    write()
    write()
    assert [one.levelname for one in caplog.records] == ["WARNING"]
    assert "the report could not be written: " in caplog.text
