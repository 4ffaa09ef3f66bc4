"""Which files of an experiment are read, and which are left out."""

import base64
import copy
import json
from pathlib import Path
from typing import Any

import pytest

from espnet3_runtime.build.lock import load_build
from espnet3_runtime.report import write_report
from espnet3_runtime.report.artifact_schemas import is_results, matches_schema
from espnet3_runtime.report.collect import read_experiment
from espnet3_runtime.report.utterances import read_aligned, table_data
from espnet3_schemas import LOCK
from tests.runtime.report_kit import done, fill, make_build

RESULTS = {
    "metrics": {"wer": {"test": {"wer": 1.5, "words": 8}}},
    "about": {"wer": {"headline": "wer", "unit": "%", "target": "a.B", "inputs": {}}},
}
EXAMPLE = {"utt_id": "a"}
COLUMNS = {"utt_ids": ["a"], "columns": {"speaker": ["b"], "seconds": [1.5], "age": [None]}}
CURVE = {"step": 0, "epoch": 0, "at": "step", "loss": "text"}
PROVENANCE = {"git": {"commit": None}, "packages": {"a": "1"}, "host": 3}


def without(value: dict[str, Any], path: str) -> dict[str, Any]:
    """Return a copy without the value at a path."""
    changed = copy.deepcopy(value)
    *folders, last = path.split("/")
    inner = changed
    for name in folders:
        inner = inner[name]
    del inner[last]
    return changed


def changed(value: dict[str, Any], path: str, new: Any) -> dict[str, Any]:
    """Return a copy with another value at a path."""
    other = copy.deepcopy(value)
    *folders, last = path.split("/")
    inner = other
    for name in folders:
        inner = inner[name]
    inner[last] = new
    return other


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        (RESULTS, True),
        ({**RESULTS, "checkpoint": None}, True),
        ({**RESULTS, "checkpoint": {"path": "a", "sha256": "b"}}, True),
        ({**RESULTS, "checkpoint": {"path": "a"}}, False),
        ({**RESULTS, "checkpoint": "a"}, False),
        ({**RESULTS, "other": 1}, True),
        ({"metrics": {}, "about": {}}, True),
        (without(RESULTS, "metrics"), False),
        (without(RESULTS, "about"), False),
        (without(RESULTS, "about/wer"), False),
        *((without(RESULTS, f"about/wer/{x}"), False) for x in ("headline", "unit", "target")),
        (without(RESULTS, "about/wer/inputs"), False),
        (changed(RESULTS, "about/wer/headline", "cer"), False),
        (changed(RESULTS, "about/wer/inputs", []), False),
        (changed(RESULTS, "about/wer/unit", None), False),
        (changed(RESULTS, "metrics/wer/test/words", "8"), False),
        (changed(RESULTS, "metrics/wer/other", {"wer": 2}), True),
        (changed(RESULTS, "metrics/wer/other", {"words": 2}), False),
        (changed(RESULTS, "metrics/wer/test", 1), False),
        ([], False),
        (None, False),
    ],
)
def test_results(value: Any, fits: bool) -> None:
    assert is_results(value) is fits


@pytest.mark.parametrize(
    ("name", "value", "fits"),
    [
        ("examples", [], True),
        ("examples", [EXAMPLE, {**EXAMPLE, "audio": None}, {**EXAMPLE, "audio": "a"}], True),
        ("examples", EXAMPLE, False),
        *(("examples", [without(EXAMPLE, name)], False) for name in EXAMPLE),
        ("examples", [EXAMPLE, {**EXAMPLE, "audio": 1}], False),
        ("examples", [{**EXAMPLE, "pictures": [{"name": "a", "segments": []}]}], True),
        ("examples", [{**EXAMPLE, "pictures": [{}]}], False),
        ("examples", [{**EXAMPLE, "pictures": {}}], False),
        ("columns", COLUMNS, True),
        ("columns", without(COLUMNS, "utt_ids"), False),
        ("columns", changed(COLUMNS, "columns/age", 1), False),
        ("columns", changed(COLUMNS, "columns", []), False),
        ("curve", CURVE, True),
        ("curve", without(CURVE, "at"), True),
        ("curve", without(CURVE, "step"), False),
        ("curve", without(CURVE, "epoch"), False),
        ("curve", {**CURVE, "at": None}, False),
        ("curve", {**CURVE, "step": -1}, False),
        ("provenance", PROVENANCE, True),
        ("provenance", {}, True),
        ("provenance", {"git": None, "packages": None}, True),
        ("provenance", {"git": {}}, True),
        ("provenance", {"git": {"commit": 1}}, False),
        ("provenance", {"git": "main"}, False),
        ("provenance", {"packages": {"a": 1}}, False),
        ("provenance", [], False),
    ],
)
def test_other_files(name: str, value: Any, fits: bool) -> None:
    assert matches_schema(value, name) is fits


@pytest.fixture
def built(tmp_path: Path) -> tuple[Path, Path]:
    experiment, build = make_build(tmp_path)
    fill(experiment)
    return experiment, build


def add_examples(experiment: Path, sizes: list[int]) -> None:
    folder = experiment / "measure/test"
    found = []
    for number, size in enumerate(sizes):
        (folder / f"{number}.wav").write_bytes(b"0" * size)
        found.append({**EXAMPLE, "utt_id": str(number), "audio": f"{number}.wav"})
    (folder / "examples.json").write_text(json.dumps(found))


@pytest.mark.parametrize(
    ("sizes", "inside"),
    [
        ([2_000_000, 3_999_999, 1], [True, True, True]),
        ([2_000_000, 4_000_001, 4_000_000], [True, False, True]),
        ([6_000_000, 1, 0], [True, False, True]),
        ([6_000_001], [False]),
    ],
)
def test_sound_up_to_six_megabytes_is_in_the_page(
    sizes: list[int], inside: list[bool], built: tuple[Path, Path]
) -> None:
    experiment, build = built
    add_examples(experiment, sizes)
    (scores,) = read_experiment(experiment, load_build(build)).scores
    sources = [item["sounds"][0][1] for item in scores.media["test"].values()]
    for number, (size, source) in enumerate(zip(sizes, sources, strict=True)):
        if inside[number]:
            assert base64.b64decode(source.removeprefix("data:audio/wav;base64,")) == b"0" * size
        else:
            assert source == f"measure/test/{number}.wav"
    text = write_report(experiment, build).read_text()
    assert ("some of the audio is in files beside it" in text) is not all(inside)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        *(("measure/metrics.json", "{"), ("measure/metrics.json", "[" * 9999)),
        ("measure/metrics.json", "[]"),
    ],
)
def test_results_that_cannot_be_read(path: str, text: str, built: tuple[Path, Path]) -> None:
    experiment, build = built
    (experiment / path).write_text(text)
    assert read_experiment(experiment, load_build(build)).scores == []


@pytest.mark.parametrize("text", ["", "{", "{}", '[{"utt_id": 1}]'])
def test_examples_that_cannot_be_read(text: str, built: tuple[Path, Path]) -> None:
    experiment, build = built
    (experiment / "measure/test/examples.json").write_text(text)
    (scores,) = read_experiment(experiment, load_build(build)).scores
    assert scores.media == {"test": {}}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"utt_ids": 1, "columns": {}}'])
def test_columns_that_cannot_be_read(text: str, built: tuple[Path, Path]) -> None:
    experiment, build = built
    (experiment / "measure/test/columns.json").write_text(text)
    (scores,) = read_experiment(experiment, load_build(build)).scores
    assert [table.data["columns"] for table in scores.tables] == [[]]


COUNTS = '{"utt_id": "a", "errors": %s, "length": 1, "steps": []}'
BROKEN = ["{", "[]", *(COUNTS % one for one in ('"x"', "1e999", "-1", "1" + "0" * 30)), "[" * 9999]


def test_utterances_the_worst_first_and_lines_that_cannot_be_read_left_out(
    tmp_path: Path,
) -> None:
    path = tmp_path / "utterances.jsonl"
    lines = [
        {"utt_id": "fine", "errors": 0, "length": 2, "steps": [["equal", "a", "a"]] * 2},
        {"utt_id": "half", "errors": 1, "length": 2, "steps": [*MIXED[:2]]},
        {"utt_id": "all", "errors": 2, "length": 0, "steps": MIXED[2:]},
        {"utt_id": "also half", "errors": 1, "length": 2, "steps": MIXED[:2]},
    ]
    path.write_text("\n".join([*map(json.dumps, lines), *BROKEN]))
    found = table_data(read_aligned(path, " "), {"utt_ids": ["all"], "columns": {"x": [1]}})
    assert found == {
        "ids": ["all", "also half", "half", "fine"],
        "steps": [[("", "b"), ("", "c")], *[["a", ("b", "")]] * 2, ["a a"]],
        "errors": [2, 1, 1, 0],
        "lengths": [0, 2, 2, 2],
        "columns": [{"name": "x", "numbers": [1, None, None, None]}],
    }
    odd = {"utt_ids": [["all"], "fine"], "columns": {"x": [1, {}], "y": [True, "z"]}}
    assert table_data(read_aligned(path, " "), odd)["columns"] == [
        {"name": "x", "numbers": [None] * 4},
        {"name": "y", "texts": ["z"], "of": [None, None, None, 0]},
    ]
    few = table_data(read_aligned(path, " ", most=1), {})
    assert (few["ids"], few["errors"]) == (["all"], [2, 0, 1, 1])


MIXED = [["equal", "a", "a"], ["delete", "b", ""], ["insert", "", "b"], ["insert", "", "c"]]


@pytest.mark.parametrize(
    ("lines", "steps"),
    [
        (['{"step": 1, "epoch": 1}', "[]", "", '{"step": 2, "epoch": 1}'], [1]),
        (['{"step": 1, "epoch": 1}', "[]", '{"step": 2, "epoch": 1}'], [1, 2]),
        (["[" * 9999, '{"step": 1, "epoch": 1}'], None),
        ([], None),
    ],
)
def test_rows_of_a_training(
    lines: list[str], steps: list[int] | None, built: tuple[Path, Path]
) -> None:
    experiment, build = built
    (experiment / "train/curves.jsonl").write_text("\n".join(lines))
    found = read_experiment(experiment, load_build(build)).trainings
    assert {name: [row["step"] for row in rows] for name, rows in found.items()} == (
        {} if steps is None else {"train": steps}
    )


def test_only_stages_of_the_kind_have_curves_and_scores(built: tuple[Path, Path]) -> None:
    experiment, build = built
    for name in ("infer", "export"):
        (experiment / name).mkdir()
        for file in ("train/curves.jsonl", "measure/metrics.json"):
            data = (experiment / file).read_bytes()
            (experiment / name / Path(file).name).write_bytes(data)
    found = read_experiment(experiment, load_build(build))
    assert list(found.trainings) == ["train"]
    assert [one.stage for one in found.scores] == ["measure"]


def test_stages_and_their_warnings(built: tuple[Path, Path]) -> None:
    experiment, build = built
    for name in ("export", "infer"):
        (experiment / name).mkdir()
        (experiment / name / f"{name}.log").write_text(
            "2026 10:00 ERROR a.b: no\n x WARNING y: z\n"
        )
    (experiment / "stages/collect_stats.json").write_text("{")
    found = read_experiment(experiment, load_build(build)).stages
    assert [(view.stage.name, view.status, view.warnings) for view in found] == [
        ("create_dataset", "done", ()),
        ("collect_stats", "not run", ()),
        ("train", "done", ("<b>a batch was skipped</b>",)),
        ("infer", "done", ("no",)),
        ("measure", "done", ()),
        ("export", "not run", ()),
    ]


def test_what_the_command_line_set_is_shown_in_place_of_what_is_written(
    built: tuple[Path, Path],
) -> None:
    experiment, build = built
    lock = json.loads((build / LOCK).read_text())
    lock["set"] = ["a.b=2"]
    overlay = {LOCK: json.dumps(lock), "conf/training.yaml": "lr: 0.5\n"}
    found = read_experiment(experiment, load_build(build, overlay))
    assert found.sets == ("a.b=2",)
    assert found.settings == {"config training": "lr: 0.5\n"}
    found = read_experiment(experiment, load_build(build))
    assert found.sets == ("training.lr=0.1",)
    assert found.settings["config training"].startswith("lr: 0.1\n")
    assert write_report(experiment, load_build(build)) == write_report(experiment, build)


def test_results_count_as_soon_as_their_stage_is_done(built: tuple[Path, Path]) -> None:
    experiment, build = built
    for status, count in (("running", 0), ("interrupted", 0), ("done", 1)):
        done(experiment, "measure", status=status)
        assert len(read_experiment(experiment, load_build(build)).scores) == count
