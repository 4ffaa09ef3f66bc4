from pathlib import Path

import soundfile


class Dataset:
    def __init__(self, folder):
        self.paths = sorted(Path(folder).glob("*.wav"))

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        speech, rate = soundfile.read(self.paths[index], dtype="float32")
        return {"speech": speech[None]}
