"""librispeech_100/asr on a generated stand-in of the corpus: builder, and all stages."""

import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml

from espnet3_runtime.errors import UserError
from tests.recipes.recipe_runs import RECIPES, copy_recipes, module, package, run, run_all

NAME = "librispeech_100/asr"
PARTS = {"train-clean-100": 8, "dev-clean": 2, "dev-other": 2, "test-clean": 2, "test-other": 2}
WORDS = ["THE", "CAT", "SAT", "ON", "A", "MAT", "AND", "DOG", "RAN", "AFTER", "IT"]


def stand_in(root: Path, parts: dict[str, int] = PARTS) -> Path:
    """Write ``LibriSpeech/<part>/<speaker>/<chapter>/`` with FLAC files and transcripts."""
    rng = np.random.default_rng(1)
    for number, (part, count) in enumerate(parts.items()):
        speaker, chapter = 100 + number, 7
        folder = root / "LibriSpeech" / part / str(speaker) / str(chapter)
        folder.mkdir(parents=True)
        lines = []
        for index in range(count):
            name = f"{speaker}-{chapter}-{index:04d}"
            audio = rng.uniform(-0.3, 0.3, 9_000 + 800 * index)
            soundfile.write(folder / f"{name}.flac", audio, 16_000)
            lines.append(f"{name} {' '.join(rng.choice(WORDS, 3 + index % 3))}\n")
        (folder / f"{speaker}-{chapter}.trans.txt").write_text("".join(lines))
    (root / "LibriSpeech" / "README.TXT").write_text("not the corpus\n")
    return root


def pack(root: Path, target: Path, *parts: str, **extra: bytes) -> Path:
    """Write one archive for each part, as openslr has them."""
    target.mkdir(parents=True, exist_ok=True)
    for part in parts:
        with tarfile.open(target / f"{part}.tar.gz", "w:gz") as file:
            file.add(root / "LibriSpeech" / "README.TXT", "LibriSpeech/README.TXT")
            file.add(root / "LibriSpeech" / part, f"LibriSpeech/{part}")
            for name, data in extra.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                file.addfile(member, io.BytesIO(data))
    return target


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stand_in(tmp_path_factory.mktemp("corpus"))


def builder(tmp_path: Path) -> Any:
    return package(NAME, "dataset").DatasetBuilder(str(tmp_path / "data"))


def build(tmp_path: Path, **arguments: Any) -> list[dict[str, Any]]:
    """Prepare and build a corpus; return the items of dev-clean."""
    made = builder(tmp_path)
    if not made.is_source_prepared(**arguments):
        made.prepare_source(**arguments)
    assert made.is_source_prepared(**arguments)
    assert not made.is_built(**arguments)
    made.build(**arguments)
    assert made.is_built(**arguments)
    dataset = package(NAME, "dataset").Dataset("dev-clean", str(tmp_path / "data"))
    return [dataset[index] for index in range(len(dataset))]


DEV: dict[str, Any] = {"parts": ["dev-clean"], "official": False}


def test_an_existing_corpus_is_read_where_it_is(corpus: Path, tmp_path: Path):
    items = build(tmp_path, source=str(corpus), **DEV)
    assert [item["utt_id"] for item in items] == ["101-7-0000", "101-7-0001"]
    assert [item["speech"].shape for item in items] == [(9_000,), (9_800,)]
    assert items[0]["speech"].dtype == np.float32
    assert sorted(p.name for p in (tmp_path / "data" / "librispeech").iterdir()) == [
        *("corpus.json", "dev-clean.tsv")
    ]
    assert builder(tmp_path).is_built(source=str(corpus / "LibriSpeech"), **DEV)
    assert not builder(tmp_path).is_built(source=None, **DEV)


def test_speeds_are_data_sets_of_their_own_whose_lengths_are_known(corpus: Path, tmp_path: Path):
    build(tmp_path, source=str(corpus), **DEV)
    for speed in (0.9, 1.0, 1.1):
        dataset = package(NAME, "dataset").Dataset("dev-clean", str(tmp_path / "data"), speed)
        assert dataset.lengths().tolist() == [len(dataset[i]["speech"]) for i in range(2)]
    assert len(package(NAME, "dataset").Dataset("dev-clean", str(tmp_path / "data"), limit=1)) == 1


def test_archives_are_unpacked_and_names_in_them_become_no_paths(corpus: Path, tmp_path: Path):
    evil = {
        "../../evil-1": b"x",
        "LibriSpeech/dev-clean/../../../evil-2": b"x",
        "LibriSpeech/dev-clean/1/2/evil-3.flac": b"x",
        "/LibriSpeech/dev-clean/1/2/1-2-0001.flac": b"x",
    }
    archives = pack(corpus, tmp_path / "archives", "dev-clean", **evil)
    items = build(tmp_path / "here", url=archives.as_uri(), **DEV)
    assert len(items) == 2
    assert not list(tmp_path.rglob("evil*"))
    assert not list((tmp_path / "here").rglob("1-2-0001.flac"))
    root = tmp_path / "here" / "data" / "librispeech"
    assert sorted(p.name for p in root.iterdir()) == ["LibriSpeech", "corpus.json", "dev-clean.tsv"]


@pytest.fixture
def server(corpus: Path, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Serve the archives; ``cut`` is where the connection breaks, ``seen`` the ranges asked for."""
    archives = pack(corpus, tmp_path / "served", "dev-clean")
    facts: dict[str, Any] = {"cut": [], "seen": [], "ranges": True, "archives": archives}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = archives / self.path.lstrip("/")
            if not path.is_file():
                self.send_error(404)
                return
            data, asked = path.read_bytes(), self.headers["Range"]
            facts["seen"].append(asked)
            start = int(asked[6:-1]) if asked and facts["ranges"] else 0
            if start >= len(data):
                self.send_error(416)
                return
            self.send_response(206 if asked and facts["ranges"] else 200)
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            end = facts["cut"].pop(0) if facts["cut"] else len(data)
            self.wfile.write(data[start:end])

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        facts["url"] = f"http://127.0.0.1:{running.server_port}"
        yield facts
        running.shutdown()


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_that_is_cut_off_goes_on(server: dict[str, Any], tmp_path: Path, ranges: bool):
    server["ranges"], server["cut"] = ranges, [3_000, 7_000 if ranges else 2_000]
    whole = (server["archives"] / "dev-clean.tar.gz").read_bytes()
    target, sha256 = tmp_path / "got.tar.gz", hashlib.sha256(whole).hexdigest()
    fetch = module(NAME, "dataset.download").download
    fetch(f"{server['url']}/dev-clean.tar.gz", target, sha256, pause=0.01)
    assert target.read_bytes() == whole
    assert server["seen"] == [None, "bytes=3000-", "bytes=7000-" if ranges else "bytes=2000-"]
    partial = tmp_path / "other.partial"
    partial.write_bytes(whole)  # killed between the last byte and the renaming
    fetch(f"{server['url']}/dev-clean.tar.gz", tmp_path / "other", sha256, pause=0.01)
    assert (tmp_path / "other").read_bytes() == whole


def test_what_cannot_be_fetched_is_said(
    server: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with pytest.raises(UserError, match="404"):
        builder(tmp_path).prepare_source(url=server["url"], parts=["dev-other"], official=False)
    with pytest.raises(UserError, match="not the published archive"):
        builder(tmp_path).prepare_source(url=server["url"], parts=["dev-clean"])
    assert not list((tmp_path / "data" / "librispeech").iterdir())
    with pytest.raises(UserError, match="no URL that can be fetched"):
        builder(tmp_path).prepare_source(url="ftp://there", parts=["dev-clean"])
    with pytest.raises(UserError, match="No such file"):
        builder(tmp_path).prepare_source(url=(tmp_path / "no").as_uri(), parts=["dev-clean"])
    with pytest.raises(UserError, match='no published part "dev-claen"') as caught:
        builder(tmp_path).prepare_source(url=server["url"], parts=["dev-claen"])
    assert "dev-clean" in caught.value.hint
    download = module(NAME, "dataset.download")
    monkeypatch.setattr(download, "ATTEMPTS", 2)
    server["cut"] = [100, 200]
    with pytest.raises(UserError, match="cut off after 200"):
        download.download(f"{server['url']}/dev-clean.tar.gz", tmp_path / "x", None, pause=0.01)
    assert (tmp_path / "x.partial").stat().st_size == 200


def test_a_corpus_that_is_not_whole_is_refused(tmp_path: Path):
    root = stand_in(tmp_path, {"dev-clean": 3})
    chapter = root / "LibriSpeech" / "dev-clean" / "100" / "7"
    transcript = chapter / "100-7.trans.txt"
    text = transcript.read_text()
    given = {"source": str(root), **DEV}
    with pytest.raises(UserError, match="has no LibriSpeech/dev-other"):
        builder(tmp_path).prepare_source(source=str(root), parts=["dev-other"])
    with pytest.raises(UserError, match=r"has 3 utterances, and 2,703 are published"):
        builder(tmp_path).build(source=str(root), parts=["dev-clean"])
    transcript.write_text(text[: text.index("\n") + 1])
    with pytest.raises(UserError, match="has no line in the transcript"):
        builder(tmp_path).build(**given)
    transcript.write_text(text + "100-7-0009 THE CAT\n")
    with pytest.raises(UserError, match='audio of "100-7-0009" cannot be read'):
        builder(tmp_path).build(**given)
    transcript.write_text(text + "100-7-0002\n")
    with pytest.raises(UserError, match="line without a transcript"):
        builder(tmp_path).build(**given)
    transcript.write_text(text)
    soundfile.write(chapter / "100-7-0002.flac", np.zeros(100), 8_000)
    with pytest.raises(UserError, match="1 channels at 8000 Hz"):
        builder(tmp_path).build(**given)
    transcript.unlink()
    with pytest.raises(UserError, match="has no transcripts"):
        builder(tmp_path).build(**given)


def test_a_damaged_archive_leaves_no_half_of_a_part(corpus: Path, tmp_path: Path):
    archives = pack(corpus, tmp_path / "archives", "dev-clean", "dev-other")
    whole = (archives / "dev-clean.tar.gz").read_bytes()
    (archives / "dev-clean.tar.gz").write_bytes(whole[:-500])
    with pytest.raises(UserError, match="cannot be unpacked"):
        builder(tmp_path).prepare_source(url=archives.as_uri(), **DEV)
    assert not (tmp_path / "data" / "librispeech" / "LibriSpeech" / "dev-clean").exists()
    (archives / "dev-clean.tar.gz").write_bytes((archives / "dev-other.tar.gz").read_bytes())
    (tmp_path / "data" / "librispeech" / "dev-clean.tar.gz").unlink(missing_ok=True)
    with pytest.raises(UserError, match="holds nothing of LibriSpeech/dev-clean"):
        builder(tmp_path).prepare_source(url=archives.as_uri(), **DEV)


TINY = (
    *(
        "training.create_dataset.official=false",
        "training.num_threads=1",
        "inference.num_threads=1",
    ),
    *("training.tokenizer.vocab_size=22", "training.dataloader.num_workers=0"),
    *("training.trainer.max_epochs=1", "training.trainer.accumulate_grad_batches=1"),
    *("training.dataloader.train.batches.batch_bins=60000", "training.scheduler.warmup_steps=4"),
    *("conformer.encoder.size=16", "conformer.encoder.heads=2", "conformer.encoder.inner_size=16"),
    *("conformer.encoder.num_blocks=1", "conformer.encoder.kernel_size=5"),
    *("conformer.decoder.num_layers=1", "conformer.decoder.inner_size=16"),
    *("conformer.decoder.heads=2", "inference.runner.beam_size=2"),
)


@pytest.mark.timeout(900)
@pytest.mark.slow
def test_all_stages_run_on_the_stand_in(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("LIBRISPEECH", raising=False)
    folder = copy_recipes(tmp_path) / NAME
    archives = pack(corpus, tmp_path / "archives", *PARTS)
    url = f"training.create_dataset.url={archives.as_uri()}"
    said = run_all(folder, [url, *TINY], deep=True)
    assert "(loss, stats, weight)" in said
    exp = folder / "exp" / "recipe"
    curve = [json.loads(line) for line in (exp / "train" / "curves.jsonl").read_text().splitlines()]
    assert {"valid/acc", "valid/loss_ctc", "valid/loss_att"} <= {
        name for row in curve for name in row
    }
    scores = json.loads((exp / "measure" / "metrics.json").read_text())["metrics"]["wer"]
    assert {test: score["utterances"] for test, score in scores.items()} == {
        part: 2 for part in PARTS if not part.startswith("train")
    }


def test_the_variants_for_a_cluster_are_right(tmp_path: Path):
    folder = copy_recipes(tmp_path) / NAME
    assert run("-m", "espnet3_compiler", "recipe.yaml", folder=folder).returncode == 0
    variants = [
        *("--training_config", "conf/training_slurm.yaml"),
        *("--inference_config", "conf/inference_slurm.yaml"),
    ]
    planned = run("build/run.py", "--dry_run", *variants, folder=folder)
    assert planned.returncode == 0, planned.stderr
    wrong = run(
        "build/run.py", "--dry_run", *variants, "--set", "training.trainer.device=2", folder=folder
    )
    assert 'did you mean "devices"' in wrong.stderr


@pytest.mark.parametrize("role", ["training", "inference"])
def test_slurm_takes_the_options(role: str):
    jobqueue = pytest.importorskip("dask_jobqueue")
    file = RECIPES / NAME / "conf" / f"{role}_slurm.yaml"
    parallel = yaml.safe_load(file.read_text())["parallel"]
    assert parallel["env"] == "slurm"
    with jobqueue.SLURMCluster(**parallel["options"]) as cluster:
        script = cluster.job_script()
    assert "#SBATCH -t 02:00:00" in script
    assert ("#SBATCH --gres=gpu:1" in script) == (role == "inference")
