import torch
from lightning.pytorch.cli import LightningCLI


class PhaseCLI(LightningCLI):
    def add_arguments_to_parser(self, parser):
        parser.add_argument("--init_from")

    def before_fit(self):
        if self.config.fit.init_from:
            checkpoint = torch.load(self.config.fit.init_from)
            self.model.load_state_dict(checkpoint["state_dict"])


if __name__ == "__main__":
    PhaseCLI()
