"""The corpus."""

from pathlib import Path
from typing import Any


class DatasetBuilder:
    """Prepares the corpus."""

    def __init__(self, data_dir: str) -> None:
        self.root = Path(data_dir)

    def is_source_prepared(self, **_: Any) -> bool:
        """Tell whether the corpus is on this machine."""
        return self.root.is_dir()

    def prepare_source(self, **_: Any) -> None:
        """Fetch the corpus."""

    def is_built(self, **_: Any) -> bool:
        """Tell whether the splits are there."""
        return (self.root / "train.tsv").is_file()

    def build(self, *, corpus: str, splits: list[str], jobs: int = 1) -> None:
        """Write the splits."""
        for split in splits:
            (self.root / f"{split}.tsv").write_text(f"{corpus}\t{jobs}\n", encoding="utf-8")


class Dataset:
    """One split."""

    def __init__(self, split: str, data_dir: str) -> None:
        self.rows = (Path(data_dir) / f"{split}.tsv").read_text(encoding="utf-8").splitlines()

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        name, text = self.rows[index].split("\t")
        return {"utt_id": name, "speech": [0.0] * 400, "text": text}
