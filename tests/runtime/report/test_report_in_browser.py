"""The report as a person uses it, in a real browser."""

import json
import shutil

import pytest

from espnet3_runtime.report import write_report
from tests.runtime import browser
from tests.runtime.report_kit import add_utterances, fill, make_build

pytestmark = pytest.mark.skipif(
    browser.CHROMIUM is None,
    reason="no Chromium or Chrome is installed here: chromium, chromium-browser, google-chrome",
)

HEARD = {"two": "too", "four": "for"}


def edits(said, heard):
    return [["equal" if a == b else "substitute", a, b] for a, b in zip(said, heard, strict=True)]


def make_report(folder):
    """120 utterances of two speakers; ann's "two" and every fifth "four" are misheard."""
    experiment, build = make_build(folder)
    fill(experiment)
    test = experiment / "measure/test"
    utterances, speakers = [], []
    for number in range(120):
        speaker = "<ann>" if number % 4 == 0 else "bob"
        said = ["one", "two", "four"][: 1 + number % 3] * 2
        wrong = {"two": speaker == "<ann>", "four": number % 5 == 0}
        heard = [HEARD[word] if wrong.get(word) else word for word in said]
        utterances.append((f"utt{number:03}", edits(said, heard)))
        speakers.append(speaker)
    utterances[0] = ("utt000", edits(["<b>two</b>"], ["too"]))
    add_utterances(test, "wer", utterances)
    ids = [utt_id for utt_id, _ in utterances]
    seconds = [1 + number / 100 for number in range(120)]
    columns = {"speaker": speakers, "seconds": seconds}
    (test / "columns.json").write_text(json.dumps({"utt_ids": ids, "columns": columns}))
    pictures = [
        {"name": "alignment", "segments": [[0.0, 0.5, "t"], [0.5, 1.0, "oo"]]},
        {"name": "attention", "shape": [2, 2], "range": [0, 1], "values": "AP//AA=="},
    ]
    example = {"utt_id": "utt000", "rank": "worst", "audio": "audio/00.wav", "pictures": pictures}
    (test / "examples.json").write_text(json.dumps([example]))
    return write_report(experiment, build)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    report = make_report(folder)
    alone = folder / "alone.html"  # it needs no other file
    shutil.move(report, alone)
    with browser.Browser(folder / "profile") as page:
        page.address = alone.as_uri()
        yield page


@pytest.fixture
def opened(page):
    page.open(page.address)
    page.wait("document.readyState === 'complete'")
    return page


def cells(page, column):
    """Return the texts of a column of the rows that are shown."""
    return page.evaluate(
        "[...document.querySelectorAll('.utterances tbody tr:not(.pictures)')]"
        f".map((row) => row.cells[{column}].innerText)"
    )


def click(page, text, inside="#utterances"):
    has_text = f"(one) => one.innerText.includes({json.dumps(text)})"
    script = f"[...document.querySelectorAll('{inside} button')].find({has_text})"
    assert page.evaluate(f"Boolean({script})"), text
    page.evaluate(f"{script}.click()")


def part(page, name):
    return page.evaluate(f"document.querySelector('[data-part={name}]').innerText")


def test_the_worst_come_first_and_can_be_sorted_anew(opened):
    assert opened.evaluate("document.querySelectorAll('.utterances tbody b').length") == 0
    assert cells(opened, 0)[0].startswith("utt000")
    assert "<b>two</b>" in cells(opened, 1)[0]
    assert cells(opened, 3)[0] == "100.0 %"
    assert len(cells(opened, 0)) == 20
    click(opened, "Show 50 more of 100")
    assert len(cells(opened, 0)) == 70
    click(opened, "utterance", "thead")
    assert cells(opened, 0)[1] == "utt001"
    click(opened, "utterance", "thead")
    assert cells(opened, 0)[0] == "utt119"
    click(opened, "speaker", "thead")
    assert cells(opened, 5)[0] == "<ann>"
    sorted_by = opened.evaluate("document.querySelector('[aria-sort]').innerText")
    assert sorted_by == "speaker"


def test_search_and_filters(opened):
    opened.evaluate("document.querySelector('[data-part=search]').focus()")
    opened.press(*"UTT11")
    opened.wait("document.querySelector('[data-part=shown]').innerText === '10 of 120 utterances'")
    opened.press(" ", *"for")
    opened.wait("document.querySelectorAll('.utterances tbody tr').length === 1")
    assert cells(opened, 0)[0] == "utt110"
    opened.press(*"gotten")
    opened.wait("document.querySelector('[data-part=shown]').innerText === '0 of 120 utterances'")
    assert opened.evaluate("document.querySelector('[data-part=more]').hidden")
    opened.evaluate("document.querySelector('[data-part=search]').value = ''")
    opened.evaluate("document.querySelector('[data-part=wrong]').click()")
    assert part(opened, "shown") == "27 of 120 utterances"


def test_confusions_lead_to_their_utterances(opened):
    assert part(opened, "confusions").split("\n")[0].startswith("substituted 57")
    opened.evaluate("document.querySelector('[data-part=confusions] button').focus()")
    opened.press("Enter")
    assert part(opened, "shown") == "20 of 120 utterances"
    assert all("too" in text for text in cells(opened, 1))
    pressed = "document.activeElement.getAttribute('aria-pressed')"
    assert opened.evaluate(pressed) == "true"  # the focus stays
    click(opened, "two → too", "[data-part=filters]")
    assert part(opened, "shown") == "120 utterances"


def test_error_rates_of_groups(opened):
    rows = part(opened, "groups").split("\n")
    assert rows[:1] == ["<ann>"]
    click(opened, "bob", "[data-part=groups]")
    assert part(opened, "shown") == "90 of 120 utterances"
    assert set(cells(opened, 5)) == {"bob"}
    assert "too" not in part(opened, "confusions")
    opened.evaluate(
        "const by = document.querySelector('[data-part=group]');"
        "by.value = [...by.options].findIndex((one) => one.text === 'seconds');"
        "by.dispatchEvent(new Event('change'))"
    )
    assert len(part(opened, "groups").strip().split("\n")) >= 8
    assert "to below" in part(opened, "groups")


def test_sound_and_pictures(opened):
    click(opened, "play")
    audio = "document.querySelector('.utterances audio')"
    opened.wait(f"{audio} !== null && {audio}.readyState >= 1", 10)
    assert opened.evaluate(f"{audio}.error") is None
    click(opened, "alignment, attention")
    shown = "document.querySelector('.pictures:not([hidden])')"
    assert opened.evaluate(
        f"[...{shown}.querySelectorAll('.lane span')].map((one) => one.innerText)"
    ) == ["t", "oo"]
    corner = f"[...{shown}.querySelector('canvas').getContext('2d').getImageData(1, 0, 1, 1).data]"
    assert opened.evaluate(corner) == [47, 95, 208, 255]
    click(opened, "alignment, attention")
    assert not opened.evaluate(f"Boolean({shown})")


def test_values_of_curves_are_read_by_keys_and_by_pointer(opened):
    reading = "document.querySelector('output.reading').textContent"
    opened.evaluate("document.querySelector('svg.chart').focus()")
    opened.press("ArrowRight")
    assert opened.evaluate(reading) == "step 1 · epoch 1 · 1 s · train/loss 9"
    opened.press("End")
    assert (
        opened.evaluate(reading) == "step 100 · epoch 1 · 2 s · train/loss 0.09 · valid/loss 0.25"
    )
    opened.press("ArrowLeft")
    assert opened.evaluate(reading) == "step 99 · epoch 1 · 1 s · train/loss 0.090909"
    opened.evaluate("document.activeElement.blur()")
    assert opened.evaluate(reading) == ""
    box = opened.evaluate(
        "document.querySelector('svg.chart').scrollIntoView({block: 'center'});"
        "JSON.parse(JSON.stringify(document.querySelector('svg.chart').getBoundingClientRect()))"
    )
    middle = box["left"] + box["width"] * (52 + 336 * 0.5) / 400
    opened.call("Input.dispatchMouseEvent", type="mouseMoved", x=middle, y=box["top"] + 50)
    opened.wait(f"{reading}.startsWith('step 50 ')")


def test_configs_are_searched(opened):
    opened.evaluate("document.getElementById('search-settings').focus()")
    opened.press(*"alert")
    shown = "[...document.querySelectorAll('details.setting mark')].map((one) => one.innerText)"
    assert opened.evaluate(shown) == ["name: <script>alert(1)</script>"]
    assert opened.evaluate("document.getElementById('found-settings').innerText") == "1 line"
    opened.press(*"zz")
    assert opened.evaluate("document.querySelector('details.setting').hidden")


def test_it_fits_a_phone_and_fetches_nothing(opened):
    opened.call(
        "Emulation.setDeviceMetricsOverride",
        width=390,
        height=844,
        deviceScaleFactor=1,
        mobile=True,
    )
    try:
        assert opened.evaluate("document.documentElement.scrollWidth") == 390
    finally:
        opened.call("Emulation.clearDeviceMetricsOverride")
    fetched = opened.evaluate("performance.getEntriesByType('resource').map((one) => one.name)")
    assert [name for name in fetched if not name.startswith("data:")] == []
