"""Builds pairs of clean and noisy recordings of the digits, and reads them."""

import csv
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

import soundfile

from espnet3_runtime.atomic import atomic_file
from espnet3_runtime.inference.scp import read_scp

from .builder import COLUMNS, LONGEST, count_samples, counted, write_wav
from .builder import DatasetBuilder as SpeechBuilder
from .dataset import Dataset as SpeechDataset
from .noise import add_noise
from .synthesis import SAMPLE_RATE

SNR = (-5.0, 10.0)
VERSION = 1  # count up when the noise of an utterance changes


class DatasetBuilder(SpeechBuilder):
    """Synthesises speech as digits/asr does, then adds noise to it.

    ``<data_dir>/digits/<split>-noisy.tsv`` lists the pairs.  What is added to an utterance follows
    from its id and the seed, so a killed build goes on where it stopped.
    """

    def is_built(
        self,
        *,
        sizes: dict[str, int],
        seed: int,
        longest: int = LONGEST,
        snr: Sequence[float] = SNR,
        **_: object,
    ) -> bool:
        """Tell whether exactly these pairs are there, and every file as long as it was."""
        stamp = self.root / "mixtures.txt"
        return (
            super().is_built(sizes=sizes, seed=seed, longest=longest)
            and stamp.is_file()
            and stamp.read_text() == _stamp(sizes, seed, longest, snr)
            and all(map(self._is_mixed, sizes))
        )

    def build(
        self,
        *,
        sizes: dict[str, int],
        seed: int,
        longest: int = LONGEST,
        snr: Sequence[float] = SNR,
        jobs: int = 2,
        progress: Callable | None = None,
    ) -> None:
        """Synthesise speech and add noise.

        Args:
            sizes: Utterances in each split.
            seed: Another seed gives other speech and other noise.
            longest: Words in the longest utterances.
            snr: Least and largest speech to noise, in dB.
            jobs: Processes that synthesise.
            progress: Makes a bar; the stage create_dataset passes it.

        Raises:
            UserError: The engine is not installed.
        """
        super().build(sizes=sizes, seed=seed, longest=longest, jobs=jobs, progress=progress)
        (self.root / "mixtures.txt").unlink(missing_ok=True)
        for split, count in sizes.items():
            rows = SpeechDataset(split, str(self.root.parent)).rows
            mixed = (self._mix(row, seed, snr) for row in rows)
            pairs = list(counted(mixed, f"add noise {split}", count, progress))
            with atomic_file(self.root / f"{split}-noisy.tsv") as file:
                names = (*COLUMNS, "noisy", "snr")
                writer = csv.DictWriter(file, names, delimiter="\t", lineterminator="\n")
                writer.writeheader()
                writer.writerows(pairs)
        with atomic_file(self.root / "mixtures.txt") as file:
            file.write(_stamp(sizes, seed, longest, snr))

    def _mix(self, row: dict[str, str], seed: int, snr: Sequence[float]) -> dict[str, str]:
        """Write the noisy recording of an utterance; return its line."""
        rng = random.Random(f"{seed} {row['utt_id']}")
        ratio = rng.uniform(*snr)
        noisy = f"noisy-v{VERSION}-{'-'.join(map(str, snr))}/{row['wav']}"
        path = self.root / "wav" / noisy
        if count_samples(path) is None:  # its name says what it holds
            speech, _ = soundfile.read(self.root / "wav" / row["wav"], dtype="float32")
            path.parent.mkdir(parents=True, exist_ok=True)
            write_wav(path, add_noise(speech, ratio, rng.getrandbits(31)))
        return {**row, "noisy": noisy, "snr": f"{ratio:.2f}"}

    def _is_mixed(self, split: str) -> bool:
        manifest = self.root / f"{split}-noisy.tsv"
        return manifest.is_file() and all(
            count_samples(self.root / "wav" / row["noisy"]) == int(row["samples"])
            for row in SpeechDataset(f"{split}-noisy", str(self.root.parent)).rows
        )


class Dataset(SpeechDataset):
    """Pairs of one split.

    An item is ``{"utt_id": str, "speech": …, "clean": …, "text": str}``, with audio as float32
    (samples,) at 16 kHz.
    """

    fields: ClassVar = {
        name: {"kind": "audio", "channels": 1, "sample_rate": SAMPLE_RATE}
        for name in ("speech", "clean")
    }

    def __init__(
        self, split: str, data_dir: str, speech: str = "noisy", limit: int | None = None
    ) -> None:
        """Read the list of pairs.

        Args:
            split: train, valid or test.
            data_dir: Where the builder wrote.
            speech: What the field ``speech`` is: noisy, clean, or an SCP file of recordings.
            limit: Keep the first so many.

        Raises:
            FileNotFoundError: The corpus has not been built.
        """
        super().__init__(f"{split}-noisy", data_dir, limit=limit)
        column = {"noisy": "noisy", "clean": "wav"}.get(speech)
        files = {} if column else read_scp(Path(speech))
        wav = (self.root / "wav").absolute()
        self.speech = [
            wav / row[column] if column else Path(files[row["utt_id"]]) for row in self.rows
        ]

    def __getitem__(self, index: int) -> dict:
        item = super().__getitem__(index)
        speech, _ = soundfile.read(self.speech[index], dtype="float32")
        return {**item, "speech": speech, "clean": item["speech"]}


def _stamp(sizes: dict[str, int], seed: int, longest: int, snr: Sequence[float]) -> str:
    return f"version {VERSION}\nseed {seed}\nlongest {longest}\nsnr {[*snr]}\nsizes {sizes}\n"
