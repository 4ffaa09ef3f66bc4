"""pack_demo: a real page, used in a real browser."""

import json
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import yaml

from espnet3_runtime.errors import UserError
from espnet3_runtime.stages.pack_demo import pack_demo
from espnet3_runtime.stages.pack_model import pack_model
from tests.runtime import browser
from tests.runtime.demo_kit import serving
from tests.runtime.inference_kit import in_recipe, make_context

CONTRACT = {
    "inputs": {"speech": {"kind": "audio", "label": "Recording", "sample_rate": 16000}},
    "outputs": {"text": {"kind": "text", "label": "Transcript"}},
}
INFERENCE = {
    "dataset": {"test": [{"name": "a"}]},
    "checkpoint": "best.ckpt",
    "runner": {"_target_": "src.decode.Reader"},
    "contract": CONTRACT,
    "device": "cpu",
}
TRUSTED = {"model": {"trust_user_code": True}}


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    """A recipe with a bundle."""
    with in_recipe(tmp_path_factory.mktemp("demo") / "recipe") as directory:
        torch.save({"scale": torch.ones(1)}, "best.ckpt")
        context = make_context(
            directory,
            "pack_model",
            configs={"publication": {"pack_model": {}}, "inference": INFERENCE},
            model={"_target_": "src.model.Scale"},
        )
        pack_model(context)
        Path("examples").mkdir()
        soundfile.write("examples/three.wav", np.full(1600, 0.3, dtype=np.float32), 16000)
        yield directory


def pack(recipe, config, bundle=None):
    context = make_context(
        recipe,
        "pack_demo",
        configs={"demo": config},
        upstream={"pack_model.bundle": bundle or recipe / "exp/tiny/pack_model/bundle"},
        upstream_kinds={"pack_model": "pack_model"},
    )
    return pack_demo(context)["demo"]


def test_what_a_demo_holds(recipe):
    demo = pack(recipe, TRUSTED | {"pack": {"include": ["examples"]}})
    settings = yaml.safe_load((demo / "demo.yaml").read_text())
    assert settings["title"] == "tiny/asr · tiny"
    assert settings["limits"] == {
        "max_file_mb": 20,
        "max_audio_seconds": 120,
        "delete_after_seconds": 600,
    }
    assert [(f["key"], f["type"], f["label"]) for f in settings["inputs"]] == [
        ("speech", "audio", "Recording")
    ]
    assert [(f["key"], f["type"], f["label"]) for f in settings["outputs"]] == [
        ("text", "text", "Transcript")
    ]
    assert (demo / "bundle/bundle.json").is_file()
    assert (demo / "examples/three.wav").is_file()
    assert (demo / "requirements.txt").read_text() == "espnet3-compile[runtime,asr,demo]\n"
    head = yaml.safe_load((demo / "README.md").read_text().split("---")[1])
    assert head["sdk"] == "gradio"
    assert head["app_file"] == "app.py"
    compile((demo / "app.py").read_text(), "app.py", "exec")


def test_packing_twice_replaces_the_demo(recipe):
    """In ESPnet3 the second run fails on a link that exists."""
    first = pack(recipe, TRUSTED)
    (first / "stray").touch()
    second = pack(recipe, TRUSTED | {"ui": {"title": "Words"}})
    assert not (second / "stray").exists()
    assert yaml.safe_load((second / "demo.yaml").read_text())["title"] == "Words"


def test_texts_fields_and_script_of_choice(recipe):
    Path("about.md").write_text("Say **words**.")
    Path("src/page.py").write_text("print('mine')\n")
    ui = {
        "description": "about.md",
        "app_script": "src/page.py",
        "outputs": [{"key": "text", "type": "text", "label": "Heard"}],
    }
    pack_settings = {"requirements": ["a", "b"], "readme_context": {"emoji": "x", "license": "mit"}}
    demo = pack(recipe, TRUSTED | {"ui": ui, "pack": pack_settings})
    settings = yaml.safe_load((demo / "demo.yaml").read_text())
    assert settings["description"] == "Say **words**."
    assert settings["outputs"][0]["label"] == "Heard"
    assert (demo / "app.py").read_text() == "print('mine')\n"
    assert (demo / "requirements.txt").read_text() == "a\nb\n"
    head = yaml.safe_load((demo / "README.md").read_text().split("---")[1])
    assert (head["emoji"], head["license"]) == ("x", "mit")


@pytest.mark.parametrize(
    ("config", "message", "hint"),
    [
        ({}, "wants to run code of its own: src.decode.Reader", "trust_user_code: true"),
        (
            TRUSTED | {"ui": {"inputs": [{"key": "speach", "type": "audio"}]}},
            'the contract has no "speach"',
            'did you mean "speech"?',
        ),
        (
            TRUSTED | {"ui": {"inputs": [{"key": "speech", "type": "text"}]}},
            '"speech" is audio, which is not for a widget of type text',
            "write type: audio",
        ),
        (
            TRUSTED | {"ui": {"inputs": []}},
            'does not ask for "speech", which the contract requires',
            "list it here",
        ),
        (
            TRUSTED | {"ui": {"outputs": [{"key": "text", "type": "audio"}]}},
            'sample rate of "text" is not known',
            "contract.outputs",
        ),
        (TRUSTED | {"ui": {"description": "no.md"}}, 'no description "no.md"', ""),
        (TRUSTED | {"ui": {"app_script": "src/no.py"}}, 'no script "src/no.py"', ""),
    ],
)
def test_mistakes(recipe, config, message, hint):
    with pytest.raises(UserError) as caught:
        pack(recipe, config)
    assert message in str(caught.value)
    assert hint in str(caught.value)


def test_a_demo_takes_no_secrets(recipe):
    config = {"model": {"trust_user_code": True, "call_args": {"api_key": "s3cr3t"}}}
    with pytest.raises(UserError, match=r'"model\.call_args\.api_key" holds a secret'):
        pack(recipe, config)


def test_files_of_the_recipe_do_not_take_the_place_of_the_demos(recipe):
    Path("app.py").write_text("")
    with pytest.raises(UserError, match=r'"app\.py" is written by pack_demo itself'):
        pack(recipe, TRUSTED | {"pack": {"include": ["app.py"]}})


def test_a_demo_without_a_bundle(recipe):
    with pytest.raises(UserError, match="there is no bundle"):
        pack_demo(make_context(recipe, "pack_demo", configs={"demo": TRUSTED}))


@pytest.fixture
def served(recipe, tmp_path, request):
    """The packed demo, started elsewhere by ``python app.py``; its address.  Its param: of ui."""
    ui = {"title": "Say some words", **getattr(request, "param", {})}
    demo = pack(recipe, TRUSTED | {"ui": ui})
    with serving(demo.rename(tmp_path / "demo"), tmp_path) as address:
        yield address


@pytest.mark.parametrize(
    "served",
    [{"max_file_mb": 0.1, "max_audio_seconds": 1, "delete_after_seconds": 2}],
    indirect=True,
)
def test_the_limits_of_a_demo(served, tmp_path):
    client = pytest.importorskip("gradio_client")
    page = client.Client(served, verbose=False)
    soundfile.write(tmp_path / "said.wav", np.full(160, 0.2, dtype=np.float32), 16000)
    assert page.predict(client.handle_file(tmp_path / "said.wav"), api_name="/run") == "two"
    soundfile.write(tmp_path / "long.flac", np.zeros(160_000, dtype=np.float32), 16000)
    with pytest.raises(Exception, match=r'"Recording" is 10\.0 seconds long; at most 1 are taken'):
        page.predict(client.handle_file(tmp_path / "long.flac"), api_name="/run")
    soundfile.write(tmp_path / "large.wav", np.zeros(60_000, dtype=np.float32), 48000)
    with pytest.raises(Exception, match=r"413|exceed"):
        page.predict(client.handle_file(tmp_path / "large.wav"), api_name="/run")
    with urllib.request.urlopen(f"{served}config", timeout=5) as answer:
        assert json.load(answer)["analytics_enabled"] is False
    for name in ("monitoring", "monitoring/summary", "gradio_api/monitoring/summary"):
        with pytest.raises(urllib.error.HTTPError, match=r"HTTP Error 40[134]"):
            urllib.request.urlopen(f"{served}{name}", timeout=5).close()
    kept = [path for path in (tmp_path / "gradio").rglob("*") if path.is_file()]
    end = time.monotonic() + 20
    while any(path.exists() for path in kept) and time.monotonic() < end:
        time.sleep(0.2)
    assert not [path for path in (tmp_path / "gradio").rglob("*.wav") if path.is_file()]
    assert "Traceback" not in (tmp_path / "log").read_text()


BUTTON = "[...document.querySelectorAll('button')].find(b => b.innerText.trim() == 'Run')"
OUTPUT = "document.querySelector('textarea')?.value"


@pytest.mark.skipif(
    browser.CHROMIUM is None,
    reason="no Chromium or Chrome is installed here: chromium, chromium-browser, google-chrome",
)
def test_a_person_uploads_a_recording_and_reads_the_text(served, tmp_path):
    words = np.repeat(np.array([2, 4, 1], dtype=np.float32) / 10, 160)
    soundfile.write(tmp_path / "said.wav", words, 16000)
    (tmp_path / "broken.wav").write_bytes(b"this is no audio")
    with browser.Browser(tmp_path / "profile") as page:
        page.open(served)
        page.wait(f"!!({BUTTON}) && !!document.querySelector('input[type=file]')")
        assert "Say some words" in page.text()
        assert "Recording" in page.text()
        assert "Transcript" in page.text()
        page.evaluate(f"{BUTTON}.click()")
        page.wait("document.body.innerText.includes('\"Recording\" is empty')")
        page.choose_file("input[type=file]", tmp_path / "said.wav")
        page.wait("!!document.querySelector('audio[src], #waveform, [data-testid*=waveform]')")
        page.evaluate(f"{BUTTON}.click()")
        assert page.wait(OUTPUT) == "two four one"
        page.open(f"{served}?again")
        page.wait(f"!({OUTPUT}) && !!({BUTTON}) && !!document.querySelector('input[type=file]')")
        page.choose_file("input[type=file]", tmp_path / "broken.wav")
        page.wait("!!document.querySelector('audio[src], #waveform, [data-testid*=waveform]')")
        page.evaluate(f"{BUTTON}.click()")
        page.wait("document.body.innerText.includes('cannot be read as audio')")
        assert '"broken.wav" cannot be read as audio' in page.text()  # and no place on the server
    assert "Traceback" not in (tmp_path / "log").read_text()
