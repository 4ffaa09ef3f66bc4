"""The page of a demo, built in this process: its parts, and what its button gives."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml

from espnet3_runtime.errors import UserError
from espnet3_runtime.publication.demo import launch, make_demo
from tests.runtime.bundle_kit import INFERENCE, pack, packable, speech

gradio = pytest.importorskip("gradio")

RUNNER = """
import torch

WORDS = ("zero", "one", "two", "three", "four")


class Rich:
    def __call__(self, model, speech, speech_lengths, loud=False):
        found = []
        for row in speech:
            words = [WORDS[int(round(value * 10))] for value in row[::160].tolist()]
            text = " ".join(words).upper() if loud else " ".join(words)
            parts = [{"start": 0.0, "end": 1.5, "text": text}]
            wave = torch.stack([row, -row])
            found.append({"text": [text, "other"], "parts": parts, "wave": wave, "score": 0.5})
        return found
"""
CONTRACT = {
    "inputs": {"speech": {"kind": "audio", "sample_rate": 16000}},
    "outputs": {
        "text": {"kind": "text"},
        "parts": {"kind": "segments"},
        "wave": {"kind": "audio", "sample_rate": 8000},
        "score": {"kind": "number"},
    },
}


def field(key: str, kind: str, **changes: Any) -> dict[str, Any]:
    rest = {"label": key.title(), "optional": False, "sample_rate": None}
    return {"key": key, "type": kind, **rest, **changes}


SETTINGS: dict[str, Any] = {
    "title": "Words",
    "description": "About *it*.",
    "limits": {"max_file_mb": 2.5, "max_audio_seconds": 1, "delete_after_seconds": 100},
    "model": {"device": "cpu", "trust_user_code": True, "call_args": {"loud": True}},
    "inputs": [field("speech", "audio")],
    "outputs": [
        field("text", "text"),
        field("parts", "segments"),
        field("wave", "audio", sample_rate=8000),
        field("score", "number"),
        field("none", "text"),
    ],
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("demo")
    with packable(folder / "recipe") as recipe:
        (recipe / "src/rich.py").write_text(RUNNER)
        runner = {"_target_": "src.rich.Rich"}
        inference = {**INFERENCE, "runner": runner, "contract": CONTRACT}
        pack(recipe, inference=inference).rename(folder / "bundle")
    soundfile.write(folder / "said.wav", speech("two", "four"), 16000)
    soundfile.write(folder / "second.wav", np.zeros(16000), 16000)
    soundfile.write(folder / "long.wav", np.zeros(16001), 16000)
    (folder / "<b>.wav").write_bytes(b"no audio")
    return folder


def page_of(place: Path, **changes: Any) -> Any:
    (place / "demo.yaml").write_text(yaml.safe_dump({**SETTINGS, **changes}))
    return make_demo(place)


def parts_of(page: Any) -> list[tuple[str, Any]]:
    kinds = ("markdown", "audio", "number", "dataframe", "textbox", "button", "dataset")
    found = [block for block in page.blocks.values() if block.get_block_name() in kinds]
    return [
        (block.get_block_name(), getattr(block, "label", None) or block.value) for block in found
    ]


def button_of(page: Any) -> Any:
    (function,) = [one for one in page.fns.values() if one.api_name == "run"]
    return function.fn


def test_the_parts_of_a_page(place: Path) -> None:
    page = page_of(place)
    assert page.title == "Words"
    assert page.delete_cache == (60, 100)
    assert page.max_file_size == 2_500_000
    assert parts_of(page) == [
        ("markdown", "# Words"),
        ("markdown", "About *it*."),
        ("audio", "Speech"),
        ("button", "Run"),
        ("textbox", "Text"),
        ("dataframe", "Parts"),
        ("audio", "Wave"),
        ("number", "Score"),
        ("textbox", "None"),
    ]
    blocks = {block.label: block for block in page.blocks.values() if hasattr(block, "label")}
    assert (blocks["Speech"].type, blocks["Wave"].type) == ("filepath", "numpy")
    assert (blocks["Text"].lines, blocks["Parts"].headers) == (3, ["start", "end", "text"])


def test_a_short_page(place: Path) -> None:
    limits = {**SETTINGS["limits"], "delete_after_seconds": 5}
    inputs = [field("speech", "audio"), field("note", "text", optional=True)]
    outputs = [field("text", "text")]
    page = page_of(place, description="", limits=limits, inputs=inputs, outputs=outputs)
    assert page.delete_cache == (5, 5)
    assert [name for name, _ in parts_of(page)] == [
        *("markdown", "audio", "textbox", "button", "textbox"),
    ]
    note = next(block for block in page.blocks.values() if getattr(block, "label", "") == "Note")
    assert note.lines == 1


def test_what_the_button_gives(place: Path) -> None:
    text, parts, (rate, wave), score, none = button_of(page_of(place))(str(place / "said.wav"))
    assert text == "TWO FOUR\nother"
    assert parts == [[0.0, 1.5, "TWO FOUR"]]
    assert (rate, wave.shape) == (8000, (320, 2))
    assert np.allclose(wave[:, 0], -wave[:, 1])
    assert (score, none) == (0.5, None)


def test_one_output_is_no_list(place: Path) -> None:
    quiet = {**SETTINGS["model"], "call_args": {}}
    page = page_of(place, outputs=[field("text", "text")], model=quiet)
    assert button_of(page)(str(place / "said.wav")) == "two four\nother"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, '"Speech" is empty'),
        ("", '"Speech" is empty'),
        ("long.wav", '"Speech" is 1.0 seconds long; at most 1 are taken'),
        ("<b>.wav", '"&lt;b&gt;.wav" cannot be read as audio'),
    ],
)
def test_what_a_visitor_is_told(value: str | None, message: str, place: Path) -> None:
    run = button_of(page_of(place))
    with pytest.raises(gradio.Error) as caught:
        run(str(place / value) if value else value)
    assert caught.value.message.startswith(message)
    assert str(place) not in caught.value.message


def test_the_longest_recording_is_taken(place: Path) -> None:
    assert button_of(page_of(place))(str(place / "second.wav"))[3] == 0.5


def test_what_may_be_left_empty(place: Path) -> None:
    inputs = [field("speech", "audio"), field("note", "text", optional=True)]
    run = button_of(page_of(place, inputs=inputs, outputs=[field("score", "number")]))
    assert run(str(place / "said.wav"), "") == 0.5
    wanted = [field("speech", "audio"), field("note", "text")]
    run = button_of(page_of(place, inputs=wanted, outputs=[field("score", "number")]))
    with pytest.raises(gradio.Error) as caught:
        run(str(place / "said.wav"), "")
    assert caught.value.message == '"Note" is empty'


@pytest.mark.parametrize("kinds", [["audio"], ["text"], ["audio", "audio"]])
def test_examples_are_for_audio_alone(kinds: list[str], place: Path) -> None:
    folder = place / "examples"
    folder.mkdir(exist_ok=True)
    for name in ("b.WAV", "a.flac", "c.txt", "d.ogg", "e.mp3"):
        soundfile.write(folder / "x.wav", speech("one"), 16000)
        (folder / "x.wav").rename(folder / name)
    inputs = [field(f"in{number}", kind) for number, kind in enumerate(kinds)]
    page = page_of(place, inputs=inputs)
    found = [block for block in page.blocks.values() if block.get_block_name() == "dataset"]
    assert len(found) == (kinds == ["audio"])
    if found:
        names = [Path(str(row[0])).name for row in found[0].raw_samples]
        assert names == ["a.flac", "b.WAV", "d.ogg", "e.mp3"]
    for path in folder.iterdir():
        path.unlink()
    assert "dataset" not in [name for name, _ in parts_of(page_of(place))]


def test_how_a_page_is_started() -> None:
    class Page:
        max_file_size = 7

        def launch(self, ssr_mode: bool = True, max_file_size: int = 0, enable_monitoring=None):
            self.started = (ssr_mode, max_file_size, enable_monitoring)

    page = Page()
    launch(page)
    assert page.started == (False, 7, False)


def test_a_bundle_that_is_not_trusted(place: Path) -> None:
    with pytest.raises(UserError, match="wants to run code of its own"):
        page_of(place, model={**SETTINGS["model"], "trust_user_code": False})
