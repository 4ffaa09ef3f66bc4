"""Parts of small recipes whose methods are judged."""

TORCH = "from torch import nn\n"
MODEL = """
from torch import nn

class Net(nn.Module):
    def __init__(self, size): super().__init__()
    def forward(self, speech, speech_lengths=None): return {"loss": speech.mean()}
    def encode(self, speech): return speech, 1
"""
DATA = """
class Dataset:
    def __init__(self, split): ...
    def __len__(self): return 1
    def __getitem__(self, index): return {"speech": index, "text": ""}
"""
TRAIN = "configs:\n  training: {dataset: {train: [{data_src_args: {split: t}}]}}\nstages: [train]\n"
INFER = """\
configs:
  training: {dataset: {train: [{data_src_args: {split: t}}]}}
  inference:
    checkpoint: ${stages.train.best_checkpoint}
    dataset: {test: [{name: dev, data_src_args: {split: dev}}]}
    runner: {_target_: src.decode.Run}
    input_key: speech
    output_keys: [text]
stages: [train, infer]
"""


def runner(call):
    return f"class Run:\n    {call}\n"
