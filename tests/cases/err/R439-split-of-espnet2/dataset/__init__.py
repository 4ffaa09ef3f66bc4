from pathlib import Path


class DatasetBuilder:
    def __init__(self, data_dir):
        self.root = Path(data_dir)

    def is_source_prepared(self, **_):
        return True

    def prepare_source(self, **_):
        pass

    def is_built(self, sizes, **_):
        return all((self.root / f"{split}.txt").is_file() for split in sizes)

    def build(self, sizes):
        self.root.mkdir(parents=True, exist_ok=True)
        for split, count in sizes.items():
            (self.root / f"{split}.txt").write_text(str(count))


class Dataset:
    def __init__(self, split, data_dir):
        self.count = int((Path(data_dir) / f"{split}.txt").read_text())

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return {"utt_id": str(index), "speech": [0.0] * 8}
