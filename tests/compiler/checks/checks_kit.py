"""A small recipe whose parts tests of checks replace."""

from espnet3_compiler.diagnostics.source import Source
from espnet3_compiler.syntax.read import read_text
from espnet3_compiler.syntax.tree import Mapping

HEAD = """\
version: 1
recipe: mini/asr
system: asr
models:
  net: {_target_: src.model.Net, size: 8}
"""
MODEL = (
    "class Net:\n    def __init__(self, size: int, stats: str | None = None): self.size = size\n"
)
CONFIGS = """\
configs:
  training: {dataset: {train: [{data_src_args: {split: train}}]}}
  inference:
    checkpoint: ${stages.train.best_checkpoint}
    dataset: {test: [{name: dev}]}
    runner: {_target_: src.model.Net, size: 8}
    output_keys: [text]
"""


def mapping_of(text: str) -> Mapping:
    """Return the mapping of a YAML text."""
    node, _ = read_text(Source("text", text))
    assert isinstance(node, Mapping)
    return node
