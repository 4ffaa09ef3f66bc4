"""The stages of self-supervised learning."""

from espnet3_runtime.stage import Outputs, StageContext
from espnet3_runtime.systems.asr import ASRSystem


class SSLSystem(ASRSystem):
    """The stages of recognition, for what is tuned with transcripts, and clusters of frames."""

    def cluster(self, context: StageContext) -> Outputs:
        """Group frames of features into clusters, and label every frame."""
        from espnet3_runtime.stages.cluster import cluster

        return cluster(context)
