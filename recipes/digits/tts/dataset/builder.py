"""Builds the corpus: that of digits/asr with one voice, and when each phone was spoken."""

from collections.abc import Callable
from pathlib import Path

from espnet3_runtime.atomic import write_text

from .phones import align
from .recordings import LONGEST, counted
from .recordings import DatasetBuilder as RecordingsBuilder
from .spoken import Dataset as Recordings
from .voices import plan


class DatasetBuilder(RecordingsBuilder):
    """Synthesises the corpus under ``<data_dir>/digits``, and aligns it."""

    def is_built(
        self, *, sizes: dict[str, int], seed: int, longest: int = LONGEST, **others: object
    ) -> bool:
        """Tell whether exactly this corpus is there, with its phones."""
        aligned = self._aligned.is_file() and self._aligned.read_text() == self._stamp()
        aligned = aligned and all(self._phones(split).is_file() for split in sizes)
        return aligned and super().is_built(sizes=sizes, seed=seed, longest=longest, **others)

    def build(
        self,
        *,
        sizes: dict[str, int],
        seed: int,
        longest: int = LONGEST,
        jobs: int = 2,
        progress: Callable | None = None,
    ) -> None:
        """Synthesise a corpus, and write ``<split>.phones.tsv`` for each split.

        Args:
            sizes: Utterances in each split.
            seed: Another seed gives another corpus.
            longest: Words in the longest utterances.
            jobs: Processes that synthesise.
            progress: Makes a bar; the stage create_dataset passes it.
        """
        self._aligned.unlink(missing_ok=True)
        super().build(sizes=sizes, seed=seed, longest=longest, jobs=jobs, progress=progress)
        for split, count in sizes.items():
            samples = Recordings(split, str(self.root.parent)).lengths().tolist()
            spoken = zip(plan(split, count, seed, longest), samples, strict=True)
            rows = ["utt_id\tphones\tdurations"]
            for utterance, length in counted(spoken, f"align {split}", count, progress):
                phones = align(utterance, length)
                durations = " ".join(map(str, phones.durations))
                rows.append(f"{utterance.utt_id}\t{phones.text}\t{durations}")
            write_text(self._phones(split), "".join(f"{row}\n" for row in rows))
        write_text(self._aligned, self._stamp())

    def _phones(self, split: str) -> Path:
        return self.root / f"{split}.phones.tsv"

    @property
    def _aligned(self) -> Path:
        return self.root / "phones.txt"

    def _stamp(self) -> str:
        corpus = self.root / "corpus.txt"
        return corpus.read_text() if corpus.is_file() else ""
