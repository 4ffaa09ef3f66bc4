"""Builds the corpus: WAV files and one manifest for each split."""

import io
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path
from threading import Thread
from typing import Any

from .synthesis import SAMPLE_RATE, synthesise
from .voices import Utterance, plan

LONGEST = 7
VERSION = 1  # count up when the audio of an utterance changes
HEADER = 44  # bytes before the samples of a WAV file
COLUMNS = ("utt_id", "wav", "samples", "speaker", "text")


class DatasetBuilder:
    """Synthesises the corpus under ``<data_dir>/digits``.

    A killed build goes on where it stopped: an audio file appears whole or not at all, and a
    manifest only when all its audio is there.
    """

    def __init__(self, data_dir: str) -> None:
        self.root = Path(data_dir) / "digits"

    def is_source_prepared(self, **_: object) -> bool:
        """Nothing is downloaded: the engine comes with the package espeakng-loader."""
        return True

    def prepare_source(self, **_: object) -> None:
        """Nothing to do."""

    def is_built(
        self, *, sizes: dict[str, int], seed: int, longest: int = LONGEST, **_: object
    ) -> bool:
        """Tell whether exactly this corpus is there, and every file of it as long as it was."""
        stamp = self.root / "corpus.txt"
        if not stamp.is_file() or stamp.read_text() != _stamp(sizes, seed, longest):
            return False
        return all(self._is_whole(self.root / f"{split}.tsv") for split in sizes)

    def _is_whole(self, manifest: Path) -> bool:
        if not manifest.is_file():
            return False
        rows = [line.split("\t") for line in manifest.read_text(encoding="utf-8").splitlines()[1:]]
        files = ((self.root / "wav" / row[1], int(row[2])) for row in rows)
        return all(_samples(path) == samples for path, samples in files)

    def build(
        self,
        *,
        sizes: dict[str, int],
        seed: int,
        longest: int = LONGEST,
        jobs: int = 2,
        progress: Callable | None = None,
    ) -> None:
        """Synthesise a corpus.

        Args:
            sizes: Utterances in each split.
            seed: Another seed gives another corpus.
            longest: Words in the longest utterances.
            jobs: Processes; the audio does not depend on them.
            progress: Makes a bar; the stage create_dataset passes it.
        """
        (self.root / "corpus.txt").unlink(missing_ok=True)
        for split, count in sizes.items():
            utterances = plan(split, count, seed, longest)
            folder = self.root / "wav" / f"{split}-v{VERSION}-{seed}-{longest}"
            folder.mkdir(parents=True, exist_ok=True)
            for leftover in folder.glob(".*.partial"):
                leftover.unlink(missing_ok=True)
            with progress(f"synthesise {split}", count) if progress else nullcontext() as bar:
                rows = list(_counted(_speak_all(utterances, folder, jobs), bar))
            _write_text(self.root / f"{split}.tsv", _manifest(utterances, folder, rows))
        _write_text(self.root / "corpus.txt", _stamp(sizes, seed, longest))


def _stamp(sizes: dict[str, int], seed: int, longest: int) -> str:
    return f"version {VERSION}\nseed {seed}\nlongest {longest}\n" + "".join(
        f"{split} {count}\n" for split, count in sizes.items()
    )


def _speak_all(utterances: list[Utterance], folder: Path, jobs: int) -> Iterator[int]:
    tasks = [(asdict(utterance), str(folder)) for utterance in utterances]
    if jobs == 1 or "fork" not in get_all_start_methods():
        yield from map(_speak_one, tasks)
        return
    # Forked, the workers have this module whatever name another recipe loads it under.
    fork, parent = get_context("fork"), os.getpid()
    with ProcessPoolExecutor(jobs, fork, initializer=_end_with, initargs=(parent,)) as pool:
        yield from pool.map(_speak_one, tasks, chunksize=32)


def _end_with(parent: int) -> None:
    """End this worker soon after its parent, who cannot end it when killed."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    Thread(target=watch, daemon=True).start()


def _speak_one(task: tuple[dict, str]) -> int:
    """Write one WAV file unless it is there; return its number of samples."""
    import soundfile

    utterance = Utterance(**task[0])
    path = Path(task[1]) / f"{utterance.utt_id}.wav"
    samples = _samples(path)
    if samples is not None:
        return samples
    audio = synthesise(utterance)
    whole = io.BytesIO()  # a full disk is then an OSError that says so
    soundfile.write(whole, audio, SAMPLE_RATE, subtype="PCM_16", format="WAV")
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_bytes(whole.getvalue())
    partial.replace(path)
    return len(audio)


def _samples(path: Path) -> int | None:
    """Return the samples of a 16-bit WAV file; None when it is missing or cut off."""
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(HEADER)[-4:], "little")
            whole = path.stat().st_size == HEADER + size
    except FileNotFoundError:
        return None
    return size // 2 if whole else None


def _manifest(utterances: list[Utterance], folder: Path, samples: list[int]) -> str:
    rows = [COLUMNS] + [
        (u.utt_id, f"{folder.name}/{u.utt_id}.wav", str(n), u.speaker, u.text)
        for u, n in zip(utterances, samples, strict=True)
    ]
    return "".join("\t".join(row) + "\n" for row in rows)


def _write_text(path: Path, text: str) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def _counted(items: Iterator[int], bar: Any) -> Iterator[int]:
    for item in items:
        yield item
        if bar is not None:
            bar.advance()
