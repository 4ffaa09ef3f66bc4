"""One stage that is tried on made-up data, with files that replace outputs of other stages."""

from dataclasses import dataclass

from espnet3_runtime.deep.fake_artifacts import FakeArtifacts, FakeTokenizers
from espnet3_runtime.preflight.tried_stage import TriedStage


@dataclass(frozen=True)
class StageProbe(TriedStage):
    """A stage, and the parts that all probes share.

    Attributes:
        artifacts: Files that replace the outputs of other stages.
        tokenizers: Tokenizers that replace those of other stages.
    """

    artifacts: FakeArtifacts
    tokenizers: FakeTokenizers
