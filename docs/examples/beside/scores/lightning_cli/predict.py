import torch
from lightning.pytorch.cli import LightningCLI

if __name__ == "__main__":
    cli = LightningCLI(run=False)
    answers = cli.trainer.predict(cli.model, datamodule=cli.datamodule, ckpt_path="best.ckpt")
    torch.save(answers, "answers.pt")
