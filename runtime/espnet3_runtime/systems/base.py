"""The stages of any PyTorch recipe.  Each imports its module when it runs, and only then."""

from espnet3_runtime.stage import Outputs, StageContext
from espnet3_runtime.system import System


class BaseSystem(System):
    """Data, statistics, training, inference, metrics, publication."""

    def create_dataset(self, context: StageContext) -> Outputs:
        """Download or make the corpus and build its manifests."""
        from espnet3_runtime.stages.create_dataset import create_dataset

        return create_dataset(context)

    def collect_stats(self, context: StageContext) -> Outputs:
        """Collect shapes, and global mean and variance of the features."""
        from espnet3_runtime.stages.collect_stats import collect_stats

        return collect_stats(context)

    def train(self, context: StageContext) -> Outputs:
        """Train the model with Lightning."""
        from espnet3_runtime.stages.train import train

        return train(context)

    def infer(self, context: StageContext) -> Outputs:
        """Run the model over the test sets."""
        from espnet3_runtime.stages.infer import infer

        return infer(context)

    def measure(self, context: StageContext) -> Outputs:
        """Score the hypotheses."""
        from espnet3_runtime.stages.measure import measure

        return measure(context)

    def pack_model(self, context: StageContext) -> Outputs:
        """Pack weights, code and configs into a bundle."""
        from espnet3_runtime.stages.pack_model import pack_model

        return pack_model(context)

    def upload_model(self, context: StageContext) -> Outputs:
        """Upload the bundle to a model hub."""
        from espnet3_runtime.stages.upload_model import upload_model

        return upload_model(context)

    def pack_demo(self, context: StageContext) -> Outputs:
        """Pack a Gradio demo around the bundle."""
        from espnet3_runtime.stages.pack_demo import pack_demo

        return pack_demo(context)

    def upload_demo(self, context: StageContext) -> Outputs:
        """Upload the demo as a Space."""
        from espnet3_runtime.stages.upload_demo import upload_demo

        return upload_demo(context)
