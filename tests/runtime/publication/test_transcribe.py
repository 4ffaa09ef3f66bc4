"""The command that runs a bundle on audio, in this process."""

import json
from pathlib import Path

import pytest
import soundfile

from espnet3_runtime.publication.model import InferenceModel
from espnet3_runtime.publication.transcribe import main
from tests.runtime.bundle_kit import INFERENCE, pack, packable, speech
from tests.runtime.hub_kit import Repository, hub_here

WORDS = {"one": ("two",), "two": ("one", "four"), "three": ("zero",)}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A bundle and three recordings."""
    folder = tmp_path_factory.mktemp("transcribe")
    with packable(folder / "recipe") as recipe:
        pack(recipe).rename(folder / "bundle")
        for name, words in WORDS.items():
            soundfile.write(folder / f"{name}.wav", speech(*words), 16000)
        yield folder


@pytest.fixture
def here(place, monkeypatch):
    monkeypatch.chdir(place)
    return place


FILES = [f"{name}.wav" for name in WORDS]


@pytest.mark.parametrize("size", [None, "0", "1", "2", "3", "9"])
def test_a_line_for_each_file_in_order(here, capsys, size):
    words = [] if size is None else ["--batch_size", size]
    assert main(["bundle", *FILES, "--trust_user_code", *words]) == 0
    lines = [f"{name}.wav\t{' '.join(spoken)}\n" for name, spoken in WORDS.items()]
    assert capsys.readouterr() == ("".join(lines), "")


def test_as_json(here, capsys):
    assert main(["bundle", "two.wav", "--trust_user_code", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == {"file": "two.wav", "text": "one four"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere", "a.wav"], 'there is no bundle "nowhere"'),
        (["./a/b", "a.wav"], 'there is no bundle "./a/b"'),
        (["/a", "a.wav"], 'there is no bundle "/a"'),
        (["a/b/c", "a.wav"], 'there is no bundle "a/b/c"'),
        (["bundle", "one.wav"], 'the bundle "bundle" wants to run code of its own: src.decode.'),
        (["bundle", "none.wav", "--trust_user_code"], '"none.wav"'),
    ],
)
def test_mistakes(here, capsys, words, message):
    assert main(words) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ")
    assert message in printed.err
    assert "Traceback" not in printed.err


def test_the_first_files_are_printed_before_a_later_one_fails(here, capsys):
    assert main(["bundle", "one.wav", "none.wav", "--trust_user_code"]) == 1
    assert capsys.readouterr().out == "one.wav\ttwo\n"


def test_an_interrupt_has_its_code(here, monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(InferenceModel, "from_packed", interrupt)
    assert main(["bundle", "one.wav"]) == 130
    assert capsys.readouterr() == ("", "")


def test_what_names_a_repository_is_downloaded(here, monkeypatch, capsys, tmp_path):
    files = {
        path.relative_to("bundle").as_posix(): path.read_bytes()
        for path in Path("bundle").rglob("*")
        if path.is_file()
    }
    with hub_here(monkeypatch, tmp_path) as hub:
        hub.repos["me/tiny"] = Repository(commits=[files])
        assert main(["me/tiny", "one.wav", "--trust_user_code", "--device", "cpu"]) == 0
    assert capsys.readouterr().out == "one.wav\ttwo\n"


def test_a_model_in_a_program(here):
    model = InferenceModel.from_packed("bundle", trust_user_code=True)
    assert model.forward_batch([]) == []
    assert model.forward_batch([Path("one.wav"), "two.wav", speech("four")]) == [
        *({"text": "two"}, {"text": "one four"}, {"text": "four"}),
    ]
    assert model({"speech": Path("one.wav")}) == {"text": "two"}
    assert model({"speech": speech("one")}, sample_rate=16000) == {"text": "one"}
    assert model.files == {}
    assert [field.name for field in model.contract.inputs] == ["speech"]
    assert INFERENCE["device"] == "cpu"
