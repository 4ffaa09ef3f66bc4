"""Diarization error rate: values worked out by hand, and every form of segments."""

import json
from importlib.util import find_spec

import pytest

from espnet3_runtime.errors import UserError
from espnet3_runtime.inference.scp import read_scp
from espnet3_runtime.metrics.der import DER
from espnet3_runtime.metrics.inputs.segments import read_segments
from espnet3_runtime.metrics.item_scores import ItemScores
from espnet3_schemas.installation import install_command

INSTALLED = find_spec("simpleder") is not None
needs_simpleder = pytest.mark.skipif(
    not INSTALLED, reason="simpleder is not installed; make test installs it"
)
TURNS = [[0, 10, "A"], [10, 20, "B"]]
OVERLAPPING = [[0, 10, "A"], [8, 12, "B"]]


def rates(ref, hyp, **options):
    found = DER(**options)([json.dumps(ref)], [json.dumps(hyp)])
    return [found[name] for name in ("der", "miss", "false_alarm", "confusion", "speech_seconds")]


@needs_simpleder
@pytest.mark.parametrize(
    ("ref", "hyp", "options", "expected"),
    [
        # From 8 to 10 A speaks and is taken for B: 2 of 20 s.
        (TURNS, [[0, 8, "x"], [8, 20, "y"]], {}, [10, 0, 0, 10, 20]),
        # The names of speakers do not count, nor how their speech is cut.
        (TURNS, [[10, 15, "A"], [15, 20, "A"], [0, 10, "B"]], {}, [0, 0, 0, 0, 20]),
        # 1 s is missed, and 2 s are made up.
        (TURNS, [[0, 9, "x"], [10, 22, "y"]], {}, [15, 5, 10, 0, 20]),
        (TURNS, [], {}, [100, 100, 0, 0, 20]),
        # Of a third speaker, 10 s are no confusion but nobody's: they are matched with none.
        (TURNS, [[0, 5, "x"], [5, 10, "z"], [10, 20, "y"]], {}, [25, 0, 0, 25, 20]),
        # No boundary counts within 0.25 s: 19 s are left, and of 8 to 9.75 the confusion.
        (TURNS, [[0, 8, "x"], [8, 20, "y"]], {"collar": 0.25}, [9.2105, 0, 0, 9.2105, 19]),
        # Both speak from 8 to 10, one of them is missed; from 10 to 12 it is the other: of 14 s.
        (OVERLAPPING, [[0, 12, "x"]], {}, [28.5714, 14.2857, 0, 14.2857, 14]),
        (OVERLAPPING, [[0, 12, "x"]], {"skip_overlap": True}, [20, 0, 0, 20, 10]),
    ],
)
def test_rates_worked_out_by_hand(ref, hyp, options, expected):
    assert rates(ref, hyp, **options) == pytest.approx(expected, abs=1e-4)


@needs_simpleder
def test_recordings_share_one_rate_and_match_speakers_each_for_itself(tmp_path):
    ref = [json.dumps([[0, 10, "A"]]), json.dumps([[0, 30, "A"]]), ""]
    hyp = [json.dumps([[0, 10, "x"]]), json.dumps([[0, 20, "y"]]), "[[0, 2, 3]]"]
    items = ItemScores(["one", "two", "three"])
    found = DER()(ref, hyp, utt_ids=items.utt_ids, item_scores=items)
    assert found == {
        "der": 30,
        "miss": 25,
        "false_alarm": 5,
        "confusion": 0,
        "speech_seconds": 40,
        "recordings": 3,
    }
    assert next(iter(found)) == "der"
    items.write(tmp_path)
    assert read_scp(tmp_path / "values.scp") == {"one": "0", "two": "33.3333"}


RTTM = """\
;; two recordings
SPKR-INFO one 1 <NA> <NA> <NA> unknown anna <NA> <NA>
SPEAKER one 1 0.50 2.25 <NA> <NA> anna <NA> <NA>
SPEAKER one 1 2.00 1.00 <NA> <NA> bert <NA> <NA>
SPEAKER two 1 7.00 1.00 <NA> <NA> anna <NA> <NA>
"""
SEGMENTS = [("anna", 0.5, 2.75), ("bert", 2.0, 3.0)]


def test_segments_in_every_form(tmp_path):
    first = "\n".join(RTTM.splitlines()[2:4])
    named = [{"start": 0.5, "end": 2.75, "speaker": "anna", "text": "hello"}, [2, 3.0, "bert"]]
    (tmp_path / "all.rttm").write_text(RTTM)
    (tmp_path / "one.json").write_text(json.dumps(named))
    forms = [RTTM, first, first.replace("\n", " "), json.dumps(named)]
    forms += [str(tmp_path / "all.rttm"), str(tmp_path / "one.json")]
    for form in forms:
        assert read_segments(form, "one") == SEGMENTS
    assert read_segments(first, "another name") == SEGMENTS  # it is the only one there
    assert read_segments(RTTM, "two") == [("anna", 7.0, 8.0)]
    assert read_segments(" ", "one") == read_segments("[]", "one") == []


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("hello there", 'RTTM: "hello there" is no line of it'),
        ("SPEAKER one 1 0.5", '"SPEAKER one 1 0.5" has fewer than 8 fields'),
        ("SPEAKER one 1 x 1 <NA> <NA> anna", "could not convert string to float: 'x'"),
        ("SPEAKER one 1 2 -1 <NA> <NA> anna", "a segment goes from 2.0 s to 1.0 s"),
        (RTTM, "it has 2 recordings, and this one is not among them"),
        ('[[0, 1, "a"]', "JSON: Expecting ',' delimiter"),
        ("[[0, 1]]", "not enough values to unpack"),
        ("[[0, 1, null]]", "a segment has no speaker"),
        ('[{"start": 0, "text": "a"}]', "a segment has no end, speaker"),
        ("[1]", "cannot unpack non-iterable int"),
        ("none.rttm", "cannot be read: .*No such file"),
    ],
)
def test_segments_that_are_none(value, message):
    with pytest.raises(UserError, match=message):
        read_segments(value, "three")


@needs_simpleder
def test_rates_that_there_are_not():
    with pytest.raises(UserError, match="the references have no speech that counts"):
        rates([], TURNS)
    with pytest.raises(UserError, match="the references have no speech that counts"):
        rates([[0, 1, "a"]], TURNS, collar=1)
    with pytest.raises(ValueError, match="collar is a number of seconds, not -1"):
        DER(collar=-1)


@pytest.mark.skipif(INSTALLED, reason="it is installed; make lowest has it not")
def test_without_the_package_its_extra_is_named():
    with pytest.raises(UserError, match='"simpleder" is not installed') as error:
        DER()
    assert error.value.hint == install_command("metrics")
