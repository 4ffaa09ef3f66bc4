"""What metrics say of single items, from commands that a user types to the page in a browser."""

import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.docs.tutorial_kit import blocks
from tests.recipes.recipe_runs import run
from tests.runtime import browser

MEASURING = Path(__file__).parents[2] / "docs/measuring.md"
METRICS = {
    "accuracy": ("espnet3_runtime.metrics.accuracy.Accuracy", "ref: 'dataset:word', hyp: word"),
    "eer": ("espnet3_runtime.metrics.eer.EER", "label: 'dataset:target', score: score"),
    "gain": (
        "espnet3_runtime.metrics.si_sdr.SISDRImprovement",
        "ref: 'dataset:clean', enhanced: wave, noisy: 'dataset:speech'",
    ),
    "mcd": ("espnet3_runtime.metrics.mcd.MCD", "ref: 'dataset:clean', spoken: wave"),
    "level": ("src.level.Level", "wave: wave"),
    "recall": ("src.recall.MacroRecall", "ref: 'dataset:word', hyp: word"),
}
OPTIONAL = {
    "stoi": ("espnet3_runtime.metrics.stoi.STOI", "ref: 'dataset:clean', enhanced: wave"),
    "bleu": ("espnet3_runtime.metrics.bleu.BLEU", "ref: 'dataset:text', hyp: text"),
}
HAS_OPTIONAL = all(map(find_spec, ("pystoi", "sacrebleu")))
USED = {**METRICS, **(OPTIONAL if HAS_OPTIONAL else {})}
ENTRIES = [
    f"      - {{name: {name}, metric: {{_target_: {target}}}, inputs: {{{inputs}}}}}"
    for name, (target, inputs) in USED.items()
]
MANIFEST = """\
version: 1
recipe: mini/items
system: base
configs:
  inference:
    dataset: {test: [{name: dev}]}
    model: {_target_: src.model.Listener}
    input_key: speech
    contract:
      inputs: {speech: {kind: audio, sample_rate: 16000}}
      outputs:
        word: {kind: text}
        text: {kind: text}
        score: {kind: number}
        wave: {kind: audio, sample_rate: 16000}
  metrics:
    metrics:
ENTRIES
stages: [infer, measure]
""".replace("ENTRIES", "\n".join(ENTRIES))
DATASET = '''
"""Twelve noisy tones in three heights; the later, the more noise."""
import numpy as np

WORDS = ("high", "low", "middle")
HZ = {"high": 1200, "low": 300, "middle": 600}


class Dataset:
    def __init__(self, recipe_dir=None): pass

    def __len__(self): return 12

    def __getitem__(self, index):
        word = WORDS[index % 3]
        clean = 0.3 * np.sin(2 * np.pi * HZ[word] * np.arange(8000) / 16000)
        noise = np.random.default_rng(index).normal(size=8000)
        speech = clean + 0.002 * (index + 1) * noise
        return {
            "utt_id": f"utt{index:02}", "speech": speech.astype(np.float32), "word": word,
            "clean": clean.astype(np.float32), "target": int(word == "high"),
            "text": f"tone {index} is a {word} one of {HZ[word]} hertz", "noise": index // 4,
        }
'''
MODEL = '''
"""Knows a tone by its height, but takes a high one with much noise for a low one."""
import numpy as np

HEIGHTS = {1200: "high", 300: "low", 600: "middle"}


class Listener:
    def __call__(self, speech):
        hertz = int(np.abs(np.fft.rfft(speech)).argmax() * 2)
        word = HEIGHTS[hertz]
        loud = float(np.std(speech - 0.3 * np.sin(2 * np.pi * hertz * np.arange(8000) / 16000)))
        if word == "high" and loud > 0.013:
            word = "low"
        return {"word": word, "text": f"tone is a {word} one of {hertz} hertz",
                "score": float(hertz / 1200 - 30 * loud * (word == "low")), "wave": 0.9 * speech}
'''


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The recipe after infer and measure; metrics of its own are those of the documentation."""
    folder = tmp_path_factory.mktemp("items")
    own = {name: text for language, name, text in blocks(MEASURING) if language == "python"}
    assert set(own) == {"src/level.py", "src/recall.py"}
    files = {"recipe.yaml": MANIFEST, "dataset/__init__.py": DATASET, "src/model.py": MODEL, **own}
    for name, text in {**files, "src/__init__.py": ""}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    compiled = run("-m", "espnet3_compiler", "recipe.yaml", folder=folder)
    assert compiled.returncode == 0, compiled.stderr
    done = run("build/run.py", "--stages", "all", folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "exp/recipe"


def tables(experiment):
    """Return the tables of the page by metric, and what can be heard."""
    page = (experiment / "report.html").read_text()
    found = re.findall(r'class="(table|media)"[^>]*?(?:data-metric="(\w+)"[^>]*)?>(.*?)<', page)
    by_metric = {metric: json.loads(text) for kind, metric, text in found if kind == "table"}
    (media,) = (json.loads(text) for kind, _, text in found if kind == "media")
    return by_metric, media


def test_tables_the_worst_first(measured):
    found, media = tables(measured)
    assert list(found) == list(USED)
    numbers = json.loads((measured / "measure/metrics.json").read_text())["metrics"]
    for name, data in found.items():
        first = data["scores"][0]
        higher = first["higher"]
        assert higher is (name not in ("eer", "mcd"))
        assert first["numbers"] == sorted(first["numbers"], reverse=not higher)
        if first["name"] in numbers[name]["dev"] and name != "recall":
            mean = sum(first["numbers"]) / len(first["numbers"])
            assert numbers[name]["dev"][first["name"]] == pytest.approx(mean, abs=1e-3)
    assert found["accuracy"]["ids"][:2] == ["utt06", "utt09"]
    assert found["gain"]["texts"][0]["name"] == "text"  # of the data: the metric has none
    assert [one["name"] for one in found["level"]["scores"]] == ["level", "peak"]
    assert [one["name"] for one in found["recall"]["texts"]] == ["ref", "hyp", "answer"]
    assert [one["name"] for one in found["eer"]["columns"]] == [
        "word",
        "target",
        "noise",
        "seconds",
    ]
    heard = [name for name, _ in media["utt11"]["sounds"]]
    assert heard == ["ref", "enhanced", "noisy"]
    values = (measured / "measure/dev/level/values.scp").read_text().splitlines()
    assert values[0].startswith("utt00 -1")


def see(page, part):
    return page.evaluate(f"document.querySelector('[data-part={part}]').innerText")


def choose(page, part, text):
    page.evaluate(
        f"(() => {{ const one = document.querySelector('[data-part={part}]');"
        f" one.value = [...one.options].findIndex((option) => option.text === '{text}');"
        " one.dispatchEvent(new Event('change')); })()"
    )


@pytest.mark.skipif(
    browser.CHROMIUM is None,
    reason="no Chromium or Chrome is installed here: chromium, chromium-browser, google-chrome",
)
def test_the_page_in_a_browser(measured, tmp_path):
    first = "document.querySelector('.utterances tbody tr').innerText"
    with browser.Browser(tmp_path / "profile") as page:
        page.open((measured / "report.html").as_uri())
        page.wait("document.readyState === 'complete'")
        assert "utt06" in page.evaluate(first)
        assert "0 %" in page.evaluate(first)
        page.evaluate("document.querySelector('[data-part=wrong]').click()")
        assert see(page, "shown") == "2 of 12 utterances"
        matrix = "[...document.querySelectorAll('.matrix tbody tr')].map((row) => row.innerText)"
        assert "50.0 %" not in page.evaluate(matrix)[0]  # of the two that are wrong
        page.evaluate("document.querySelector('[data-part=wrong]').click()")
        assert page.evaluate(matrix)[0].split() == ["high", "2", "2", "·", "50.0", "%"]
        page.evaluate("document.querySelector('.matrix .wrong button').click()")
        assert see(page, "shown") == "2 of 12 utterances"
        assert see(page, "by") == "accuracy (mean) by"
        assert see(page, "groups").split("\n")[0] == "high"
        choose(page, "view", "dev · gain")
        assert see(page, "shown") == "12 utterances"
        assert page.evaluate("document.querySelector('[data-part=confused]').hidden")
        assert page.evaluate("document.querySelector('[data-part=wrong]').parentElement.hidden")
        assert "dB" in page.evaluate(first)
        sounds = (
            "[...document.querySelectorAll('.utterances tbody tr')[0].querySelectorAll('button')]"
        )
        assert page.evaluate(f"{sounds}.map((one) => one.innerText)") == [
            *("▶ ref", "▶ enhanced", "▶ noisy"),
        ]
        page.evaluate(f"{sounds}[1].click()")
        audio = "document.querySelector('.utterances .heard audio')"
        page.wait(f"{audio} !== null && {audio}.readyState >= 1", 10)
        assert page.evaluate(f"{audio}.duration") == 0.5
        choose(page, "group", "noise")
        assert see(page, "groups").split("\n")[1].endswith(" dB, 4 utterances")
        if "bleu" in USED:
            choose(page, "view", "dev · bleu")
            edits = "[...document.querySelectorAll('.utterances tbody tr del, tr ins')].slice(0, 3)"
            edited = page.evaluate(f"{edits}.map((one) => one.tagName + ' ' + one.innerText)")
            assert edited == ["DEL 6", "DEL high", "INS low"]
        choose(page, "view", "dev · mcd")
        assert page.evaluate("document.querySelector('[aria-sort]').innerText") == "mcd"
        assert page.evaluate("document.querySelector('[aria-sort]').ariaSort") == "descending"
