"""A small recipe whose parts tests of checks replace."""

HEAD = """\
version: 1
recipe: mini/asr
system: asr
models:
  net: {_target_: src.model.Net, size: 8}
"""
MODEL = "class Net:\n    def __init__(self, size: int, stats: str | None = None): ...\n"
CONFIGS = """\
configs:
  training: {dataset: {train: [{data_src_args: {split: train}}]}}
  inference:
    checkpoint: ${stages.train.best_checkpoint}
    dataset: {test: [{name: dev}]}
    runner: {_target_: src.model.Net, size: 8}
    output_keys: [text]
"""
